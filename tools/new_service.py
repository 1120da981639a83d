"""Begins a new service: skeletons in every folder, each of which fails until it is written.

    python -m tools.new_service parking "Call parking: a number that parks a call"

Nothing is overwritten. `tests/house/test_services.py` names what is still missing.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from tools.rows import TOP

MODULE = '''"""{sentence}"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from appliance.render.environments import render_asterisk
from appliance.render.fileset import File
from appliance.state.faults import Fault
from appliance.state.machine import Machine
from appliance.state.references import Reference, References
from appliance.verify.probes import Probe


@dataclass(frozen=True, slots=True)
class State:
    """What the owner may wish for; without arguments it means that nothing is configured."""


def references(_state: State) -> Iterator[Reference]:
    """Yield what other services may point at."""
    raise AssertionError("{name}: say what others may point at")


def check(_state: State, _references: References) -> Iterator[Fault]:
    """Yield the faults that no single form can see."""
    raise AssertionError("{name}: say what can be wrong")


def files(state: State, _references: References, _machine: Machine) -> Iterator[File]:
    """Yield the files that follow from the state."""
    content = render_asterisk("{name}", "map_{name}.conf", state=state)
    yield File("etc/asterisk/map_{name}.conf", content, group="asterisk")


def probes(_state: State, _references: References) -> Iterator[Probe]:
    """Yield the questions whose answers prove that it runs."""
    raise AssertionError("{name}: say how a running Asterisk shows it")
'''

TEMPLATE = """; {sentence}
{{{{ undefined_until_{name}_is_written }}}}
"""

GOLDEN = '{{\n "{name}": {{"write": "a case with hostile values"}}\n}}\n'

CALLS = '''"""{sentence}"""

import pytest


@pytest.mark.row("NAME THE ROW")
def test_{name}_does_what_it_is_for(desks):
    pytest.fail("show it with real telephones")
'''


def skeletons(name: str, sentence: str) -> dict[str, str]:
    """Path -> text of everything that a new service needs."""
    values = {"name": name, "sentence": sentence}
    texts = {
        f"appliance/services/{name}.py": MODULE,
        f"templates/asterisk/{name}/map_{name}.conf.j2": TEMPLATE,
        f"tests/golden/{name}/hostile/state.json": GOLDEN,
        f"tests/calls/test_{name}.py": CALLS,
    }
    made = {path: text.format(**values) for path, text in texts.items()}
    for module in ("__init__", "forms", "models", "state", "views"):
        made[f"portal/{name}/{module}.py"] = f'"""{sentence}"""\n'
    made[f"changes/{name.replace('_', '-')}.feature.md"] = f"{sentence}\n"
    return made


def write(top: Path, made: dict[str, str]) -> list[str]:
    """Write what is not there yet; returns the paths that were written."""
    written = []
    for name, text in made.items():
        path = top / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            written.append(name)
    return written


def main() -> int:
    """Write the skeletons and say what remains by hand."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="plural and small, e.g. call_queues")
    parser.add_argument("sentence", help="what it is, in one sentence")
    options = parser.parse_args()
    if not re.fullmatch(r"[a-z]+(_[a-z]+)*", options.name):
        print("the name must be small letters and underscores", file=sys.stderr)
        return 2
    for path in write(TOP, skeletons(options.name, options.sentence)):
        print(f"wrote {path}")
    print(f"now: add {options.name} to appliance/services/registry.py, and run make check")
    return 0


if __name__ == "__main__":
    sys.exit(main())
