"""Writing so that a power cut leaves the old or the new content, never a mixture."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

UNFINISHED = ".unfinished"
"""The end of every name that a cut-off run may leave behind; safe to delete at start."""


def scratch_name(path: Path) -> Path:
    """A name of its own beside `path`, for what is not whole yet or not any more."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}{UNFINISHED}")


def write_file(path: Path, content: bytes, mode: int = 0o600, group: int | None = None) -> None:
    """Replace `path` by a file with `content`; on the disk before this returns."""
    scratch = scratch_name(path)
    try:
        _write_new(scratch, content, mode, group)
        os.replace(scratch, path)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_tree(folder: Path, files: dict[str, tuple[bytes, int, int | None]]) -> None:
    """Write files below a new `folder`; everything is on the disk before this returns.

    `files` maps relative paths to (content, mode, group). Folders are readable for all:
    what is secret is protected by the modes of the files.
    """
    folders = {folder}
    _new_folder(folder)
    for name, (content, mode, group) in files.items():
        path = folder / name
        for parent in reversed(path.relative_to(folder).parents[:-1]):
            if folder / parent not in folders:
                folders.add(folder / parent)
                _new_folder(folder / parent)
        _write_new(path, content, mode, group)
    for each in sorted(folders, reverse=True):
        sync_folder(each)


def replace_link(link: Path, target: str) -> None:
    """Make `link` point at `target` by one rename (rename(2) is atomic)."""
    scratch = scratch_name(link)
    try:
        os.symlink(target, scratch)
        os.replace(scratch, link)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise
    sync_folder(link.parent)


def sync_folder(folder: Path) -> None:
    """Make the names inside `folder` durable (fsync of the directory)."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _new_folder(folder: Path) -> None:
    folder.mkdir()
    os.chmod(folder, 0o755)  # noqa: S103 - whatever the umask; Asterisk walks through it


def _write_new(path: Path, content: bytes, mode: int, group: int | None) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        if group is not None:
            os.fchown(file.fileno(), -1, group)
        os.fchmod(file.fileno(), mode)
        file.flush()
        os.fsync(file.fileno())
