"""What each service must bring along; the failure names what is missing."""

from __future__ import annotations

import inspect
import json

import pytest

from appliance.services import registry
from tests.house.source import TOP, tracked

VERBS = ("references", "check", "files", "probes")

NO_SCREEN = frozenset({"asterisk_core", "dialplan", "web_front"})
"""Services without wishes of an owner, or whose few are on the system's screen."""

OWED = frozenset({
    # (service, part): what is known to be missing. An entry that is no longer true fails too.
})  # fmt: skip


def parts(service):
    """(part, whether it is there) of everything that a service needs."""
    module = registry.SERVICES[service]
    yield "docstring", bool((module.__doc__ or "").strip())
    yield "State class", inspect.isclass(getattr(module, "State", None))
    for verb in VERBS:
        function = getattr(module, verb, None)
        yield f"{verb}()", callable(function)
        yield f"docstring of {verb}()", bool((getattr(function, "__doc__", "") or "").strip())
    yield "default State that is empty", module.State() == module.State()
    if renders(module):
        yield "golden case", golden(service)


def renders(module):
    """Whether the service writes files at all."""
    return "yield from ()" not in inspect.getsource(module.files)


def golden(service):
    folder = TOP / "tests/golden"
    if any((folder / service).glob("*/state.json")):
        return True
    return any(
        service in json.loads(path.read_text()) for path in folder.glob("system/*/state.json")
    )


@pytest.mark.parametrize("service", registry.SERVICES)
def test_a_service_has_all_its_parts(service):
    missing = {part for part, there in parts(service) if not there}
    owed = {part for name, part in OWED if name == service}
    assert missing == owed


def test_every_module_of_services_is_in_the_registry():
    modules = {
        path.removeprefix("appliance/services/").removesuffix(".py").split("/")[0]
        for path in tracked()
        if path.startswith("appliance/services/") and path.endswith(".py")
    }
    helpers = {"__init__", "registry"}
    outside = {name for name in modules - helpers - set(registry.SERVICES) if not is_helper(name)}
    assert not outside


def is_helper(name):
    """Whether a module beside the services has no State of its own: shared by some of them."""
    path = TOP / "appliance/services" / f"{name}.py"
    return path.is_file() and "class State" not in path.read_text()


def test_what_is_owed_belongs_to_services_that_exist():
    assert {service for service, _part in OWED} <= set(registry.SERVICES)
