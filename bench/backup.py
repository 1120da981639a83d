"""A backup and a restore of 500 extensions, beside tar and gzip of the same files.

The restore ends where the machine would restart: everything is proved and in its place.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from appliance.state.fields import Secret
from appliance.state.machine import Layout
from appliance.state.system_state import encode_system
from appliance.system.backup import place
from appliance.system.backup.members import parts
from appliance.system.backup.records import Records
from appliance.system.backup.recovery_code import keys_of
from appliance.system.backup.rehearse import rehearse
from appliance.system.backup.restore import order_restore
from appliance.system.backup.write import make
from tests.support.companies import company
from tests.support.leftovers import owned_folder
from tests.support.pbx import Pbx, new_system

T = TypeVar("T")

EXTENSIONS = 500
MESSAGES, MESSAGE_BYTES = 400, 250_000
"""Voicemail: 100 MB, as much as 400 messages of half a minute (8 kHz, 8 bit)."""


def main() -> None:
    """Print the figures."""
    services = encode_system(company(EXTENSIONS))["services"]
    with new_system(first_state=services) as system:
        _leave_messages(system.machine.layout)
        rows = _measured(system)
    print(f"{EXTENSIONS} extensions, {MESSAGES} voicemail messages")
    for what, seconds, beside in rows:
        print(f"  {what:34}{seconds:8.1f} s   {beside}".rstrip())


def _leave_messages(layout: Layout) -> None:
    folder = layout.asterisk_spool / "voicemail/default/1000/INBOX"
    folder.mkdir(parents=True)
    for number in range(MESSAGES):
        (folder / f"msg{number:04}.wav").write_bytes(os.urandom(MESSAGE_BYTES))
    records = Records(layout)
    records.accept_code(records.propose_code().reveal()[-4:])


def _measured(system: Pbx) -> list[tuple[str, float, str]]:
    layout, groups = system.machine.layout, system.machine.groups
    code = Records(layout).code()
    work = owned_folder("bench")
    try:
        folders = [str(part.folder) for part in parts(layout) if part.folder.is_dir()]
        packed, other = work / "plain.tar.gz", work / "unpacked"
        other.mkdir()
        tar, _ = _timed(lambda: _run("tar", "-I", "gzip -3", "-cf", str(packed), *folders))
        untar, _ = _timed(lambda: _run("tar", "-xzf", str(packed), "-C", str(other)))
        backup, made = _timed(lambda: make(layout, "pbx", groups, keys_of(code)))
        new = Layout(work / "new")
        new.state.mkdir(parents=True)
        restore, _ = _timed(lambda: _restore(new, made.path, code, groups))
        rehearsal, report = _timed(
            lambda: rehearse(layout, made.path, keys_of(code), system.runtime, groups)
        )
        assert report.passed, report.faults
        return [
            ("tar and gzip", tar, f"{packed.stat().st_size / 1e6:.0f} MB"),
            ("backup", backup, f"{made.size / 1e6:.0f} MB, {backup / tar:.2f} times tar"),
            ("tar unpacks", untar, ""),
            ("restore, in its place", restore, f"{restore / untar:.2f} times tar (limit 600 s)"),
            ("rehearsal", rehearsal, f"{report.asked} questions"),
        ]
    finally:
        shutil.rmtree(work)


def _restore(new: Layout, file: Path, code: Secret, groups: Mapping[str, int]) -> None:
    order_restore(new, file, code, "keep")
    place.finish(new, groups)


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    os.sync()
    begin = time.monotonic()
    result = work()
    os.sync()
    return time.monotonic() - begin, result


def _run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)


if __name__ == "__main__":
    main()
