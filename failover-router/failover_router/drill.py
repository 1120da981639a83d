"""A drill: one line is cut for some seconds by the router itself, and the outage is measured.

Pure: the agent tells it what came through the tunnel and does what it says. A drill
ends by itself, whoever is out of reach then; it is not begun, or ended early, when no other
line is good or somebody calls for help.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from failover_router.report import DrillState, Why

SETTLES_S = 10.0
"""How long after the cut the way back is still watched."""

PROBE_S = 0.1
LONGEST_S = 300


@dataclass(frozen=True, slots=True)
class Order:
    """What the appliance has asked for; see `report.Command`. `emergency`: a call for help is
    in progress at the branch."""

    kind: str
    id: str
    line: str
    seconds: int
    emergency: bool


@dataclass(slots=True)
class Drill:
    """One drill, from its order to its end. Moments are those of the monotonic clock."""

    order: Order
    began: float
    calls: int
    state: DrillState = "running"
    why: Why = ""
    cut: bool = True
    ended: float = 0.0
    sent: int = 0
    lost: int = 0
    outage_s: float = 0.0
    back_s: float = 0.0
    _heard: float = field(default=0.0)

    @classmethod
    def begin(
        cls, order: Order, now: float, good: Collection[str], names: Collection[str], calls: int
    ) -> Drill:
        """A drill that runs, or one that is refused and says why."""
        made = cls(order, now, calls, _heard=now)
        why = refusal(order, good, names)
        if why:
            made.state, made.why, made.cut, made.ended = "refused", why, False, now
        return made

    def heard(self, now: float) -> None:
        """Something came through the tunnel."""
        gap = now - self._heard
        if self.cut:
            self.outage_s = max(self.outage_s, gap)
        elif self.state == "running":
            self.back_s = max(self.back_s, gap)
        self._heard = now

    def step(self, now: float, good: Collection[str], *, emergency: bool, told: bool) -> None:
        """Time goes by: end the cut when it is over or must not go on."""
        if self.state != "running":
            return
        others = [name for name in good if name != self.order.line]
        if self.cut:
            why: Why = "emergency" if emergency else "told" if told else ""
            why = why or ("" if others else "other_line_bad")
            if why:
                self.state, self.why, self.cut, self.ended = "aborted", why, False, now
            elif now - self.began >= min(self.order.seconds, LONGEST_S):
                self.cut, self.ended = False, now
        elif now - self.ended >= SETTLES_S:
            self.state = "done"

    def told(self, now: float) -> dict[str, Any]:
        """As the status file has it and `report.DrillReport` wants it."""
        lasted = (self.ended or now) - self.began
        return {
            "id": self.order.id,
            "line": self.order.line,
            "state": self.state,
            "why": self.why,
            "began_ago_ms": round((now - self.began) * 1000),
            "lasted_ms": round(lasted * 1000),
            "outage_ms": round(self.outage_s * 1000),
            "back_ms": round(self.back_s * 1000),
            "sent": self.sent,
            "lost": self.lost,
            "calls": self.calls,
        }


def refusal(order: Order, good: Collection[str], names: Collection[str]) -> Why:
    """Why this drill may not begin, "" when it may."""
    if order.line not in names:
        return "unknown_line"
    if order.emergency:
        return "emergency"
    if len(names) < 2:
        return "only_line"
    return "" if any(name != order.line for name in good) else "other_line_bad"
