"""The one build that all tests of this folder look at."""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
import re
import time
from pathlib import Path

import pytest

from tests.image.builds import Built, run_builder
from tools import debian_pool
from tools.image import edition, settings
from tools.image.settings import RECIPE

WITHIN_S = 1800
"""For one test with all that must happen before it: a whole build, or several starts."""


LONGEST_FIRST = ("test_ova_and_updates.py", "test_router.py", "test_machines.py")
"""Files whose machines start one after the other. Two workers take the first two; that of the
routers has a build of its own to do while the other makes the images of the appliance."""


def pytest_collection_modifyitems(items):
    ours = [item for item in items if Path(__file__).parent in item.path.parents]
    for item in ours:
        item.add_marker(pytest.mark.timeout(WITHIN_S))
    order = {name: number for number, name in enumerate(LONGEST_FIRST)}
    # Sorting is stable: within a file everything stays as it is written.
    ours.sort(key=lambda item: order.get(item.path.name, len(order)))
    others = [item for item in items if item not in set(ours)]
    items[:] = [*others, *ours]


@pytest.fixture(scope="session")
def built(tmp_path_factory, figures):
    """All outputs, from one root file system, with how long each step took.

    Workers side by side share one build: the first makes it, the others wait.
    """
    return built_in("images", tmp_path_factory, lambda folder: build_all(folder, figures))


@pytest.fixture(scope="session")
def built_router(tmp_path_factory):
    """The outputs of the branch router's edition."""
    made = built_in("router-images", tmp_path_factory, lambda folder: run_builder(folder, "router"))
    return Built(made.settings.of(edition.ROUTER))


def built_in(name, tmp_path_factory, build):
    """One build of this run, or the one that is kept where CENTRALINO_TEST_IMAGES says."""
    given = os.environ.get("CENTRALINO_TEST_IMAGES")
    folder = (Path(given) if given else shared(tmp_path_factory)) / name
    chosen = dataclasses.replace(
        settings.from_environment(), build=folder / "build", dist=folder / "dist"
    )
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            build(folder)
            (folder / "complete").touch()
    return Built(chosen)


@dataclasses.dataclass(frozen=True)
class Told:
    """What the tests of one machine tell those of another, which may go on side by side."""

    folder: Path

    def tell(self, name, facts):
        made = self.folder / f".{name}"
        made.write_text(json.dumps(facts))
        made.rename(self.folder / name)

    def of(self, name):
        """What was told of a machine; the test is left out when no test of this run starts it."""
        if not (self.folder / name).exists() and "PYTEST_XDIST_WORKER" not in os.environ:
            pytest.skip(f"no machine “{name}” in this run")
        deadline = time.monotonic() + WITHIN_S / 2
        while not (self.folder / name).exists():
            assert time.monotonic() < deadline, f"no machine “{name}” has started"
            time.sleep(2)
        return json.loads((self.folder / name).read_text())


@pytest.fixture(scope="session")
def told(tmp_path_factory):
    folder = shared(tmp_path_factory) / "told"
    folder.mkdir(exist_ok=True)
    return Told(folder)


def shared(tmp_path_factory):
    """A folder of this run that all its workers have in common."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


def build_all(folder, figures):
    # Asking the mirror is the network's time; everything after it is the build's.
    for name in ("packages", "tools"):
        debian_pool.filled(debian_pool.read_list(RECIPE / f"{name}.txt"))
    begin = time.monotonic()
    said = run_builder(folder, "image", "ova", "iso", "update")
    figures.add("build", "all images from cached packages", time.monotonic() - begin, "s", 360)
    for name, seconds in re.findall(r"^(\S.*?) +([0-9.]+) s", said, re.M):
        figures.add("build", name, float(seconds), "s")
