"""Our own code and the few libraries that Debian does not have, as wheels.

The libraries are named with their hashes in the recipe, so what is downloaded is what
was read; our own is built from the checkout. Beside them lie the templates as one archive:
Ansible asks about every file of a folder by itself, a second each.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
from contextlib import nullcontext
from pathlib import Path

from tools import debian_root
from tools.image.settings import CHECKOUT, RECIPE, Settings

LIST = RECIPE / "wheels.txt"
TEMPLATES = "templates.tar"


def collect(settings: Settings) -> Path:
    """A folder with every wheel; what was fetched once is kept in the cache."""
    kept = debian_root.cache_folder() / "wheels"
    kept.mkdir(parents=True, exist_ok=True)
    folder = settings.build / "wheels"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with debian_root.alone_at(kept):
        if _pip("download", "--no-index", f"--find-links={kept}", *_chosen(folder)):
            _must(_pip("download", *_chosen(kept)))
            _must(_pip("download", "--no-index", f"--find-links={kept}", *_chosen(folder)))
    _build_own(settings, folder)
    _pack_templates(settings)
    return folder


def _chosen(folder: Path) -> list[str]:
    only = ["--only-binary=:all:", "--python-version=3.14", "--no-deps", "--require-hashes"]
    return [*only, f"--dest={folder}", f"--requirement={LIST}"]


def _build_own(settings: Settings, folder: Path) -> None:
    """From a copy: a build folder left in the checkout may hold files of another branch."""
    source = settings.build / "source"
    shutil.rmtree(source, ignore_errors=True)
    source.mkdir()
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=CHECKOUT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (CHECKOUT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(CHECKOUT / name, source / name)
    isolated = ["--no-deps", "--no-build-isolation", "--no-index"]
    _must(_pip("wheel", *isolated, f"--wheel-dir={folder}", str(source), settings=settings))


def _pack_templates(settings: Settings) -> None:
    """The same bytes from the same templates; their times are the build's."""
    templates = settings.build / "source/templates"
    with tarfile.open(settings.build / TEMPLATES, "w") as archive:
        for path in sorted(templates.rglob("*")):
            entry = archive.gettarinfo(path, str(path.relative_to(templates)))
            entry.uid = entry.gid = 0
            entry.uname = entry.gname = "root"
            entry.mode = 0o755 if entry.isdir() else 0o644
            entry.mtime = settings.epoch
            with path.open("rb") if entry.isfile() else nullcontext() as content:
                archive.addfile(entry, content)


def _pip(*arguments: str, settings: Settings | None = None) -> str:
    """Run pip; returns what it complained of, nothing when it succeeded."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments]
    environment = settings.environment() if settings else None
    finished = subprocess.run(command, capture_output=True, text=True, env=environment)
    return (finished.stderr or "pip failed") if finished.returncode else ""


def _must(complaint: str) -> None:
    if complaint:
        sys.exit(f"The Python packages could not be had:\n{complaint}")
