"""Decides which line carries what. Pure: events in, choices out, no I/O and no clock.

A line is left at once when it is worse than another, and taken back only after a time
without any fault. The last line is never left: when all are bad, the least bad one stays,
and only a clear difference moves anything between two bad ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from failover_router.router_profile import Line, Policy
from failover_router.scoring import Figures, Score

SETTLED_S = 10.0
"""Time without a fault from which on a line is better than one that is bad now."""

SETTLED_AFTER_CUT_S = 2.0
"""The same after a plain cut, whose end is plain as well; loss comes and goes."""

DWELL_S = 10.0
"""Least time between two moves among bad lines."""

CLEARLY_BETTER = 0.1
"""By how much the loss of another bad line must be lower, as a share of all probes."""

SUSPICION_S = 1.0
"""For how long a lost probe makes a line suspect."""

RELAPSE = 2.0
"""A line that falls again within this many times its hold after its return has flapped."""

UNKNOWN_RTT_S = 0.5
"""How long the first answer of a line may take."""

LEAST_WAIT = 0.75
"""Share of the interval that an answer is waited for on the quickest of lines."""

FAST_SHARE = 4
"""A line under suspicion is probed this many times as often, until there is a verdict."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A probe on `line` came back after `rtt_s`."""

    line: str
    at: float
    rtt_s: float


@dataclass(frozen=True, slots=True)
class Lost:
    """A probe on `line`, sent at `sent`, did not come back in time."""

    line: str
    at: float
    sent: float


@dataclass(frozen=True, slots=True)
class Link:
    """A line has, or has no longer, a carrier, an address and a way out.

    `new` says that it is another connection than before, of which nothing is known.
    """

    line: str
    at: float
    up: bool
    new: bool = False


@dataclass(frozen=True, slots=True)
class Spent:
    """A metered line has, or has no longer, used up its month."""

    line: str
    at: float
    over: bool


@dataclass(frozen=True, slots=True)
class Tick:
    """Time goes by."""

    at: float


Event = Answered | Lost | Link | Spent | Tick


class State(IntEnum):
    """How usable a line is; less is better."""

    GOOD = 0
    HEALING = 1
    SPENT = 2
    POOR = 3
    SILENT = 4
    DOWN = 5


Cause = Literal["start", "silent", "lossy", "late", "down", "spent", "returned", "better"]
Role = Literal["voice", "second", "data"]


@dataclass(frozen=True, slots=True)
class Choice:
    """The line of each role, "" for none. `second` is that of the second tunnel."""

    voice: str = ""
    second: str = ""
    data: str = ""


@dataclass(frozen=True, slots=True)
class Move:
    """One role went from one line to another, and the figures that caused it; `gap_s` is how
    long nothing had come back over the old one."""

    role: Role
    at: float
    old: str
    new: str
    cause: Cause
    figures: Figures
    gap_s: float = 0.0


class LineState:
    """What is known of one line."""

    def __init__(self, line: Line, order: int, policy: Policy) -> None:
        self.line = line
        self.order = order
        self.score = Score(policy)
        self.up = False
        self.over = False
        self.fault: Cause | None = None
        self.fault_at = float("-inf")
        self.settled_s = SETTLED_S
        self.trusted = True
        self.trusted_at = float("-inf")
        self.hold_s = float(policy.clean_s)
        self._policy = policy

    def judge(self, now: float) -> None:
        """Bring fault and trust up to date."""
        self.fault = self._fault(now)
        if self.fault:
            if self.trusted and self.score.heard:
                self._fell(now)
            self.fault_at = now
            cut = self.fault in ("down", "silent")
            self.settled_s = SETTLED_AFTER_CUT_S if cut else SETTLED_S
        elif not self.trusted and now - self.fault_at >= self.hold_s:
            self.trusted, self.trusted_at = True, now

    def _fault(self, now: float) -> Cause | None:
        if not self.up:
            return "down"
        if self.score.silent(now):
            return "silent"
        if self.score.lossy:
            return "lossy"
        return "late" if self.score.late else None

    def _fell(self, now: float) -> None:
        """Each return that did not last doubles the time until the next one."""
        self.trusted = False
        flapped = now - self.trusted_at < RELAPSE * self.hold_s
        longer = min(2 * self.hold_s, float(self._policy.longest_hold_s))
        self.hold_s = longer if flapped else float(self._policy.clean_s)

    def state(self, now: float) -> State:
        """How usable it is. A line that was bad a moment ago still counts as bad."""
        if self.fault == "down":
            return State.DOWN
        if self.fault == "silent":
            return State.SILENT
        if self.fault or (not self.trusted and now - self.fault_at < self.settled_s):
            return State.POOR
        if self.over:
            return State.SPENT
        return State.GOOD if self.trusted else State.HEALING


