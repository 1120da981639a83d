"""When each branch's router has reported last, and what its reports meant for the alarms.

The portal tells this at each report. The clock is the engine's: a site that says nothing any
more must be told by somebody who does not wait for its next word, and what was wrong with its
lines when it last spoke is no news then.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from appliance.apply import atomic
from appliance.apply.errors import Refused
from appliance.apply.taken import take
from appliance.state.codec import canonical_json
from appliance.state.faults import StateError
from appliance.state.fields import Between, Label, ObjectId
from appliance.state.machine import Layout
from appliance.state.system_state import SystemState
from appliance.system.alarms import Raised
from failover_router.report import SILENT_AFTER_S

SOURCE = "branches"
BranchAlarm = Literal[
    "site-on-reserve", "branch-line-bad", "router-twice", "router-codes-guessed", "drill-failed"
]
"""What the portal may raise: it hears of these, and can do nothing else to the list."""

Moment = Annotated[int, Between(0, 2**53)]


@dataclass(frozen=True, slots=True)
class Told:
    """One alarm that the portal raised. `site` is whose reports it follows from, "" for none."""

    raised: Raised
    site: str = ""


@dataclass(frozen=True, slots=True)
class Reports:
    """What the portal told last. `seen` maps sites whose router should report to the moment of
    its last report, in seconds since 1970."""

    alarms: tuple[Told, ...] = ()
    seen: Mapping[str, int] = field(default_factory=dict)


def reports_of(data: Mapping[str, Any]) -> Reports:
    """What a request or the kept file says; Refused when it makes no sense."""
    alarms, seen = data.get("alarms"), data.get("seen", {})
    if not isinstance(alarms, list) or not isinstance(seen, Mapping):
        raise Refused("reports of branches are a list of alarms and the moments of reports")
    moments = {take({"site": site}, "site", ObjectId): take(seen, site, Moment) for site in seen}
    return Reports(tuple(_told(each) for each in alarms), moments)


def _told(data: Any) -> Told:
    if not isinstance(data, Mapping):
        raise Refused("an alarm is an object")
    values = data.get("values")
    texts = {str(k): str(v)[:80] for k, v in values.items()} if isinstance(values, Mapping) else {}
    site = take(data, "site", ObjectId) if data.get("site") else ""
    return Told(Raised(take(data, "name", BranchAlarm), take(data, "subject", Label), texts), site)


class ReportBook:
    """Keeps them where a start of the engine finds them; a start of the machine loses them, since
    every router reports anew then or is missed by its tunnel."""

    def __init__(self, layout: Layout, clock: Callable[[], float] = time.time) -> None:
        self._path = layout.run / "branch-reports.json"
        self._clock = clock

    def keep(self, data: Mapping[str, Any]) -> None:
        """Take what the portal tells; Refused when it makes no sense."""
        reports_of(data)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        kept = {"alarms": data["alarms"], "seen": data.get("seen", {})}
        atomic.write_file(self._path, canonical_json(kept))

    def read(self) -> Reports:
        """What was kept; nothing when it cannot be read."""
        try:
            return reports_of(json.loads(self._path.read_bytes()))
        except (FileNotFoundError, ValueError, AttributeError, StateError, Refused):
            return Reports()

    def look(self, state: SystemState) -> Iterator[Raised]:
        """What is wrong now: what was told, but for sites that are silent, and those."""
        reports = self.read()
        names = {site.id: site.name for site in state["organisation"].sites}
        active = {branch.id for branch in state["vpn"].active}
        silent = {site for site in active if self._silent(reports.seen.get(site))}
        yield from (told.raised for told in reports.alarms if told.site not in silent)
        yield from (Raised("router-silent", names.get(site, site)) for site in sorted(silent))

    def _silent(self, at: int | None) -> bool:
        return at is not None and self._clock() - at > SILENT_AFTER_S
