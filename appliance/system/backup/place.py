"""Puts an unpacked backup in the place of what is there: all of it or nothing.

First everything lies in a folder of its own, checked and on the disk. Then one small file,
the order, is written: from that moment on the backup counts. What follows only copies, can
be repeated, and is finished by the next start of the engine before anything else of ours
runs. So a power cut before the order leaves the old machine, and after it the new one.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from appliance.apply import atomic
from appliance.apply.revisions import RevisionStore
from appliance.state.codec import canonical_json, decode, encode
from appliance.state.machine import PORTAL_DATABASE, RESTORED, Layout
from appliance.system import network_follow
from appliance.system.backup.members import IDENTITY, Manifest, Member, Part, parts, placed
from appliance.system.machine import read_facts, write_facts

log = logging.getLogger("restore")

Identity = Literal["keep", "take"]
"""Whose host name, addresses and SSH keys the machine has afterwards: its own, or those
of the machine that the backup is of."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be put in place, and what is remembered of it afterwards."""

    manifest: Manifest
    identity: Identity = "keep"


def content(layout: Layout) -> Path:
    """Where a backup is unpacked to before it is put in place."""
    return layout.restore / "content"


def _order_file(layout: Layout) -> Path:
    return layout.restore / "order.json"


def ordered(layout: Layout) -> Order | None:
    """The order that waits to be carried out; None when none does."""
    try:
        return decode(Order, json.loads(_order_file(layout).read_bytes()))
    except FileNotFoundError:
        return None


def prepare(layout: Layout) -> Path:
    """An empty folder of restores; returns where to unpack to (not made yet)."""
    discard(layout)
    layout.restore.mkdir(mode=0o700, parents=True)
    return content(layout)


def commit(layout: Layout, order: Order) -> None:
    """From here on the backup counts: whoever starts the engine next finishes it."""
    atomic.write_file(_order_file(layout), canonical_json(encode(order)))


def discard(layout: Layout) -> None:
    """Throw an unpacked backup away. The order goes first: half a backup never counts."""
    if _order_file(layout).exists():
        _order_file(layout).unlink()
        atomic.sync_folder(layout.restore)
    if layout.restore.exists():
        shutil.rmtree(layout.restore)


def finish(layout: Layout, groups: Mapping[str, int]) -> Order | None:
    """Carry out the order that waits, if one does. Nothing of ours runs meanwhile."""
    order = ordered(layout)
    if order is None:
        if layout.restore.exists():
            discard(layout)
        return None
    kept = layout.restore / "network.json"
    if order.identity == "keep":
        network_follow.keep_own(layout, kept)
    put(layout, content(layout), order, groups)
    if order.identity == "keep":
        atomic.write_file(own_network(layout), kept.read_bytes(), 0o644)
    _mark_database(layout)
    atomic.write_file(restored_file(layout), canonical_json(encode(order.manifest.about)), 0o644)
    discard(layout)
    log.warning("restored the backup of %s", order.manifest.about.created)
    return order


def _mark_database(layout: Layout) -> None:
    """Tell the portal that its file came from a backup: a PostgreSQL server that keeps its
    database in place of the file takes it over then."""
    file = layout.state_of("portal") / PORTAL_DATABASE
    if file.exists():
        owner = file.stat()
        mark = file.with_name(RESTORED)
        atomic.write_file(mark, b"", 0o600)
        os.chown(mark, owner.st_uid, owner.st_gid)


def restored_file(layout: Layout) -> Path:
    """What backup this machine was restored from; there until the engine has looked at it."""
    return layout.backup_records / "restored.json"


def own_network(layout: Layout) -> Path:
    """The network of this machine, which kept its identity; there as long as the file above."""
    return layout.backup_records / "own-network.json"


