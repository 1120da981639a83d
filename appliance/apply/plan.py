"""The plan: what applying a state would do, computed without touching anything.

Three-way: what was applied last (manifest of the revision in force), what is on the
disk now (a file changed by hand shows here) and what the new state renders to.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from appliance.asterisk import reloads
from appliance.render.fileset import FileSet
from appliance.state.changes import Change
from appliance.state.codec import secrets_in
from appliance.state.machine import Machine
from appliance.state.system_state import SystemState

LONGEST_DIFFERENCE = 400
"""Lines of one file's difference that are shown; the rest is counted."""


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file that would be written, replaced or dropped.

    `by_hand` says that the file on the disk is not what was applied last, so that
    applying would undo somebody's manual change. `difference` is a unified diff from
    the disk to the new content, with secrets masked.
    """

    path: str
    kind: Literal["added", "removed", "changed"]
    difference: str
    by_hand: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What applying would do. `base` is the revision it was computed against."""

    base: int
    digest: str
    changes: tuple[Change, ...]
    files: tuple[FileChange, ...]
    reloads: tuple[str, ...]
    restart: bool

    @property
    def empty(self) -> bool:
        """Whether nothing at all would change."""
        return not self.changes and not self.files


def file_changes(
    new: FileSet, applied: dict[str, str], root: Path, secrets: Iterable[str]
) -> tuple[FileChange, ...]:
    """Compare new files with what is on the disk below `root`.

    `applied` maps path -> sha256 of the revision in force.
    """
    hidden = sorted({text for text in secrets if text}, key=len, reverse=True)
    found = []
    for path in sorted({*applied, *(file.path for file in new)}):
        change = _file_change(path, new, applied, root, hidden)
        if change:
            found.append(change)
    return tuple(found)


def _file_change(
    path: str, new: FileSet, applied: dict[str, str], root: Path, hidden: list[str]
) -> FileChange | None:
    on_disk = root / path
    old = on_disk.read_bytes() if on_disk.is_file() else None
    file = new.get(path)
    old_hash = hashlib.sha256(old).hexdigest() if old is not None else ""
    by_hand = path in applied and old_hash != applied[path]
    if file is not None and file.sha256 == old_hash:
        return None
    if file is None and old is None:
        return None
    kind: Literal["added", "removed", "changed"] = (
        "removed" if file is None else "added" if old is None else "changed"
    )
    text = _difference(path, old or b"", file.content if file else b"", hidden)
    return FileChange(path, kind, text, by_hand)


def _difference(path: str, old: bytes, new: bytes, hidden: list[str]) -> str:
    before, after = (text.decode("utf-8", "replace").splitlines() for text in (old, new))
    lines = _unified(path, before, after)
    more = len(lines) - LONGEST_DIFFERENCE
    if more > 0:
        lines = [*lines[:LONGEST_DIFFERENCE], f"… {more} more lines"]
    return masked("\n".join(lines), hidden)


_CONTEXT_LINES = 2
_HUNK = re.compile(r"@@ -(\d+)(,\d+)? \+(\d+)(,\d+)? @@")


def _unified(path: str, before: list[str], after: list[str]) -> list[str]:
    """A unified diff. Equal ends are cut off first: difflib alone takes seconds for the
    100,000 lines of ten thousand telephones, of which one has changed."""
    same = 0
    while same < min(len(before), len(after)) and before[same] == after[same]:
        same += 1
    tail = 0
    while tail < min(len(before), len(after)) - same and before[-1 - tail] == after[-1 - tail]:
        tail += 1
    skip = max(same - _CONTEXT_LINES, 0)
    drop = max(tail - _CONTEXT_LINES, 0)
    middle = (before[skip : len(before) - drop], after[skip : len(after) - drop])
    lines = difflib.unified_diff(*middle, path, path, lineterm="", n=_CONTEXT_LINES)
    return [
        _HUNK.sub(lambda found: _moved(found, skip), line, count=1) if line[:2] == "@@" else line
        for line in lines
    ]


def _moved(hunk: re.Match[str], lines: int) -> str:
    old, new = int(hunk[1]) + lines, int(hunk[3]) + lines
    return f"@@ -{old}{hunk[2] or ''} +{new}{hunk[4] or ''} @@"


_SECRET_LINE = re.compile(
    r"^([ +-]?\s*(?:password|password_digest|secret|outbound_password|pin)\s*[=:]>?\s*).+$", re.M
)


def masked(text: str, secrets: Iterable[str]) -> str:
    """The text with every secret, and every value of a secret-bearing option, as dots."""
    text = _SECRET_LINE.sub(r"\1••••••", text)
    for secret in secrets:
        if secret in text:
            text = text.replace(secret, "••••••")
    return text


def secret_texts(states: Iterable[SystemState], machine: Machine) -> set[str]:
    """Every secret text that a file of these states could hold."""
    found = {secret.reveal() for secret in machine.secrets.values()}
    for state in states:
        for name, part in state.services.items():
            found |= {secret.reveal() for _where, secret in secrets_in(part, name)}
    return found


def reloads_for(
    files: Iterable[FileChange], new: FileSet, applied: dict[str, tuple[str, ...]]
) -> tuple[tuple[str, ...], bool]:
    """The console commands that the changed files ask for, and whether a restart is due."""
    asked: set[str] = set()
    for change in files:
        file = new.get(change.path)
        asked |= set(file.reload if file else applied.get(change.path, ()))
    return reloads.in_order(asked), reloads.RESTART in asked
