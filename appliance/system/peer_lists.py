"""The list of blocks and bans as machines of one owner give it to each other.

What comes from elsewhere is hostile until it is looked at: a broken or captured machine must
not be able to shut out this one's own people, or half the internet. Nothing here does I/O.
"""

from __future__ import annotations

import datetime
import ipaddress
import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from appliance.state.fields import Printable
from appliance.system import edge_facts
from appliance.system.ban_desk import Ban
from appliance.system.bans import JAILS, Block

FORMAT = 1
MOST_ENTRIES = 5000
LARGEST_BYTES = 1024 * 1024
"""Room for MOST_ENTRIES, each with the longest network and reason."""

LATEST = 32_503_680_000
"""The year 3000: a later end, or one that is no moment at all, is an error."""

SHARE = {4: 2 ** (32 - 8), 6: 2 ** (128 - 20)}
"""How many addresses the entries of one machine may cover together, by version of IP: as much
as the widest single network that the own rules accept."""

NOT_OUTSIDE = (
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
    *("172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3"),
    *("::/8", "64:ff9b::/96", "fc00::/7", "fe80::/10", "ff00::/8"),
)
"""Private, shared and reserved networks (RFC 6890): nobody on the internet has an address
there, but every office has. ::/8 holds loopback and version 4 written as 6, 64:ff9b::/96 all of
version 4 behind NAT64."""

BY_HAND = "block"
REASONS = (BY_HAND, *JAILS)

Refusal = Literal["malformed", "wide", "private", "ours", "many"]
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

_NOTE = Printable(80, shortest=0)


class Unreadable(ValueError):
    """What came is no list of this format."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A network that a machine shuts out: by hand (`why` is "block", with its `note`) or because
    it guessed (a jail). `until` is seconds since 1970, 0 for good."""

    network: str
    why: str
    until: int = 0
    note: str = ""

    @property
    def parsed(self) -> IpNetwork:
        return ipaddress.ip_network(self.network)

    def ends(self, now: float) -> float:
        """Seconds until it ends; infinite for good."""
        return self.until - now if self.until else float("inf")


@dataclass(frozen=True, slots=True)
class Received:
    """A list that came: the entries that make sense, and how many did not, by why."""

    entries: tuple[Entry, ...] = ()
    refused: Mapping[str, int] = field(default_factory=dict)


# ── what this machine gives ───────────────────────────────────────────────────────────


def own_list(
    bans: Iterable[Ban], blocks: Iterable[Block], blocked: Iterable[str], now: float
) -> list[dict[str, Any]]:
    """The entries that others may have: what was blocked here by hand, and who was banned
    here. What came from other machines is not among them, so no list ever goes in a circle.

    Moments of ends, not seconds left: a list in which nothing changes stays the same.
    """
    entries = [Entry(network, BY_HAND) for network in blocked]
    entries += [Entry(each.network, BY_HAND, _end(each.until), each.reason) for each in blocks]
    entries += [Entry(network_of(ban.address), ban.jail, ban.until) for ban in bans]
    return [asdict(entry) for entry in entries if entry.ends(now) > 0][:MOST_ENTRIES]


def _end(day: str) -> int:
    """The second when a day is over (UTC); 0 for no day."""
    if not day:
        return 0
    begin = datetime.datetime.fromisoformat(f"{day}T00:00:00+00:00")
    return int((begin + datetime.timedelta(days=1)).timestamp())


def network_of(address: str) -> str:
    """An address as the network of this one address."""
    return str(ipaddress.ip_network(address))


def written(entries: list[dict[str, Any]]) -> bytes:
    """The list as it goes over the wire; the same entries give the same bytes."""
    data = {"format": FORMAT, "entries": entries}
    return json.dumps(data, separators=(",", ":")).encode()


# ── what comes from others ────────────────────────────────────────────────────────────


def read(body: bytes, now: float) -> Received:
    """What a machine has sent; Unreadable when it is no such list at all.

    Entries that ended are left out without a word: a list is as old as its last change.
    """
    found: dict[str, Entry] = {}
    refused: Counter[str] = Counter()
    room = dict(SHARE)
    entries = _entries(body)
    refused["many"] = max(0, len(entries) - MOST_ENTRIES)
    for data in entries[:MOST_ENTRIES]:
        entry = _entry(data)
        why = "malformed" if entry is None else _refusal(entry, room)
        if entry is None or why:
            refused[why] += 1
        elif entry.ends(now) > 0:
            known = found.get(entry.network)
            if known is None or known.ends(now) < entry.ends(now):
                found[entry.network] = entry
    return Received(tuple(found.values()), {why: n for why, n in refused.items() if n})


