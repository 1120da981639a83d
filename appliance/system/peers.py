"""What other machines of ours shut out is shut out here too (`State.peers` of bans).

Once a minute each of them is asked for its list. What follows stands in sets of the packet
filter whose elements end by themselves, so it ends when it ends over there, and also when
this engine, or the other machine, falls silent. None of it is configuration: it is forgotten
with a restart and fetched again. Only whom somebody has let in here by hand is kept in a file.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from appliance.apply import atomic
from appliance.state.codec import canonical_json, decode, encode
from appliance.state.fields import Label, Network
from appliance.system import peer_fetch, peer_lists
from appliance.system.alarms import AlarmBook, Raised
from appliance.system.bans import PeerMachine
from appliance.system.peer_fetch import Answer, NotFetched
from appliance.system.peer_lists import Entry, Networks, Received

log = logging.getLogger("engine.peers")

EVERY_S = 60.0
FIRST_AFTER_S = 2.0

SILENCE_S = 3600.0
"""How long a machine may be silent before its entries end. As long as the usual first ban: a
restart, an update or a broken line of the other machine opens nothing, and what it would have
lifted meanwhile stays shut out for no longer than a ban of our own."""

AT_A_TIME = 8
MOST_LET_IN = 1000

Fetch = Callable[[PeerMachine, str, tuple[str, ...]], Answer]


@dataclass(frozen=True, slots=True)
class LetIn:
    """A network that somebody let in here although others shut it out; `at` is when, in
    seconds since 1970."""

    network: Network
    reason: Label
    by: Label
    at: int


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the state in force says: whom to ask, and which networks are never shut out."""

    peers: tuple[PeerMachine, ...] = ()
    ours: tuple[str, ...] = ()


@dataclass(slots=True)
class Known:
    """What is known of one machine. `heard` is when it last answered, or was first asked, on
    the clock that only goes forward; `heard_at`, and `fault_at` since when it has been failing
    like this, are for people, 0 for never."""

    peer: PeerMachine
    heard: float
    received: Received = field(default_factory=Received)
    tag: str = ""
    address: str = ""
    heard_at: float = 0.0
    fault: str = ""
    fault_at: float = 0.0


