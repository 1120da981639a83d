"""Runs all tests in stages, says how long each took, and counts at the end.

    python -m tools.stages                 everything
    python -m tools.stages check           what needs neither Asterisk nor a browser
    python -m tools.stages calls shadow    these stages

Every folder of tests is a stage; a new one joins by itself. A stage that fails does not
stop the others, so that one run tells everything. Those that mostly wait go two at a time;
what they print comes when they end.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tools import python314
from tools.rows import TOP

NOT_STAGES = frozenset({"support"})
FIRST = ("house", "unit", "golden")
WAITING = ("web", "edge", "run", "shadow", "faults", "backup", "phones")
"""Stages that use half of the processors or less: two go side by side, longest first. All
they start lives in network namespaces and folders of its own."""

LAST = ("calls", "router", *WAITING, "image")
"""Stages between FIRST and these run in the order of their names. Calls and routers go alone:
they hold a clock to what somebody hears."""

PARALLEL = frozenset({"house", "unit", "golden"})
"""Stages whose tests share nothing. Some wait for a clock, so there is a worker more than
processors; whoever has nothing left takes over what others have yet to do."""

_EVENLY = ("-n", str((os.cpu_count() or 1) + 1), "--dist", "worksteal")

OTHER_DATABASE = "--portal-database=postgresql"
"""For the unit tests of a whole run: those on Python 3.14 have SQLite under the portal already."""

SIDE_BY_SIDE = {
    **dict.fromkeys(("backup", "edge", "faults", "run", "shadow", "web", "router", "image"), 2),
    "calls": 4,
}
"""Stage -> how many of its files go side by side: while one waits, another works. Calls do
little but wait; an emulated machine keeps one processor busy."""

AT_A_TIME = 2

CHECK = ("lint", *FIRST)


@dataclass(frozen=True, slots=True)
class Stage:
    """One part of the run. `counts` is False for commands that have no tests to count."""

    name: str
    command: tuple[str, ...]
    counts: bool = True


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a stage."""

    name: str
    seconds: float
    good: bool
    passed: int = 0
    failed: int = 0
    skipped: int = 0


def stages(*, quick: bool) -> Iterator[Stage]:
    """Every stage, quick ones first; `quick` asks for nothing that must be installed."""
    python = sys.executable
    yield Stage("lint", ("make", "--no-print-directory", "lint"), counts=False)
    for name in folders():
        options = _EVENLY if name in PARALLEL else _files_side_by_side(name)
        if name == "unit" and not quick:
            options = (OTHER_DATABASE, *options)
        yield Stage(name, (python, "-m", "pytest", "-q", *options, f"tests/{name}"))
        if name == FIRST[-1]:
            words = ["-q", *_EVENLY, "tests/unit", "tests/golden"]
            inside = tuple(python314.command(words))
            yield Stage("python3.14", inside, counts=False)


def _files_side_by_side(name: str) -> tuple[str, ...]:
    count = SIDE_BY_SIDE.get(name)
    return ("-n", str(count), "--dist", "loadfile", "--no-loadscope-reorder") if count else ()


def folders() -> list[str]:
    """The names of the folders that hold tests, in the order in which they run."""
    found = {path.parent.relative_to(TOP / "tests").parts[0] for path in _test_files()}
    middle = sorted(found - {*FIRST, *LAST, *NOT_STAGES})
    return [name for name in (*FIRST, *middle, *LAST) if name in found]


def _test_files() -> Iterator[Path]:
    return (path for path in (TOP / "tests").rglob("test_*.py") if path.parent != TOP / "tests")


