"""How good a line is: loss, delay and jitter of its last probes. No I/O and no clock.

Moments and times are seconds of the monotonic clock.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from failover_router.router_profile import Policy

LONG_WINDOW = 200
"""Probes that tell how lossy a line is in general."""

BY_CHANCE = 1e-5
"""How unlikely a row of lost probes must be on a line of this loss to mean silence."""

RTT_GAIN = 1 / 8
JITTER_GAIN = 1 / 16
"""Gains of the smoothed delay (RFC 6298 section 2) and jitter (RFC 3550 section 6.4.1)."""

LATE_IS_OVER = 0.8
"""Share of `late_ms` below which a line is no longer late, so that it does not waver."""


@dataclass(frozen=True, slots=True)
class Figures:
    """A line's figures, for people and for switching. Times in milliseconds."""

    loss_percent: float
    rtt_ms: float
    jitter_ms: float
    lost_in_row: int


class Score:
    """The outcomes of one line's probes."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._recent: deque[bool] = deque(maxlen=policy.window)
        self._long: deque[bool] = deque(maxlen=LONG_WINDOW)
        self._lost_recent = 0
        self._lost_long = 0
        self.in_row = 0
        self._row_began = 0.0
        self._since = float("-inf")
        self.lost_at = float("-inf")
        self.answered_at = float("-inf")
        self.rtt_s = 0.0
        self.jitter_s = 0.0
        self._late = False

    def answered(self, rtt_s: float, now: float) -> None:
        """A probe came back after this time.

        What was lost before the very first answer says nothing of the line: it was not
        there yet, or the appliance was not.
        """
        if not self.heard:
            self.forget()
            self._since = now - rtt_s
        self.answered_at = now
        if self.rtt_s:
            self.jitter_s += (abs(rtt_s - self.rtt_s) - self.jitter_s) * JITTER_GAIN
            self.rtt_s += (rtt_s - self.rtt_s) * RTT_GAIN
        else:
            self.rtt_s = rtt_s
        if self.in_row >= self._row_needed():
            # The silence is over; it says nothing of how lossy the line is from now on.
            self._recent.clear()
            self._lost_recent = 0
        else:
            for _ in range(self.in_row):
                self._note_long(lost=True)
        self.in_row = 0
        self._note(lost=False)
        self._note_long(lost=False)

    def lost(self, sent: float, now: float) -> None:
        """A probe sent at this moment did not come back in time."""
        if sent < self._since:
            return
        self.lost_at = now
        if not self.in_row:
            self._row_began = sent
        self.in_row += 1
        self._note(lost=True)

    def forget(self) -> None:
        """The line is another one now: a new address, a new cable."""
        self.__init__(self._policy)  # type: ignore[misc]

    def _note(self, *, lost: bool) -> None:
        if len(self._recent) == self._recent.maxlen:
            self._lost_recent -= self._recent[0]
        self._recent.append(lost)
        self._lost_recent += lost

    def _note_long(self, *, lost: bool) -> None:
        if len(self._long) == LONG_WINDOW:
            self._lost_long -= self._long[0]
        self._long.append(lost)
        self._lost_long += lost

    # ── verdicts ──────────────────────────────────────────────────────────────────

    @property
    def heard(self) -> bool:
        """Whether anything has ever come back."""
        return self.rtt_s > 0

    @property
    def known(self) -> bool:
        """Whether a few probes have been decided."""
        return len(self._recent) >= self._policy.lost_in_row

    def silent(self, now: float) -> bool:
        """Nothing comes back: more lost in a row than chance explains, and for long enough
        that it is no mere hiccup."""
        span = (self._policy.lost_in_row - 1) * self._policy.probe_ms / 1000
        return self.in_row >= self._row_needed() and now - self._row_began >= span

    def _row_needed(self) -> int:
        """On a line that loses a fifth, three in a row come about every few seconds."""
        share = min(0.6, (self._lost_long + 0.01) / max(20, len(self._long)))
        return max(self._policy.lost_in_row, math.ceil(math.log(BY_CHANCE) / math.log(share)))

    @property
    def lossy(self) -> bool:
        """More than the allowed share of the last probes was lost; judged from half a
        window on."""
        limit = self._policy.loss_percent / 100 * self._policy.window
        return len(self._recent) * 2 >= self._policy.window and self._lost_recent > limit

    @property
    def late(self) -> bool:
        """The smoothed delay is over the limit."""
        limit = self._policy.late_ms / 1000 * (LATE_IS_OVER if self._late else 1.0)
        self._late = self.rtt_s > limit
        return self._late

    @property
    def loss(self) -> float:
        """The lost share of the last probes, 0 to 1."""
        return self._lost_recent / len(self._recent) if self._recent else 0.0

    @property
    def long_loss(self) -> float:
        """The lost share over a longer time, 0 to 1."""
        seen = len(self._long) + self.in_row
        return (self._lost_long + self.in_row) / seen if seen else 0.0

    def figures(self) -> Figures:
        return Figures(
            round(self.loss * 100, 1),
            round(self.rtt_s * 1000, 2),
            round(self.jitter_s * 1000, 2),
            self.in_row,
        )
