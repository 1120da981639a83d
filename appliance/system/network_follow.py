"""What follows from the machine's name and addresses outside networkd's folder: the hosts file,
what other processes know of the machine, certificates, and an address set at the console.

Everything is a function of the revision in force, so that going back is doing it once more.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from appliance.apply import atomic
from appliance.state.codec import canonical_json, decode, encode
from appliance.state.faults import StateError
from appliance.state.machine import Layout
from appliance.system import console_address, network
from appliance.system.machine import Facts, ensure_certificates, read_facts, write_facts

log = logging.getLogger("engine.network")

BEFORE = ".before-engine"
"""What a file of the machine's owner is called while the engine has its own in its place."""


def wished(layout: Layout) -> network.State:
    """The network of the revision in force; nothing wished where there is none."""
    try:
        data = json.loads((layout.current / "state.json").read_bytes())
        return decode(network.State, data["services"].get("network", {}))
    except (FileNotFoundError, StateError):
        return network.State()


def keep_own(layout: Layout, kept: Path) -> None:
    """Note the network of this machine while a backup of another one is put in its place. The
    first note counts: after a cut the backup may be there already."""
    if not kept.exists():
        atomic.write_file(kept, canonical_json(encode(wished(layout))), 0o644)


def own(kept: Path) -> network.State | None:
    """What `keep_own` has noted; None where nothing is."""
    try:
        return decode(network.State, json.loads(kept.read_bytes()))
    except FileNotFoundError:
        return None


def forgotten_vlans(layout: Layout) -> list[str]:
    """The VLANs of the revision before that are no more, or hang on another interface."""
    kept = {path.name for path in (layout.current / "root" / network.FOLDER).glob("*.netdev")}
    shown = {p.name for p in ours(layout.prefix / network.FOLDER) if p.suffix == ".netdev"}
    return [name.removeprefix("04-").partition(".")[0] for name in sorted(shown - kept)]


def ours(folder: Path) -> list[Path]:
    """The files of a folder that the engine or the first start has written."""
    if not folder.is_dir():
        return []
    files = (path for path in folder.iterdir() if path.is_file())
    return [path for path in files if path.read_bytes().startswith(network.MARK)]


def follow(layout: Layout, groups: Mapping[str, int]) -> str:
    """Bring the hosts file, the facts of the machine and its certificates to what the revision in
    force says; returns the name that the machine is to have, "" for the one it has."""
    state = wished(layout)
    console_address.settle(layout, state)
    _take_place(layout, network.HOSTS)
    _follow_facts(layout, state, groups)
    return _name(layout)


def _take_place(layout: Layout, path: str) -> None:
    """Copy a file of the revision to where everybody looks for it; what stood there before the
    first one is kept, and comes back with a revision that has none."""
    rendered, seen = layout.current / "root" / path, layout.prefix / path
    before = seen.with_name(seen.name + BEFORE)
    if rendered.exists():
        _keep_former(seen, rendered.read_bytes())
        seen.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        atomic.write_file(seen, rendered.read_bytes(), 0o644)
    elif before.exists():
        before.replace(seen)


def _name(layout: Layout) -> str:
    """The name to take: the wished one, or the one from before anybody wished for one. The
    machine's own daemon writes /etc/hostname, for it also tells the kernel."""
    rendered, seen = layout.current / "root" / network.HOST_NAME, layout.prefix / network.HOST_NAME
    before = seen.with_name(seen.name + BEFORE)
    if rendered.exists():
        _keep_former(seen, rendered.read_bytes())
        wanted = _line(rendered)
    else:
        wanted = _line(before)
        before.unlink(missing_ok=True)
    return "" if wanted == _line(seen) else wanted


def _keep_former(seen: Path, content: bytes) -> None:
    """Keep a file of somebody else's that gets another content for the first time."""
    before = seen.with_name(seen.name + BEFORE)
    if seen.exists() and not before.exists() and seen.read_bytes() != content:
        atomic.write_file(before, seen.read_bytes(), 0o644)


def _line(path: Path) -> str:
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        return ""


def _follow_facts(layout: Layout, state: network.State, groups: Mapping[str, int]) -> None:
    """What provisioning and others read, and the names that certificates hold. The facts from
    before anybody wished for a name come back with a revision that wishes for none."""
    held, before = read_facts(layout), layout.facts.with_name(layout.facts.name + BEFORE)
    wanted = network.followed(state, held)
    if wanted is held and before.exists():
        former = decode(Facts, json.loads(before.read_bytes()))
        wanted = replace(held, host_name=former.host_name, addresses=former.addresses)
        before.unlink()
    elif wanted != held and not before.exists():
        before.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        atomic.write_file(before, canonical_json(encode(held)), 0o644)
    if wanted == held:
        return
    write_facts(layout, wanted)
    log.info("name=%s addresses=%s", wanted.host_name, ",".join(wanted.addresses))
    ensure_certificates(layout, wanted.host_name, wanted.addresses, groups)
