"""The builder's own Debian root: the programs that make images, in the appliance's suite.

They come from there and not from the host, because file systems and boot loaders are to
be the same bytes wherever the image is built.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from tools import debian_pool, debian_root
from tools.image.settings import RECIPE, Settings

_PLAIN = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*")


def folder() -> Path:
    """The root of tools; built when it is not there yet."""
    pool = debian_pool.filled(debian_pool.read_list(RECIPE / "tools.txt"))
    key = hashlib.sha256((pool / debian_pool.INDEX).read_bytes()).hexdigest()[:12]
    place = debian_root.cache_folder() / f"tools-{debian_root.SUITE}-{key}"
    if not place.exists():
        with debian_root.alone_at(place):
            if not place.exists():
                _build(pool, place)
    return place


def _build(pool: Path, place: Path) -> None:
    scratch = place.with_name(f".{place.name}.{os.getpid()}")
    names = ",".join(debian_pool.read_list(RECIPE / "tools.txt"))
    command = ["mmdebstrap", "--variant=minbase", f"--include={names}"]
    command += [f"--dpkgopt=path-exclude={each}" for each in _PLAIN]
    command += [debian_root.SUITE, str(scratch), debian_pool.source(pool)]
    try:
        debian_root.run_mmdebstrap(command)
        scratch.rename(place)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def run(
    settings: Settings,
    command: Iterable[str | Path],
    *,
    shared: Iterable[Path] = (),
    output: Path | None = None,
    typed: str | None = None,
) -> str:
    """Run a program of the toolbox; it sees the build folders, and `shared`, at their places.

    `typed` is its standard input. Returns what it printed, or writes it to `output`.
    CalledProcessError, with the program's own words, when it fails.
    """
    root = folder()
    places = [settings.build, settings.dist, *shared]
    inside = ["chroot", str(root), *map(str, command)]
    script = "\n".join([*_bound(root, places), f"exec {shlex.join(inside)}"])
    finished = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-ec", script],
        input=typed,
        env=settings.environment(),
        stdout=output.open("wb") if output else subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    if finished.returncode:
        said = (finished.stdout or "") + finished.stderr
        raise BuildError(f"{shlex.join(map(str, command))}\n{said.strip()}")
    return finished.stdout or ""


class BuildError(RuntimeError):
    """A step of the build failed; the message is the program and what it said."""


def _bound(root: Path, places: Iterable[Path]) -> Iterable[str]:
    at = shlex.quote(str(root))
    yield f"mount -t proc proc {at}/proc"
    yield f"mount --rbind /dev {at}/dev"
    yield f"mount -t tmpfs tmpfs {at}/tmp"
    for place in places:
        inside = shlex.quote(f"{root}{place}")
        yield f"mkdir -p {shlex.quote(str(place))} {inside}"
        yield f"mount --rbind {shlex.quote(str(place))} {inside}"
