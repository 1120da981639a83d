"""The openssl program: the one place that runs it. Keys stay in files, never in arguments."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

Word = str | int | Path


def run(*arguments: Word) -> bytes:
    """What openssl prints; CalledProcessError when it refuses."""
    done = subprocess.run(
        [program(), *map(str, arguments)],
        check=True,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "LC_ALL": "C"},
    )
    return done.stdout


def make_key(path: Path) -> None:
    """Write a new private key on the curve P-256 to `path`."""
    run("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path)


def program() -> str:
    """Where openssl is; FileNotFoundError when it is not installed."""
    found = shutil.which("openssl")
    if found is None:
        raise FileNotFoundError("openssl is not installed")
    return found
