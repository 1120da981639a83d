"""What is in a backup: its parts, the names of its members, its manifest.

A member's name begins with its part; where a part lies on a machine is decided here and
never taken from a file.
"""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from appliance.state.fields import Between, OptionalLabel, Pattern
from appliance.state.machine import RESTORED, Layout

FORMAT = 1
"""Version of the file's own form; a program opens those up to its own."""

ABOUT, MANIFEST, SIGNATURE = "about.json", "manifest.json", "manifest.hmac"

Size = Annotated[int, Between(0, 2**50)]
MemberName = Annotated[str, Pattern(r"[!-~ ]{1,400}", "the name of a file in a backup")]
Sha256 = Annotated[str, Pattern(r"[0-9a-f]{64}", "a SHA-256 hash")]


@dataclass(frozen=True, slots=True)
class About:
    """What a backup says of itself before anything else. `created` is UTC in ISO 8601.

    `revision` was in force when it was made (0: none yet); `left_out` are files whose names
    it cannot hold.
    """

    format: Annotated[int, Between(1, 10**6)]
    product: OptionalLabel
    version: Annotated[str, Pattern(r"[0-9]+(\.[0-9]+){1,3}", "a version such as 1.4.0")]
    schema_version: Annotated[int, Between(1, 10**6)]
    created: OptionalLabel
    host_name: OptionalLabel
    revision: Annotated[int, Between(0, 10**9)] = 0
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Member:
    """One file. `group` counts only where the part keeps groups; `changed` is its time of
    change in seconds since 1970."""

    name: MemberName
    size: Size
    sha256: Sha256
    mode: Annotated[int, Between(0, 0o777)]
    changed: Annotated[int, Between(0, 2**40)]
    group: OptionalLabel = ""


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything that must be in the file, and nothing else may."""

    about: About
    members: tuple[Member, ...]

    @property
    def size(self) -> int:
        """Bytes of all members."""
        return sum(member.size for member in self.members)


@dataclass(frozen=True, slots=True)
class Part:
    """One folder of a machine. `only` and `skip` are patterns of paths below it.

    Its files belong to root and the group that the manifest names (`owner` "engine"), or
    to whoever owns the folder on the machine that they come to.
    """

    name: str
    folder: Path
    owner: Literal["engine", "folder"] = "folder"
    only: tuple[str, ...] = ("*",)
    skip: tuple[str, ...] = ()

    def holds(self, path: str) -> bool:
        """Whether a backup has the file at this path below the folder."""
        wanted = any(fnmatch.fnmatchcase(path, pattern) for pattern in self.only)
        return wanted and not any(fnmatch.fnmatchcase(path, each) for each in self.skip)

    def files(self) -> Iterator[str]:
        """Paths of its regular files, in order; links and sockets are nobody's data."""
        for folder, folders, names in os.walk(self.folder):
            folders.sort()
            for name in sorted(names):
                whole = os.path.join(folder, name)
                path = os.path.relpath(whole, self.folder)
                if self.holds(path) and os.path.isfile(whole) and not os.path.islink(whole):
                    yield path


_SIDE = ("*.unfinished", "*.unfinished/*", "*-wal", "*-shm", "*-journal")
"""What cut-off work leaves, and SQLite's own files beside a database."""

_NOT_OF_STATE = (
    "candidate/*",
    "revisions/*/root/*",
    # A part of its own: it belongs to the portal.
    "music/*",
    "trial.json",
    "*.lock",
    # What people said, and what was collected once, is not kept longer than on the machine.
    "captures/*",
    "support/*",
    # Of this one machine: when it first started, what is wrong with it, its own backups.
    "first-boot.json",
    "alarms.json",
    "captures/*",
    "support/*",
    "alarms.d/*",
    "backup/records.json",
    "backup/pending-code",
    "backup/restored.json",
    "backup/own-network.json",
)

_NOT_OF_PROCESSES = ("setup-code", "recovery-code", "updates/*", "backups/*", "*.part", RESTORED)
"""One-time codes, what was sent to the portal, and the mark of a restore."""

SYSTEM_FILES = (
    "hostname",
    "hosts",
    "centralino/machine.json",
    "nftables.d/10-telephones.nft",
    "ssh/ssh_host_*",
    "systemd/network/10-address.network",
)
"""What makes a machine this one on its network: taken from a backup by choice only."""

IDENTITY = "system"
PROCESSES = ("portal", "provisioning", "live")


def parts(layout: Layout) -> tuple[Part, ...]:
    """The parts of a machine. What a neighbour adds below these folders is in the backup
    unless it says here that it does not belong there."""
    processes = tuple(
        Part(
            name,
            layout.state_of(name),
            skip=(*_NOT_OF_PROCESSES, *_SIDE),
        )
        for name in PROCESSES
    )
    return (
        Part("state", layout.state, "engine", skip=(*_NOT_OF_STATE, *_SIDE)),
        *processes,
        Part("asterisk", layout.asterisk_lib, only=("astdb.sqlite3", "moh/*"), skip=_SIDE),
        Part("music", layout.music, skip=_SIDE),
        Part("voicemail", layout.asterisk_spool / "voicemail", skip=("*/tmp/*", *_SIDE)),
        Part(IDENTITY, layout.prefix / "etc", "engine", only=SYSTEM_FILES),
    )


_NAME = re.compile(r"[A-Za-z0-9_@+=,~ .-]{1,200}")
_DEEPEST = 12


def allowed(name: str) -> bool:
    """Whether a member may be called so: a relative path without tricks."""
    if len(name) > 400 or "//" in name:
        return False
    pieces = name.split("/")
    sound = all(_NAME.fullmatch(piece) and piece not in {".", ".."} for piece in pieces)
    return sound and 2 <= len(pieces) <= _DEEPEST


def placed(name: str, known: Mapping[str, Part]) -> tuple[Part, str] | None:
    """The part and the path below its folder of a member; None when it has no place."""
    if not allowed(name):
        return None
    first, *rest = PurePosixPath(name).parts
    path = "/".join(rest)
    part = known.get(first)
    return (part, path) if part is not None and part.holds(path) else None
