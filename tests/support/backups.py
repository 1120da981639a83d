"""Machines to back up and to restore, and hostile backups.

`forged` makes a backup that says whatever a test wants, with the right keys: what is then
refused is refused for its content.
"""

from __future__ import annotations

import gzip
import hashlib
import hmac
import io
import json
import os
import sqlite3
import tarfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from appliance.apply.revisions import RevisionStore
from appliance.state.codec import canonical_json
from appliance.state.machine import Layout
from appliance.system.backup.crypt import opening, sealing
from appliance.system.backup.members import IDENTITY, Part, parts
from appliance.system.backup.records import Records
from appliance.system.backup.recovery_code import Keys, keys_of, new_code
from tests.support.companies import company
from tests.support.pretend import pretend_engine

CODE = new_code()
KEYS = keys_of(CODE)
GROUPS = {"asterisk": os.getgid(), "centralino": os.getgid()}


def furnished(folder: Path, people: int = 3) -> Layout:
    """A machine on which a company of some people is in force, with voicemail and a portal."""
    engine = pretend_engine(folder)
    engine.apply(company(people), engine.store.current(), "Ada", "first")
    engine.apply(company(people + 1), engine.store.current(), "Ada", "second")
    engine.tick()
    layout = Layout(folder)
    _write(layout.state / "secrets/portal-data", b"a secret of this machine", 0o600)
    _write(layout.state / "certificates/authority.key", b"the authority's key", 0o600)
    _write(layout.state / "first-boot.json", b"{}")
    _write(layout.state / "captures/call.pcap", b"what somebody said")
    _write(layout.asterisk_spool / "voicemail/default/215/INBOX/msg0000.wav", b"RIFF" * 5000)
    _write(layout.asterisk_spool / "voicemail/default/215/tmp/half.wav", b"RIFF")
    _write(layout.asterisk_lib / "moh/waltz/piece.wav", b"music")
    _write(layout.prefix / "etc/hostname", b"old-pbx\n", 0o644)
    _write(layout.facts, canonical_json({"host_name": "old-pbx", "addresses": ["192.0.2.7"]}))
    _write(layout.state_of("portal") / "setup-code", b"AAAA")
    database(layout.state_of("portal") / "portal.sqlite3", rows=people)
    Records(layout).propose_code()
    (layout.backup_records / "pending-code").rename(layout.backup_records / "code")
    return layout


def blank(folder: Path) -> Layout:
    """A machine that has started for the first time and knows nothing."""
    pretend_engine(folder)
    layout = Layout(folder)
    _write(layout.state / "secrets/portal-data", b"a secret of the new machine", 0o600)
    _write(layout.state / "first-boot.json", b"{}")
    _write(layout.prefix / "etc/hostname", b"new-pbx\n", 0o644)
    _write(layout.facts, canonical_json({"host_name": "new-pbx", "web_port": 8443}))
    database(layout.state_of("portal") / "portal.sqlite3", rows=0)
    return layout


def database(path: Path, rows: int) -> None:
    """A database as the portal keeps it, in WAL mode."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE accounts (name TEXT)")
        connection.executemany("INSERT INTO accounts VALUES (?)", [("x",)] * rows)
        connection.commit()


def known(layout: Layout) -> dict[str, Part]:
    """The parts of a machine by their names."""
    return {part.name: part for part in parts(layout)}


def kept(layout: Layout) -> dict[str, bytes]:
    """Everything of a machine that backups hold but its databases and its identity."""
    return {
        f"{part.name}/{path}": (part.folder / path).read_bytes()
        for part in parts(layout)
        if part.name != IDENTITY
        for path in part.files()
        if not path.endswith(".sqlite3") and not path.startswith("backup/")
    }


def whole(layout: Layout) -> bool:
    """Whether the revision in force is all there, as the services read it."""
    store = RevisionStore(layout.state, GROUPS)
    return store.current() > 0 and store.drift(store.current()) == {}


Members = list[tuple[tarfile.TarInfo, bytes]]


def opened(backup: Path, keys: Keys = KEYS) -> Members:
    """The members of a backup."""
    with (
        backup.open("rb") as file,
        opening(keys, file) as stream,
        gzip.open(stream) as packed,
        tarfile.open(fileobj=packed, mode="r|") as archive,
    ):
        found = []
        for header in archive:
            source = archive.extractfile(header)
            found.append((header, source.read() if source else b""))
        return found


def forged(
    backup: Path, target: Path, change: Callable[[Members], Members], keys: Keys = KEYS
) -> Path:
    """Write another backup with changed members and the right keys."""
    with (
        target.open("wb") as file,
        sealing(keys, file) as stream,
        gzip.GzipFile("", "wb", 1, stream) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as archive,
    ):
        for header, content in _signed_by(keys, change(opened(backup, keys))):
            header.size = len(content)
            archive.addfile(header, io.BytesIO(content))
    return target


def resigned(members: Members) -> Members:
    """The members with a manifest that says what they hold now, signed as it should be."""
    hashes = {header.name: hashlib.sha256(content).hexdigest() for header, content in members}
    sizes = {header.name: len(content) for header, content in members}

    def edit(data: dict[str, Any]) -> None:
        for member in data["members"]:
            name = member["name"]
            member["sha256"], member["size"] = hashes[name], sizes[name]

    return signed(members, edit)


def _signed_by(keys: Keys, members: Members) -> Members:
    """The members; a signature that `signed` has left open is made with these keys."""
    text = next((content for header, content in members if header.name == "manifest.json"), b"")
    return [
        (header, hmac.digest(keys.seal, text, "sha256") if content == OPEN else content)
        for header, content in members
    ]


OPEN = b"to be signed"


def signed(members: Members, edit: Callable[[dict[str, Any]], None]) -> Members:
    """The members with another manifest, signed as it should be; `edit` changes its data."""
    changed = []
    for header, content in members:
        if header.name == "manifest.json":
            data = json.loads(content)
            edit(data)
            content = canonical_json(data)
        elif header.name == "manifest.hmac":
            content = OPEN
        changed.append((header, content))
    return changed


def _write(path: Path, content: bytes, mode: int = 0o640) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)
