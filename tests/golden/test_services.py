"""Whole files as they come out, for states that are kept beside them.

A case is a folder with `state.json` (services that are not empty) and `expected/`:

    tests/golden/<service>/<case>/     the files of that service
    tests/golden/system/<case>/        all files

`make golden UPDATE=1` writes what comes out now and prints the difference that is being
accepted. At least one case of each service has values that want to be syntax.
"""

from __future__ import annotations

import difflib
import json
import os
import shutil
from pathlib import Path

import pytest

from appliance import credentials
from appliance.services import registry
from appliance.state.fields import Secret
from appliance.state.machine import Machine
from appliance.state.system_state import SCHEMA_VERSION

HERE = Path(__file__).resolve().parent
CASES = sorted(path.parent for path in HERE.glob("*/*/state.json"))

MACHINE = Machine(
    host_name="pbx.example",
    groups={"asterisk": 101, "centralino-web": 102},
    secrets={name: Secret(f"golden-{name}") for name in credentials.ALL},
    addresses=("192.0.2.10",),
)


def rendered(case: Path) -> dict[str, str]:
    """Path -> text of every file that this case is about."""
    services = json.loads((case / "state.json").read_text())
    state = registry.decode({"schema_version": SCHEMA_VERSION, "services": services})
    faults = registry.check(state)
    assert not faults, faults
    known = registry.references(state)
    chosen = registry.SERVICES if case.parent.name == "system" else [case.parent.name]
    return {
        file.path: file.content.decode()
        for name in chosen
        for file in registry.SERVICES[name].files(state[name], known, MACHINE)
    }


def expected(case: Path) -> dict[str, str]:
    folder = case / "expected"
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.name}")
def test_the_files_are_as_they_were_accepted(case):
    new, old = rendered(case), expected(case)
    if os.environ.get("GOLDEN_UPDATE"):
        accept(case, old, new)
    else:
        assert new == old, "look at the difference; `make golden UPDATE=1` accepts it"


def accept(case, old, new):
    shutil.rmtree(case / "expected", ignore_errors=True)
    for path in sorted({*old, *new}):
        before, after = (files.get(path, "").splitlines() for files in (old, new))
        print(*difflib.unified_diff(before, after, path, path, lineterm=""), sep="\n")  # noqa: T201
    for path, text in new.items():
        file = case / "expected" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.name}")
def test_rendering_twice_gives_the_same_bytes(case):
    assert rendered(case) == rendered(case)