@dataclass(slots=True)
class Peers:
    """`wishes` gives those of the state in force, `own` this machine's addresses, `feed` hands
    rules to the packet filter. `fetch`, `clock` (seconds since 1970) and `steady` (seconds of a
    clock that only goes forward) are others in tests."""

    path: Path
    wishes: Callable[[], Wishes]
    own: Callable[[], tuple[str, ...]]
    feed: Callable[[str], None]
    book: AlarmBook | None = None
    every_s: float = EVERY_S
    fetch: Fetch = peer_fetch.fetch
    clock: Callable[[], float] = time.time
    steady: Callable[[], float] = time.monotonic
    _known: dict[str, Known] = field(default_factory=dict)
    _let_in: dict[str, LetIn] = field(default_factory=dict)
    _fed: bool = False
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._let_in = {each.network: each for each in _read(self.path)}

    def start(self) -> None:
        threading.Thread(target=self._run, name="peers", daemon=True).start()

    def stop(self) -> None:
        self._stop.set()

    def _run(self) -> None:
        pause_s = FIRST_AFTER_S
        while not self._stop.wait(pause_s):
            try:
                self.look()
            except Exception as error:  # noqa: BLE001 - the next round tries again
                log.error("round error=%s %s", type(error).__name__, error)
            pause_s = self.every_s

    # ── once a minute ─────────────────────────────────────────────────────────────

    def look(self) -> None:
        """Ask every machine once, and shut out what follows."""
        wishes, own = self.wishes(), self.own()
        with self._lock:
            self._known = {peer.id: self._known_of(peer) for peer in wishes.peers}
            asked = list(self._known.values())
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            answers = list(pool.map(lambda known: self._ask(known, own), asked))
        with self._lock:
            for known, answer in zip(asked, answers, strict=True):
                self._take(known, answer)
            self._forget_let_in()
            self._shut_out(wishes)
        if self.book is not None:
            self.book.report("peers", self._silent())

    def _known_of(self, peer: PeerMachine) -> Known:
        """What is known of a machine; nothing when it is another one than before."""
        known = self._known.get(peer.id)
        return known if known is not None and known.peer == peer else self._new(peer)

    def _new(self, peer: PeerMachine) -> Known:
        return Known(peer, self.steady())

    def _ask(self, known: Known, own: tuple[str, ...]) -> tuple[Answer, Received | None] | str:
        """Its answer and what that holds (None: as before), or the fault that it ended with."""
        try:
            answer = self.fetch(known.peer, known.tag, own)
            if answer.body is None:
                return answer, None
            return answer, peer_lists.read(answer.body, self.clock())
        except NotFetched as error:
            return error.fault
        except peer_lists.Unreadable:
            return "unreadable"
        except Exception as error:  # noqa: BLE001 - the lists of the others count all the same
            log.error("peer=%s error=%s", known.peer.id, type(error).__name__)
            return "stranger"

    def _take(self, known: Known, answer: tuple[Answer, Received | None] | str) -> None:
        if isinstance(answer, str):
            if known.fault != answer:
                log.warning("peer=%s fault=%s", known.peer.id, answer)
                known.fault, known.fault_at = answer, self.clock()
            return
        said, received = answer
        known.received = known.received if received is None else received
        known.tag, known.address = said.tag, said.address
        known.heard, known.heard_at, known.fault = self.steady(), self.clock(), ""

    def _shut_out(self, wishes: Wishes) -> None:
        """Make the packet filter hold what follows from everything that is known."""
        known = self._known.values()
        lists = [(each.received.entries, self._patience_s(each)) for each in known]
        ours = self._ours(wishes)
        found = peer_lists.in_force(lists, ours, self._let_in, self.clock())
        # After a restart the kernel still has what was there before: it stays until somebody
        # has answered, or ends by itself.
        if self._fed or any(each.heard_at for each in known):
            self.feed(peer_lists.rules(found))
        self._fed = bool(found)

    def _ours(self, wishes: Wishes) -> Networks:
        """Who is never shut out: as for bans, and the machines that we ask, which ask us."""
        found = [known.address for known in self._known.values() if known.address]
        return Networks((*wishes.ours, *self.own(), *found))

    def _patience_s(self, known: Known) -> float:
        return known.heard + SILENCE_S - self.steady()

    def _silent(self) -> Iterator[Raised]:
        """The machines that have said nothing for so long that their entries ended."""
        for known in self._known.values():
            if self._patience_s(known) <= 0:
                yield Raised("peer-silent", known.peer.name)

    # ── letting in ────────────────────────────────────────────────────────────────

    def let_in(self, network: str, reason: str, by: str) -> bool:
        """Let a network in although others shut it out, until it has ended at all of them;
        whether any of them has it on its list."""
        with self._lock:
            if network not in self._listed():
                return False
            if len(self._let_in) >= MOST_LET_IN:
                del self._let_in[next(iter(self._let_in))]
            self._let_in[network] = LetIn(network, reason, by, int(self.clock()))
            self._write()
            self._shut_out(self.wishes())
            return True

    def _listed(self) -> set[str]:
        now = self.clock()
        entries = (each for known in self._known.values() for each in known.received.entries)
        return {each.network for each in entries if each.ends(now) > 0}

    def _forget_let_in(self) -> None:
        """Drop what has ended everywhere. While a machine is not heard, nobody knows that."""
        if any(known.fault or not known.heard_at for known in self._known.values()):
            return
        listed = self._listed()
        kept = {network: each for network, each in self._let_in.items() if network in listed}
        if kept != self._let_in:
            self._let_in = kept
            self._write()

    def _write(self) -> None:
        content = canonical_json([encode(each) for each in self._let_in.values()])
        atomic.write_file(self.path, content, 0o600)

    # ── for people ────────────────────────────────────────────────────────────────

    def shown(self) -> dict[str, Any]:
        """`peers`: how each machine is. `entries`: what they shut out, each with the machine
        that says so, and with who has let it in here, if anybody has."""
        with self._lock:
            wishes, now = self.wishes(), self.clock()
            ours = self._ours(wishes)
            known = [self._known_of(peer) for peer in wishes.peers]
            entries = [each for k in known for each in self._entries(k, ours, now)]
            return {"peers": [self._state(k, ours, now) for k in known], "entries": entries}

    def _entries(self, known: Known, ours: Networks, now: float) -> Iterator[dict[str, Any]]:
        if self._patience_s(known) <= 0:
            return
        for entry in _taken(known.received.entries, ours, now):
            let_in = self._let_in.get(entry.network)
            yield {**encode(entry), "peer": known.peer.id, "let_in": let_in and encode(let_in)}

    def _state(self, known: Known, ours: Networks, now: float) -> dict[str, Any]:
        alive = [each for each in known.received.entries if each.ends(now) > 0]
        taken = list(_taken(alive, ours, now))
        refused = known.received.refused
        if len(taken) < len(alive):
            refused = {**refused, "ours": len(alive) - len(taken)}
        return {
            "id": known.peer.id,
            "entries": len(taken) if self._patience_s(known) > 0 else 0,
            "refused": dict(refused),
            "heard_at": int(known.heard_at),
            "fault": known.fault,
            "fault_at": int(known.fault_at),
        }


def _taken(entries: Iterable[Entry], ours: Networks, now: float) -> Iterator[Entry]:
    """The entries that have not ended and that touch nothing of ours."""
    for each in entries:
        if each.ends(now) > 0 and not ours.touches(each.parsed):
            yield each


def _read(path: Path) -> tuple[LetIn, ...]:
    """Whom people here have let in; nobody when the file cannot be read: then the lists of
    the others count, and somebody lets them in again."""
    try:
        return decode(tuple[LetIn, ...], json.loads(path.read_bytes()))
    except FileNotFoundError:
        return ()
    except (OSError, ValueError) as error:
        log.error("unreadable file=%s error=%s", path.name, type(error).__name__)
        return ()