def _entries(body: bytes) -> list[Any]:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        raise Unreadable("it is no JSON") from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise Unreadable("it is no list of this format")
    entries = data.get("entries")
    if not isinstance(entries, list):
        raise Unreadable("it holds no entries")
    return entries


def _entry(data: Any) -> Entry | None:
    """One entry; None when it is not one. Fields that this version does not know are skipped."""
    if not isinstance(data, dict):
        return None
    network, why = data.get("network"), data.get("why")
    until, note = data.get("until", 0), data.get("note", "")
    if not (isinstance(network, str) and isinstance(note, str) and type(until) is int):
        return None
    if "%" in network:  # a zone, which may be any text at all
        return None
    if why not in REASONS or not 0 <= until < LATEST or _NOTE.problem(note):
        return None
    try:
        return Entry(str(ipaddress.ip_network(network)), why, until, note)
    except ValueError:
        return None


def _refusal(entry: Entry, room: dict[int, int]) -> Refusal | Literal[""]:
    """Why an entry is not taken; `room` is what is left of SHARE, and is used up here."""
    network = entry.parsed
    if edge_facts.too_wide(entry.network):
        return "wide"
    if _NOWHERE.touches(network):
        return "private"
    if room[network.version] < network.num_addresses:
        return "wide"
    room[network.version] -= network.num_addresses
    return ""


class Networks:
    """Networks that are asked often whether others touch them."""

    def __init__(self, networks: Iterable[str]) -> None:
        self._firsts: dict[int, list[int]] = {4: [], 6: []}
        self._lasts: dict[int, list[int]] = {4: [], 6: []}
        for each in map(ipaddress.ip_network, edge_facts.merged(networks)):
            self._firsts[each.version].append(int(each.network_address))
            self._lasts[each.version].append(int(each.broadcast_address))

    def touches(self, network: IpNetwork) -> bool:
        """Whether a network shares an address with any of these."""
        behind = bisect_right(self._firsts[network.version], int(network.broadcast_address))
        lasts = self._lasts[network.version]
        return behind > 0 and lasts[behind - 1] >= int(network.network_address)


_NOWHERE = Networks(NOT_OUTSIDE)


# ── what follows for the packet filter ────────────────────────────────────────────────


def in_force(
    lists: Iterable[tuple[Iterable[Entry], float]],
    ours: Networks,
    let_in: Collection[str],
    now: float,
) -> dict[str, int]:
    """Network -> seconds that it stays shut out, at least 1.

    Each list comes with the seconds for which its machine may stay silent. Not among them is
    what touches `ours`, and what somebody here has let in. Networks are disjoint, as a set of
    the kernel wants them: of two the wider stands for both, and when it ends, the next round
    puts the narrower one in.
    """
    found: dict[str, int] = {}
    for entries, patience_s in lists:
        for entry in entries:
            seconds = int(min(entry.ends(now), patience_s))
            if seconds <= found.get(entry.network, 0) or entry.network in let_in:
                continue
            if not ours.touches(entry.parsed):
                found[entry.network] = seconds
    return {network: found[network] for network in _widest(found)}


def _widest(networks: Iterable[str]) -> Iterator[str]:
    """The networks that lie in none of the others."""
    found = [ipaddress.ip_network(each) for each in networks]
    last: IpNetwork | None = None
    for each in sorted(found, key=lambda n: (n.version, int(n.network_address), n.prefixlen)):
        if last is None or last.version != each.version or each[0] not in last:
            last = each
            yield str(each)


def rules(seconds: Mapping[str, int]) -> str:
    """One transaction of nft(8) after which the sets hold exactly these networks."""
    lines = []
    for version in (4, 6):
        mine = [(n, s) for n, s in seconds.items() if ipaddress.ip_network(n).version == version]
        lines.append(f"flush set inet bans peers{version}")
        if mine:
            elements = ", ".join(f"{network} timeout {left}s" for network, left in mine)
            lines.append(f"add element inet bans peers{version} {{ {elements} }}")
    return "\n".join((*lines, ""))
