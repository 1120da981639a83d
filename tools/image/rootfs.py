"""The root file system: Debian's packages, our roles, and nothing that belongs to one machine."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tools import debian_pool, debian_root
from tools.image import accounts, roles, updates, wheels
from tools.image.settings import Settings

EXCLUDED = (
    "/usr/share/doc/*",
    "/usr/share/man/*",
    "/usr/share/info/*",
    "/usr/share/locale/*",
    "/usr/share/lintian/*",
    "/etc/asterisk/*",
)
INCLUDED = ("/usr/share/doc/*/copyright",)
"""Licences ask that their text goes with the program."""


def build(settings: Settings) -> Path:
    """Make the finished root in `settings.root`; returns it."""
    plain = debian(settings.edition.packages)
    collected = wheels.collect(settings)
    shutil.rmtree(settings.root, ignore_errors=True)
    settings.build.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "--archive", "--reflink=auto", plain, settings.root], check=True)
    roles.apply(settings, settings.root, collected)
    strip(settings.root, settings.edition.removals)
    updates.describe(settings)
    clamp_times(settings.root, settings.epoch)
    settle_updates(settings.root, settings.epoch)
    return settings.root


def debian(packages: Path) -> Path:
    """A Debian root with the packages of a list, kept in the cache for the next build."""
    names = debian_pool.read_list(packages)
    pool = debian_pool.filled(names)
    inputs = [(pool / debian_pool.INDEX).read_bytes(), accounts.LIST.read_bytes()]
    inputs += [repr((EXCLUDED, INCLUDED)).encode()]
    key = hashlib.sha256(b"\0".join(inputs)).hexdigest()[:12]
    place = debian_root.cache_folder() / f"base-{debian_root.SUITE}-{key}"
    if not place.exists():
        with debian_root.alone_at(place):
            if not place.exists():
                _mmdebstrap(names, pool, place)
    return place


def _mmdebstrap(names: tuple[str, ...], pool: Path, place: Path) -> None:
    scratch = place.with_name(f".{place.name}.{os.getpid()}")
    command = ["mmdebstrap", "--variant=minbase", f"--include={','.join(names)}"]
    command += [f"--dpkgopt=path-exclude={each}" for each in EXCLUDED]
    command += [f"--dpkgopt=path-include={each}" for each in INCLUDED]
    try:
        with _account_files() as prepared:
            # Before any package makes an account of its own choosing.
            appended = "for f in passwd group shadow gshadow; do cat {0}/$f >> $1/etc/$f; done"
            command += [f"--essential-hook={appended.format(prepared)}"]
            command += [debian_root.SUITE, str(scratch), debian_pool.source(pool)]
            debian_root.run_mmdebstrap(command)
        scratch.rename(place)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def _account_files() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="accounts-") as folder:
        for name, lines in accounts.files().items():
            (Path(folder) / name).write_text(lines)
        yield Path(folder)


def strip(root: Path, removals: Iterable[Path]) -> None:
    """Remove what packages left that belongs to one machine or to the builder, and what
    an edition has no use for."""
    for pattern in (each for file in removals for each in debian_pool.read_list(file)):
        for found in root.glob(pattern):
            if found.is_dir() and not found.is_symlink():
                shutil.rmtree(found)
            else:
                found.unlink()
    (root / "etc/machine-id").write_text("")
    resolver = root / "etc/resolv.conf"
    resolver.unlink(missing_ok=True)
    resolver.symlink_to("../run/systemd/resolve/stub-resolv.conf")


def settle_updates(root: Path, epoch: int) -> None:
    """Tell systemd that /etc and /var are as new as /usr (systemd-update-done.service(8)).

    Otherwise the first start would make the linker's cache and the accounts once more.
    """
    os.utime(root / "usr", (epoch, epoch))
    for folder in ("etc", "var"):
        mark = root / folder / ".updated"
        mark.write_text(f"TIMESTAMP_NSEC={epoch * 10**9}\n")
        os.utime(mark, (epoch, epoch))


def clamp_times(root: Path, epoch: int) -> None:
    """Let no file be younger than the build's date: the hour of a build is no input."""
    for folder, _names, files in os.walk(root):
        for name in [".", *files]:
            _clamp(os.path.join(folder, name), epoch)


def _clamp(path: str, epoch: int) -> None:
    if os.lstat(path).st_mtime > epoch:
        os.utime(path, (epoch, epoch), follow_symlinks=False)