class Machine:
    """All lines of a router, and the choices that follow from what happens on them."""

    def __init__(self, lines: Iterable[Line], policy: Policy, *, borrow: bool) -> None:
        self.policy = policy
        self.lines = {line.name: LineState(line, order, policy) for order, line in enumerate(lines)}
        self.choice = Choice()
        self._borrow = borrow
        self._moved_at: dict[Role, float] = {}

    def take(self, event: Event) -> tuple[Move, ...]:
        """Follow an event; the moves that it causes, already made in `choice`."""
        now = event.at
        if isinstance(event, Tick):
            for state in self.lines.values():
                state.judge(now)
            return self._choose(now)
        state = self.lines[event.line]
        before = (state.fault, state.trusted, state.over, state.up)
        self._note(state, event)
        state.judge(now)
        if (state.fault, state.trusted, state.over, state.up) == before:
            return ()
        return self._choose(now)

    def _note(self, state: LineState, event: Answered | Lost | Link | Spent) -> None:
        if isinstance(event, Answered):
            state.score.answered(event.rtt_s, event.at)
        elif isinstance(event, Lost):
            state.score.lost(event.sent, event.at)
        elif isinstance(event, Spent):
            state.over = event.over
        else:
            if event.new:
                state.score.forget()
            state.up = event.up

    # ── choosing ──────────────────────────────────────────────────────────────────

    def _choose(self, now: float) -> tuple[Move, ...]:
        old = self.choice
        voice, voice_move = self._pick("voice", old.voice, now, without="")
        second, second_move = self._pick("second", old.second, now, without=voice)
        data, data_move = self._pick("data", old.data, now, without="")
        self.choice = Choice(voice, second, data)
        moves = tuple(move for move in (voice_move, second_move, data_move) if move)
        for move in moves:
            self._moved_at[move.role] = now
        return moves

    def _pick(self, role: Role, old: str, now: float, without: str) -> tuple[str, Move | None]:
        usable = [s for s in self.lines.values() if s.line.name != without and self._may(s, role)]
        current = next((s for s in usable if s.line.name == old), None)
        if not any(state.up for state in usable):
            return self._moved(role, old, "", "down", now)
        best = min(usable, key=lambda s: (self._rank(s, role, now), self._preference(s, role)))
        cause = self._reason(role, current, best, now)
        if cause is None and current and self._may_move_among_bad(role, current, now):
            best = min(usable, key=lambda s: (self._rank(s, role, now), s.score.long_loss))
            better = best.score.long_loss + CLEARLY_BETTER < current.score.long_loss
            cause = "better" if better else None
        if cause is None:
            return old, None
        return self._moved(role, old, best.line.name, cause, now)

    def _moved(
        self, role: Role, old: str, new: str, cause: Cause, now: float
    ) -> tuple[str, Move | None]:
        if old == new:
            return new, None
        blamed = self.lines.get(old) or self.lines[new]
        gap_s = now - blamed.score.answered_at if blamed.score.heard and old else 0.0
        return new, Move(role, now, old, new, cause, blamed.score.figures(), gap_s)

    def _may(self, state: LineState, role: Role) -> bool:
        return role != "data" or state.line.carries != "voice" or self._borrow

    def _rank(self, state: LineState, role: Role, now: float) -> int:
        """The state as a number. Calls are worth a spent month's price, data is not."""
        found = state.state(now)
        if role == "data" and found == State.SPENT:
            return State.POOR
        return found

    def _preference(self, state: LineState, role: Role) -> tuple[bool, bool, int, int]:
        """What the owner prefers among lines that are equally good.

        The second tunnel doubles the traffic, so it avoids lines that are paid by volume.
        """
        wanted = "data" if role == "data" else "voice"
        foreign = state.line.carries not in (wanted, "both")
        paid = role == "second" and state.line.metered
        return paid, foreign, state.line.priority, state.order

    def _reason(
        self, role: Role, current: LineState | None, best: LineState, now: float
    ) -> Cause | None:
        """Why to go from the current line to the best one; None to stay."""
        if current is None:
            return "start"
        if best is current:
            return None
        mine, other = (self._rank(each, role, now) for each in (current, best))
        if mine >= State.SPENT:
            # One that was bad a moment ago and works now is no reason to go elsewhere.
            cause = current.fault or ("spent" if current.over else None)
            return cause if other < mine else None
        preferred = self._preference(best, role) < self._preference(current, role)
        return "returned" if other == State.GOOD and preferred else None

    def _may_move_among_bad(self, role: Role, current: LineState, now: float) -> bool:
        dwelt = now - self._moved_at.get(role, float("-inf")) >= DWELL_S
        return current.fault == "lossy" and dwelt

    # ── what the prober asks ──────────────────────────────────────────────────────

    def interval_s(self, name: str, now: float) -> float:
        """How long to wait until the next probe of a line."""
        state, policy = self.lines[name], self.policy
        if not state.fault and now - state.score.lost_at < SUSPICION_S:
            return policy.probe_ms / FAST_SHARE / 1000
        used = name in (self.choice.voice, self.choice.second, self.choice.data)
        if state.line.metered and not used:
            return policy.idle_probe_ms / 1000
        return policy.probe_ms / 1000

    def lost_after_s(self, name: str) -> float:
        """How long to wait for an answer: longer on lines that are slow or unsteady."""
        score = self.lines[name].score
        if not score.rtt_s:
            return UNKNOWN_RTT_S
        least_s = LEAST_WAIT * self.policy.probe_ms / 1000
        return max(2 * score.rtt_s, score.rtt_s + 4 * score.jitter_s, least_s)
