"""Where a bundle may come from. Each is named by typed words, never by a path.

upload    a file that the portal has taken in
folder    a file in /data/updates, copied there by hand
volume    a file at the top of a plugged-in disk
address   the HTTPS address of the setting
"""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Literal

from appliance.firstboot.sources import mounted
from appliance.state.fields import Pattern
from appliance.state.machine import Layout
from appliance.updates.bundle import HEAD_AND_MANIFEST, SUFFIX
from appliance.updates.refused import UpdateRefused

FileName = Annotated[
    str,
    Pattern(r"([A-Za-z0-9][A-Za-z0-9._+~-]{0,99}\.update)?", "a file name that ends in .update"),
]
DeviceName = Annotated[str, Pattern(r"([a-z][a-z0-9]{1,31})?", "a device such as sdb1")]
Address = Annotated[
    str,
    Pattern(r"(https://[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?/[!-~]{0,500})?", "an https:// address"),
]
"""The address of a bundle; empty when none is set."""

FETCH_WITHIN_S = 3600
_ACCOUNT = "nobody"
_PLUGGED_IN = ("disk", "part", "rom")
_FILE_SYSTEMS = {"vfat", "exfat", "iso9660", "udf", "ext4"}


@dataclass(frozen=True, slots=True)
class Source:
    """One bundle's place. `name` is the file, `device` the volume."""

    kind: Literal["upload", "folder", "volume", "address"]
    name: FileName = ""
    device: DeviceName = ""


def folder_of(layout: Layout) -> Path:
    """Where a person may lay a bundle by hand."""
    return layout.prefix / "data/updates"


def uploads_of(layout: Layout) -> Path:
    """Where the portal keeps what was uploaded."""
    return layout.state_of("portal") / "uploads"


@contextmanager
def stream_of(source: Source, layout: Layout) -> Iterator[BinaryIO]:
    """The bundle's bytes, of everything but an address. UpdateRefused when it is not there."""
    if source.kind == "volume":
        with mounted(Path("/dev") / source.device) as folder:
            if not source.device or folder is None:
                raise UpdateRefused("The disk cannot be read. Is it still plugged in?")
            with _plain(folder / source.name) as stream:
                yield stream
        return
    folder = uploads_of(layout) if source.kind == "upload" else folder_of(layout)
    with _plain(folder / source.name) as stream:
        yield stream


def discard(source: Source, layout: Layout) -> None:
    """Remove an upload that has served; files of other places are not ours."""
    if source.kind == "upload":
        (uploads_of(layout) / source.name).unlink(missing_ok=True)


@contextmanager
def _plain(file: Path) -> Iterator[BinaryIO]:
    """A plain file, opened without following a link at its end."""
    try:
        handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise UpdateRefused("The file is not there any more.") from error
    with os.fdopen(handle, "rb") as stream:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise UpdateRefused("The file is not there any more.")
        yield stream


def fetch(address: str, target: Path, most: int | None, told: Callable[[int], None]) -> None:
    """Copy what an address gives to `target`, at most `most` bytes of it.

    curl does it, in an account that may do nothing here, and speaks HTTPS alone also when
    it is sent elsewhere. UpdateRefused with its words when it fails.
    """
    command = ["setpriv", f"--reuid={_ACCOUNT}", "--regid=nogroup", "--clear-groups"]
    command += ["--no-new-privs", "curl", "--proto", "=https", "--tlsv1.2", "--location"]
    command += ["--proto-redir", "=https", "--max-redirs", "3", "--fail", "--silent"]
    command += ["--show-error", "--connect-timeout", "20", "--speed-limit", "1000"]
    command += ["--speed-time", "60", "--max-time", str(FETCH_WITHIN_S), "--", address]
    with (
        target.open("wb") as file,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as curl,
    ):
        finished = _received(curl, file, most, told)
        said = curl.stderr.read().decode("utf-8", "replace") if curl.stderr else ""
    if finished and curl.returncode:
        raise UpdateRefused(
            "The update cannot be fetched: %(said)s", said=said.strip()[-200:] or "curl"
        )


def _received(
    curl: subprocess.Popen[bytes], file: BinaryIO, most: int | None, told: Callable[[int], None]
) -> bool:
    """Write what curl sends; False when there was more than was wanted."""
    done = 0
    while piece := curl.stdout.read(65536) if curl.stdout else b"":
        if most is not None and done + len(piece) >= most:
            file.write(piece[: most - done])
            curl.kill()
            return False
        file.write(piece)
        done += len(piece)
        told(done)
    return True


def beginning_of(address: str, target: Path) -> None:
    """The head and the manifest of what an address gives, and no more."""
    fetch(address, target, HEAD_AND_MANIFEST, lambda _done: None)


def everywhere(layout: Layout) -> Iterator[tuple[Source, str]]:
    """Every bundle in the folder and on volumes, with a place for people."""
    for name in _names(folder_of(layout)):
        yield Source("folder", name), f"{folder_of(layout)}/{name}"
    for device, label in _volumes():
        with mounted(Path("/dev") / device) as folder:
            names = list(_names(folder)) if folder else []
        for name in names:
            yield Source("volume", name, device), f"{label or device}: {name}"


def _names(folder: Path) -> Iterator[str]:
    """File names that a source may have, in order."""
    pattern = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+~-]{0,99}" + re.escape(SUFFIX))
    if folder.is_dir():
        found = (path.name for path in sorted(folder.iterdir()) if path.is_file())
        yield from (name for name in found if pattern.fullmatch(name))


def _volumes() -> Iterator[tuple[str, str]]:
    """Device and label of every volume that nothing is mounted from."""
    command = ["lsblk", "--json", "--list", "--output", "NAME,TYPE,FSTYPE,LABEL,MOUNTPOINTS"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True)
    yield from volumes_of(json.loads(listed.stdout))


def volumes_of(listed: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The volumes in lsblk's answer that may hold a bundle."""
    for each in listed["blockdevices"]:
        free = not any(each.get("mountpoints") or ())
        if each["type"] in _PLUGGED_IN and each.get("fstype") in _FILE_SYSTEMS and free:
            yield each["name"], str(each.get("label") or "")
