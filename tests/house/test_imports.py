"""Who may import whom: the rules that keep the engine small and the services apart."""

from __future__ import annotations

import sys

import pytest

from tests.house.source import imported, module_name, python_files

OURS = (
    *("appliance", "portal", "provisioning", "ari_apps", "failover_router"),
    *("tools", "tests", "bench"),
)

NAMES = "appliance.asterisk.names"

COMMON = ("appliance.product", "appliance.paths", "appliance.credentials", NAMES)
"""What every process may use: name, folders, its own secrets, names of Asterisk's objects."""

FACTS = "appliance.system.machine"
"""Ports and addresses of the machine, which processes read and the engine's side writes."""

ROUTER_PROFILE = "failover_router.router_profile"
"""What a branch router reads, which the appliance writes."""

ROUTERS = (
    ROUTER_PROFILE,
    *("failover_router.decoding", "failover_router.door", "failover_router.report"),
    "failover_router.spoken_code",
    *("appliance.branches", "appliance.system.vpn", "appliance.system.branch_profile"),
)
"""What the portal says to routers, and makes for them."""

PRETENDED = (
    *("appliance.system.vpn_authority", "appliance.system.certificates"),
    "appliance.apply.errors",
)
"""What the pretend engine plays with in earnest: real certificates."""

MAY_USE = {
    # Both ends of a tunnel ask the same things of the kernel.
    "appliance": ("appliance", "failover_router"),
    "portal": (
        *COMMON,
        FACTS,
        "portal",
        "provisioning",
        "appliance.state",
        "appliance.services",
        "appliance.lint",
        # States of services that live beside the daemons they are for.
        *("appliance.system.firewall", "appliance.system.bans", "appliance.system.network"),
        "appliance.apply.client",
        "appliance.apply.machine_client",
        *ROUTERS,
        *PRETENDED,
    ),
    "provisioning": (
        *COMMON,
        FACTS,
        "provisioning",
        "appliance.state",
        "appliance.services",
        "appliance.render",
        # The machine's own address, where telephones fetch.
        "appliance.system.network",
        # To have telephones told to fetch again: the engine does it, in its own words.
        "appliance.apply.client",
        "appliance.asterisk.check_sync",
    ),
    "ari_apps": (
        *COMMON,
        FACTS,
        "ari_apps",
        "appliance.state",
        "appliance.services",
        "appliance.asterisk",
        "appliance.apply.client",
    ),
    "tools": (
        "appliance",
        "provisioning",
        "ari_apps",
        "tools",
        "tests",
        "portal",
        "failover_router",
    ),
}

ENGINE_LIBRARIES = frozenset({"jinja2", "markupsafe", "panoramisk"})


STORES = "appliance/system/backup/stores"
OF_ONE_FILE = {
    "appliance/firstboot/console.py": frozenset({"segno"}),
    f"{STORES}/sftp.py": frozenset({"paramiko"}),
    f"{STORES}/smb.py": frozenset({"smbclient", "smbprotocol"}),
    f"{STORES}/s3.py": frozenset({"minio", "urllib3"}),
}
"""Libraries that one file uses: a square code for the console, protocols for copies of backups."""


def within(name, allowed):
    return any(name == each or name.startswith(f"{each}.") for each in allowed)


@pytest.mark.parametrize("package", MAY_USE)
def test_a_package_uses_only_what_it_may(package):
    wrong = [
        f"{path}: {name}"
        for path, tree in python_files(package)
        for name in imported(tree, module_name(path))
        if name.split(".")[0] in OURS and not within(name, MAY_USE[package])
    ]
    assert not wrong


def test_the_engine_needs_the_standard_library_and_little_else():
    allowed = sys.stdlib_module_names | ENGINE_LIBRARIES | {"appliance", "failover_router"}
    wrong = [
        f"{path}: {name}"
        for path, tree in python_files("appliance")
        for name in imported(tree, module_name(path))
        if name.split(".")[0] not in allowed | OF_ONE_FILE.get(str(path), frozenset())
    ]
    assert not wrong


ABOVE_THE_SERVICES = ("/registry.py", "/outside.py", "/__init__.py")
"""What works on all services together."""


def test_services_meet_in_references_only():
    wrong = [
        f"{path}: {name}"
        for path, tree in python_files("appliance/services")
        if not path.endswith(ABOVE_THE_SERVICES)
        for name in imported(tree, module_name(path))
        if service_of(name) and service_of(name) != service_of(module_name(path))
    ]
    assert not wrong


def service_of(name):
    """The service that a module belongs to, "" for others; a service may be a package."""
    parts = name.split(".")
    return parts[2] if parts[:2] == ["appliance", "services"] and len(parts) > 2 else ""


def test_the_state_package_knows_no_service():
    wrong = [
        f"{path}: {name}"
        for path, tree in python_files("appliance/state")
        for name in imported(tree, module_name(path))
        if name.startswith("appliance.services")
    ]
    assert not wrong


def test_the_router_agent_needs_the_standard_library_alone():
    allowed = sys.stdlib_module_names | {"failover_router"}
    wrong = [
        f"{path}: {name}"
        for path, tree in python_files("failover-router/failover_router")
        for name in imported(tree, module_name(path.removeprefix("failover-router/")))
        if name.split(".")[0] not in allowed
    ]
    assert not wrong


def test_nothing_of_the_product_imports_tests():
    wrong = [
        f"{path}: {name}"
        for path, tree in python_files("appliance", "portal", "provisioning", "ari_apps")
        for name in imported(tree, module_name(path))
        if name.split(".")[0] in ("tests", "tools", "bench")
    ]
    assert not wrong