def run(stage: Stage, *, quick: bool, output: IO[bytes] | None = None) -> Outcome:
    """Run one stage and count its tests; `output` takes what it prints."""
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = list(stage.command)
        if stage.counts:
            command += [f"--junitxml={report}", *(("-m", "not generated") if quick else ())]
        status = subprocess.run(
            command, cwd=TOP, env=_environment(), check=False, stdout=output, stderr=output
        ).returncode
        passed, failed, skipped = _counts(report) if report.exists() else (0, 0, 0)
    seconds = time.monotonic() - begin
    # A stage that died before it could report has failed once.
    failed = max(failed, 1) if status else failed
    return Outcome(stage.name, seconds, not status, passed, failed, skipped)


def run_aloud(stage: Stage, *, quick: bool) -> Outcome:
    """Run one stage that prints as it goes."""
    print(f"\n── {stage.name} ──", flush=True)
    return run(stage, quick=quick)


def run_aside(stage: Stage) -> Outcome:
    """Run one stage beside another, and print all it said at its end."""
    print(f"\n── {stage.name} begins ──", flush=True)
    with tempfile.TemporaryFile() as output:
        outcome = run(stage, quick=False, output=output)
        output.seek(0)
        said = output.read().decode("utf-8", "replace")
    print(f"\n── {stage.name} ──\n{said}", end="", flush=True)
    return outcome


def run_all(chosen: list[Stage], *, quick: bool) -> list[Outcome]:
    """Run these stages in their order, those that mostly wait two at a time."""
    outcomes = []
    for waits, group in itertools.groupby(chosen, key=lambda stage: stage.name in WAITING):
        if waits:
            with ThreadPoolExecutor(AT_A_TIME) as pool:
                outcomes += pool.map(run_aside, group)
        else:
            outcomes += [run_aloud(stage, quick=quick) for stage in group]
    return outcomes


def _environment() -> dict[str, str]:
    return {
        **os.environ,
        # Three workers read the same modules: one compiles them, whatever the machine prefers.
        "PYTHONDONTWRITEBYTECODE": "",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}:/usr/sbin:/sbin",
    }


def _counts(report: Path) -> tuple[int, int, int]:
    """(passed, failed, skipped) of a JUnit report written by pytest itself."""
    total = dict.fromkeys(("tests", "failures", "errors", "skipped"), 0)
    for suite in ElementTree.parse(report).getroot().iter("testsuite"):
        for name in total:
            total[name] += int(suite.get(name, 0))
    failed = total["failures"] + total["errors"]
    return total["tests"] - failed - total["skipped"], failed, total["skipped"]


def chosen(names: list[str]) -> list[Stage]:
    """The stages that the command line names; all of them when it names none."""
    quick = names == ["check"]
    wanted = CHECK if quick else tuple(names)
    every = list(stages(quick=quick))
    unknown = set(wanted) - {stage.name for stage in every}
    if unknown:
        sys.exit(f"no such stage: {', '.join(sorted(unknown))}")
    return [stage for stage in every if not wanted or stage.name in wanted]


def summary(outcomes: list[Outcome], seconds: float) -> str:
    """One line a stage, then the sum as test runners write it; `seconds` is how long all took."""
    lines = [
        f"{each.name:<12}{each.seconds:8.1f} s   {each.passed:5d} passed {each.failed:3d} failed "
        f"{each.skipped:3d} skipped{'' if each.good else '   <- failed'}"
        for each in outcomes
    ]
    lines.append(f"{'all':<12}{seconds:8.1f} s")
    counts = [sum(getattr(each, name) for each in outcomes) for name in ("passed", "failed")]
    skipped = sum(each.skipped for each in outcomes)
    lines += [
        "",
        f"{counts[0]} passed, {counts[1]} failed" + (f", {skipped} skipped" if skipped else ""),
    ]
    return "\n".join(lines)


def main() -> int:
    """Run the stages; 1 when any of them failed."""
    names = sys.argv[1:]
    begin = time.monotonic()
    outcomes = run_all(chosen(names), quick=names == ["check"])
    print(f"\n{summary(outcomes, time.monotonic() - begin)}", flush=True)
    return 0 if all(each.good for each in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
