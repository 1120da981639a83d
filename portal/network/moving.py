"""Where the portal is found after the network has changed, and what the settings say of an
interface that the machine has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import request

from appliance.apply.client import EngineError, EngineUnreachable
from appliance.state.system_state import SystemState
from appliance.system.network import Interface, State, Vlan, own_addresses
from portal.core import engine
from portal.core.i18n import _l

SERVERS = {"web": _l("portal"), "server": _l("telephony")}
AT_THE_CONSOLE = "console"
"""The author of revisions that the machine's own screen has made."""


@dataclass(frozen=True, slots=True)
class Move:
    """What becomes of the portal's address. `unknown`: DHCP decides it."""

    addresses: tuple[str, ...]
    name: str
    unknown: bool = False


def move(before: SystemState, after: SystemState) -> Move | None:
    """How the portal's address changes between two states; None when it does not."""
    old: State = before["network"]
    new: State = after["network"]
    if old == new or not new.managed:
        return None
    own = own_addresses(new)
    same = own == own_addresses(old) and old.managed and old.host_name == new.host_name
    if same and _ways(old) == _ways(new):
        return None
    return Move(tuple(address_of(each) for each in own), address_of(new.host_name), not own)


def _ways(state: State) -> list[tuple[str, str, str]]:
    return [(each.id, each.ipv4, each.ipv6) for each in state.addressed]


def address_of(host: str) -> str:
    """The portal's address for a browser at a name or an IP address of the machine."""
    port = request.host.rpartition(":")[2] if ":" in request.host.rpartition("]")[2] else ""
    shown = f"[{host}]" if ":" in host else host
    return f"{request.scheme}://{shown}{':' + port if port else ''}/"


def applied_move(status: dict[str, Any]) -> Move | None:
    """The change of address that is on trial now."""
    trial = status["trial"]
    if not trial:
        return None
    try:
        before = engine.revision_state(trial["former"])
        return move(before, engine.running_state(status["current"]))
    except EngineError:
        return None


def matching(state: State, found: dict[str, Any]) -> Interface | Vlan | None:
    """The interface or VLAN of the settings that is meant by one that the machine has."""
    for vlan in state.vlans:
        if vlan.device == found["name"]:
            return vlan
    for each in state.interfaces:
        if not found["vlan"] and (
            each.mac == found["mac"] if each.mac else each.name == found["name"]
        ):
            return each
    return None


def as_it_runs(seen: dict[str, Any], held: State) -> State:
    """Settings that say what the machine has now: interfaces with a cable or an address."""
    interfaces = tuple(
        _as_it_runs(found, matching(held, found))
        for found in seen["interfaces"]
        if not found["vlan"] and (found["up"] or found["addresses"])
    )
    name = held.host_name or seen["host_name"].lower()
    return State(
        managed=True,
        host_name=name,
        dns=held.dns,
        search=held.search,
        ntp=held.ntp,
        interfaces=interfaces,
        vlans=held.vlans,
    )


def _as_it_runs(found: dict[str, Any], held: Interface | Vlan | None) -> Interface:
    four = next((each for each in found["addresses"] if ":" not in each), "")
    gateway = next((each for each in found["gateways"] if ":" not in each), "")
    fixed = bool(four) and not found["dhcp"]
    known = held if isinstance(held, Interface) else None
    return Interface(
        id=known.id if known else _id(found["name"]),
        label=known.label if known else "",
        name=found["name"],
        mac=known.mac if known else "",
        ipv4="static" if fixed else "dhcp",
        address=four if fixed else "",
        gateway=gateway if fixed else "",
        routes=known.routes if known else (),
    )


def _id(name: str) -> str:
    return name.lower().strip("._-") or "lan"


def set_at_console(status: dict[str, Any]) -> bool:
    """Whether the revision in force is one that the machine's own screen has made, so that the
    draft is behind it."""
    history = engine.engine().history()
    newest = next((each for each in history if each["number"] == status["current"]), None)
    return newest is not None and newest["author"] == AT_THE_CONSOLE


def certificates_without(name: str) -> list[Any]:
    """Who presents a certificate from outside that does not hold a name."""
    try:
        installed = engine.engine().certificates()["installed"]
    except (EngineError, EngineUnreachable):
        return []
    return [
        SERVERS[each["name"]]
        for each in installed
        if each["name"] in SERVERS and each["source"] != "own" and not _holds(each["names"], name)
    ]


def _holds(names: list[str], name: str) -> bool:
    """Whether a certificate is for a name; `*` stands for one label (RFC 6125 section 6.4.3)."""
    wild = f"*.{name.partition('.')[2]}"
    return name in names or wild in names