def put(layout: Layout, source: Path, order: Order, groups: Mapping[str, int]) -> None:
    """Make the parts of a machine what a backup says. Safe to repeat after any cut."""
    known = {part.name: part for part in parts(layout)}
    listed: dict[str, set[str]] = {name: set() for name in known}
    for member in order.manifest.members:
        place = placed(member.name, known)
        if place is None:
            raise ValueError(f"{member.name} has no place")
        part, path = place
        listed[part.name].add(path)
        if part.name != IDENTITY or (order.identity == "take" and path != _FACTS):
            _put_file(source / member.name, part, path, member, groups)
    for part in known.values():
        _remove_scratch(part, listed[part.name])
        if part.name != IDENTITY:
            _remove_others(part, listed[part.name])
    if order.identity == "take":
        _take_name(layout, source / IDENTITY / _FACTS)
    _put_in_force(layout, order.manifest.about.revision, groups)


_FACTS = "centralino/machine.json"


def _put_file(
    source: Path, part: Part, path: str, member: Member, groups: Mapping[str, int]
) -> None:
    """Put one file in its place by a rename. It may have been put there before a cut."""
    target = part.folder / path
    owner = _owner(part, member, groups)
    _make_folders(part, target.parent)
    scratch = atomic.scratch_name(target)
    try:
        _linked_or_copied(source, scratch)
        os.chown(scratch, *owner)
        os.chmod(scratch, member.mode)
        os.utime(scratch, (member.changed, member.changed))
        os.replace(scratch, target)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise
    for side in ("-wal", "-shm", "-journal"):
        # What a database that is gone had not yet written into it.
        target.with_name(target.name + side).unlink(missing_ok=True)
    atomic.sync_folder(target.parent)


def _linked_or_copied(source: Path, scratch: Path) -> None:
    """The file under a new name: at no cost on the same file system, else as a copy."""
    try:
        os.link(source, scratch)
        return
    except OSError:
        # Another file system, or one without hard links: link(2) EXDEV, EPERM.
        pass
    handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as target, source.open("rb") as file:
        shutil.copyfileobj(file, target, 1 << 18)
        target.flush()
        os.fsync(target.fileno())


def _owner(part: Part, member: Member, groups: Mapping[str, int]) -> tuple[int, int]:
    """User and group number on this machine."""
    if part.owner == "engine":
        return 0, groups.get(member.group, 0)
    folder = next(each for each in (part.folder, *part.folder.parents) if each.exists())
    status = folder.stat()
    return status.st_uid, status.st_gid


def _make_folders(part: Part, folder: Path) -> None:
    """The folders down to `folder`, owned as their part is."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        above = each.parent.stat()
        each.mkdir(mode=0o700)
        os.chown(each, above.st_uid, above.st_gid)
        if each.name not in _PRIVATE:
            os.chmod(each, 0o755 if part.owner == "engine" else 0o750)


_PRIVATE = frozenset({"secrets", "backup"})
"""Folders of the engine that only root may look into."""


def _remove_scratch(part: Part, listed: set[str]) -> None:
    """Remove what an earlier attempt has left beside the files that it was cut off at."""
    for folder in {(part.folder / path).parent for path in listed}:
        for leftover in folder.glob(f".*{atomic.UNFINISHED}"):
            if leftover.is_file():
                leftover.unlink()


def _remove_others(part: Part, listed: set[str]) -> None:
    """Remove what a backup would hold and this one does not, as its parts say."""
    if not part.folder.is_dir():
        return
    for path in list(part.files()):
        if path not in listed:
            (part.folder / path).unlink(missing_ok=True)


def _take_name(layout: Layout, facts_file: Path) -> None:
    """Give this machine's facts the name and addresses of the other; its ports stay."""
    if not facts_file.exists():
        return
    other = json.loads(facts_file.read_bytes())
    facts = read_facts(layout)
    name, addresses = other.get("host_name", ""), other.get("addresses", ())
    write_facts(layout, replace(facts, host_name=name, addresses=tuple(addresses)))


def _put_in_force(layout: Layout, revision: int, groups: Mapping[str, int]) -> None:
    """Write out the files of the revision that was in force, and lead the link to it."""
    store = RevisionStore(layout.state, groups)
    (layout.state / "trial.json").unlink(missing_ok=True)
    if not revision:
        layout.current.unlink(missing_ok=True)
        return
    store.prepare()
    for number in store.numbers():
        if not (store.path(number) / "revision.json").exists():
            shutil.rmtree(store.path(number))
    store.write_out(revision)
    store.put_in_force(revision)
