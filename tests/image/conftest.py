"""The one build that all tests of this folder look at."""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.image.builds import Built
from tools import debian_pool
from tools.image import settings
from tools.image.settings import RECIPE

WITHIN_S = 1800
"""For one test with all that must happen before it: a whole build, or several starts."""


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(WITHIN_S))


@pytest.fixture(scope="session")
def built(tmp_path_factory, figures):
    """All outputs, from one root file system, with how long each step took."""
    given = os.environ.get("CENTRALINO_TEST_IMAGES")
    folder = Path(given) if given else tmp_path_factory.mktemp("images")
    chosen = dataclasses.replace(
        settings.from_environment(), build=folder / "build", dist=folder / "dist"
    )
    if not given:
        # Asking the mirror is the network's time; everything after it is the build's.
        for name in ("packages", "tools"):
            debian_pool.filled(debian_pool.read_list(RECIPE / f"{name}.txt"))
        begin = time.monotonic()
        said = run_builder(folder, "image", "ova", "iso", "update")
        figures.add("build", "all images from cached packages", time.monotonic() - begin, "s", 360)
        for name, seconds in re.findall(r"^(\S.*?) +([0-9.]+) s", said, re.M):
            figures.add("build", name, float(seconds), "s")
    return Built(chosen)


def run_builder(folder, *targets):
    environment = {
        **os.environ,
        "CENTRALINO_BUILD": str(folder / "build"),
        "CENTRALINO_DIST": str(folder / "dist"),
    }
    command = [sys.executable, "-m", "tools.image", *targets]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=1500)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
