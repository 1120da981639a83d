"""Restores a backup for somebody who stands in front of the machine.

It needs neither the portal nor the engine: backups lie on this disk or on a USB stick, and
the recovery code is typed. What was checked is put in place by the restart that follows.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from appliance.apply.errors import Refused
from appliance.firstboot import actions
from appliance.state.machine import Layout
from appliance.system.backup.desk import BACKUP_NAME
from appliance.system.backup.errors import BadBackup, TooNew, WrongCode
from appliance.system.backup.place import Identity
from appliance.system.backup.records import local_files
from appliance.system.backup.recovery_code import read_code
from appliance.system.backup.restore import order_restore
from appliance.terminal.screen import Screen, printable
from appliance.terminal.texts import Texts, language_of
from appliance.updates.sources import volumes_of

SHOWN = 20
YES = frozenset({"y", "yes", "s", "si", "sì"})
MOUNTED_AT = Path("/run/centralino-volumes")


class Terminal(Protocol):
    """What of a screen is used here."""

    def say(self, line: str = "", /) -> None: ...
    def line(self, question: str, /) -> str: ...


def main() -> int:
    """Entry point of `python -m appliance.system.restore_console`."""
    text, screen = Texts(language_of(os.environ)), Screen()
    with plugged_in() as folders:
        ordered = ask(screen, text, Layout(), found(Layout(), folders))
    if ordered:
        actions.restart()
    return 0 if ordered is not None else 1


def found(layout: Layout, folders: Sequence[Path]) -> list[Path]:
    """The backups on this disk and at the top of plugged-in ones, newest first each."""
    files = local_files(layout)
    for folder in folders:
        names = (each for each in folder.glob("*.backup") if BACKUP_NAME.fullmatch(each.name))
        files += sorted(names, key=lambda each: each.name, reverse=True)
    return files[:SHOWN]


def ask(screen: Terminal, text: Texts, layout: Layout, files: Sequence[Path]) -> bool | None:
    """Let somebody choose and confirm; True when a restore was ordered, False when they went
    back, None when it did not work (which was told)."""
    if not files:
        screen.say(text("No backup was found. Plug in a USB stick with one and try again."))
        return False
    for number, file in enumerate(files, start=1):
        size = file.stat().st_size / 1_000_000
        screen.say(f"{number:3}  {printable(file.name)}  {size:.1f} MB  {printable(_place(file))}")
    chosen = screen.line(text("Number of the backup (empty: back)"))
    if not (chosen.isascii() and chosen.isdigit() and 1 <= int(chosen) <= len(files)):
        return False
    code = screen.line(text("Recovery code"))
    take = screen.line(text("Take name and address of the backup too? [y/N]")).casefold()
    screen.say(text("Everything on this machine is replaced by the backup. Calls end."))
    word = text("RESTORE")
    if screen.line(text("Type %(word)s to go on, anything else to go back", word=word)) != word:
        return False
    identity: Identity = "take" if take in YES else "keep"
    return _order(screen, text, lambda: order_restore(
        layout, files[int(chosen) - 1], read_code(code), identity,
        progress=lambda step: screen.say(text(STEPS[step])),
    ))  # fmt: skip


STEPS = {
    "unpacking": "Opening and unpacking",
    "checking": "Checking every file",
    "proving": "Getting ready",
    "ordered": "The machine restarts with the backup.",
}


def _order(screen: Terminal, text: Texts, work: Callable[[], object]) -> bool | None:
    reasons: dict[type[Exception], str] = {
        WrongCode: "The recovery code is mistyped, or is not the one of this backup.",
        BadBackup: "The file is no backup, is cut off, or was changed.",
        TooNew: "The backup was made by a newer version. Update this machine first.",
    }
    try:
        work()
    except (Refused, OSError) as error:
        known = reasons.get(type(error))
        screen.say(text(known) if known else printable(str(error)))
        screen.say(text("Nothing was changed."))
        return None
    return True


def _place(file: Path) -> str:
    return file.parent.name if MOUNTED_AT in file.parents else "disk"


@contextmanager
def plugged_in() -> Iterator[list[Path]]:
    """The folders of plugged-in disks, mounted for reading by the system manager: this
    process has no right to mount."""
    folders = []
    try:
        for device, _label in _volumes():
            folder = MOUNTED_AT / device
            options = "ro,nosuid,nodev,noexec"
            command = ["systemd-mount", "--quiet", "--collect", "--fsck=no", "-o", options]
            mounted = subprocess.run([*command, f"/dev/{device}", str(folder)], check=False)
            folders += [folder] if mounted.returncode == 0 else []
        yield folders
    finally:
        for folder in folders:
            subprocess.run(["systemd-umount", "--quiet", str(folder)], check=False)


def _volumes() -> list[tuple[str, str]]:
    command = ["lsblk", "--json", "--list", "--output", "NAME,TYPE,FSTYPE,LABEL,MOUNTPOINTS"]
    listed = subprocess.run(command, capture_output=True, text=True, check=False)
    return list(volumes_of(json.loads(listed.stdout))) if listed.returncode == 0 else []


if __name__ == "__main__":
    sys.exit(main())
