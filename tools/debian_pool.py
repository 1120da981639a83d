"""A folder of Debian packages from which roots are built, again and again, without a mirror.

The mirror is asked once for a list of packages: apt resolves it, checks signatures and
hashes, and leaves the files here with an index of their own. Every root is then built
from the folder alone, so the same folder gives the same root, today and in a year.

Settings: those of `tools.debian_root`. `refresh()` asks the mirror for what is new.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tools import debian_root

INDEX = "Packages"
_BASE = ("?essential", "?priority(required)", "apt")
"""What mmdebstrap's smallest variant holds, in apt's pattern language (apt-patterns(7))."""


@dataclass(frozen=True, slots=True)
class Package:
    """One package of the pool; `sha256` is that of its file."""

    name: str
    version: str
    architecture: str
    sha256: str


def read_list(file: Path) -> tuple[str, ...]:
    """The names in a list of packages; `#` begins a comment."""
    lines = (line.partition("#")[0].strip() for line in file.read_text().splitlines())
    return tuple(line for line in lines if line)


def folder_for(packages: tuple[str, ...], suite: str = debian_root.SUITE) -> Path:
    """Where the pool for this list lies, filled or not."""
    key = hashlib.sha256("\n".join((suite, *sorted(packages))).encode()).hexdigest()[:12]
    return debian_root.cache_folder() / f"pool-{suite}-{key}"


def filled(packages: tuple[str, ...]) -> Path:
    """The pool for a list; fetched from the mirror when it is not there yet."""
    folder = folder_for(packages)
    if not (folder / INDEX).exists():
        with debian_root.alone_at(folder):
            if not (folder / INDEX).exists():
                refresh(packages)
    return folder


def refresh(packages: tuple[str, ...]) -> Path:
    """Fetch the pool for a list anew; what is already here is not fetched again."""
    folder = folder_for(packages)
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    scratch.chmod(0o755)
    try:
        for known in folder.glob("*.deb"):
            os.link(known, scratch / known.name)
        _download(packages, scratch)
        _drop_unused(packages, scratch)
        _write_index(scratch)
        shutil.rmtree(folder, ignore_errors=True)
        scratch.rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def source(pool: Path) -> str:
    """The pool as a line of apt's sources. Its files were checked when they were fetched."""
    return f"deb [trusted=yes] copy:{pool} ./"


def contents(pool: Path) -> tuple[Package, ...]:
    """Every package of the pool, by name."""
    found = []
    for block in (pool / INDEX).read_text().split("\n\n"):
        fields = dict(re.findall(r"^(Package|Version|Architecture|SHA256): (\S+)$", block, re.M))
        if fields:
            values = (fields[key] for key in ("Package", "Version", "Architecture", "SHA256"))
            found.append(Package(*values))
    return tuple(sorted(found, key=lambda each: each.name))


def _download(packages: tuple[str, ...], folder: Path) -> None:
    (folder / "partial").mkdir()
    _with_apt(f"--download-only -oDir::Cache::archives={folder}", packages, "")
    shutil.rmtree(folder / "partial")
    (folder / "lock").unlink(missing_ok=True)


def _drop_unused(packages: tuple[str, ...], folder: Path) -> None:
    """Remove older versions that an earlier fetch left: two of a name would be a choice."""
    with tempfile.NamedTemporaryFile(prefix="uris-") as listed:
        _with_apt("--print-uris -oDir::Cache::archives=/nowhere", packages, f">{listed.name}")
        wanted = set(re.findall(r"^'[^']+' (\S+) ", Path(listed.name).read_text(), re.M))
    for file in folder.glob("*.deb"):
        if file.name not in wanted:
            file.unlink()


def _with_apt(options: str, packages: tuple[str, ...], output: str) -> None:
    """Run apt-get in an empty root that knows the mirror and nothing else."""
    names = shlex.join([*_BASE, *packages])
    apt = f"apt-get --quiet --yes --no-install-recommends {options} install {names} {output}"
    command = ["mmdebstrap", "--variant=custom", "--format=null", *debian_root.apt_options()]
    command += [f'--customize-hook=APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" {apt}']
    command += [debian_root.SUITE, "/dev/null", *debian_root.mirror()]
    debian_root.run_mmdebstrap(command)


def _write_index(folder: Path) -> None:
    """Index the folder as a repository; mmdebstrap picks packages by the suite's name."""
    suite = [f"-oAPT::FTPArchive::Release::{key}={debian_root.SUITE}" for key in _SUITE_FIELDS]
    for target, command in {INDEX: ["packages"], "Release": [*suite, "release"]}.items():
        scan = ["apt-ftparchive", *command, "."]
        listed = subprocess.run(scan, cwd=folder, check=True, capture_output=True)
        (folder / target).write_bytes(listed.stdout)


_SUITE_FIELDS = ("Suite", "Codename")
