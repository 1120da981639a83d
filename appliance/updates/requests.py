"""What the engine may ask of the worker, as typed values that both sides check."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from appliance.state.fields import Between, OptionalLabel
from appliance.updates.sources import Source


@dataclass(frozen=True, slots=True)
class MomentRule:
    """A moment with its zone, in ISO 8601; empty for at once."""

    def problem(self, value: Any) -> tuple[str, dict[str, Any]] | None:
        try:
            sound = not value or datetime.fromisoformat(value).tzinfo is not None
        except ValueError:
            sound = False
        return None if sound else ("must be a moment such as 2026-05-01T02:00:00+02:00", {})


MomentText = Annotated[str, MomentRule()]
WithinS = Annotated[int, Between(60, 1800, "s")]


@dataclass(frozen=True, slots=True)
class Request:
    """One thing to do. `source` is for check and install, the rest for start.

    `quiet` waits until no call is up. `within_s` is how long the other system may take until
    everything of it answers. `old_data` starts an older system with the data as they were
    before it was left.
    """

    verb: Literal["find", "check", "install", "start"]
    by: OptionalLabel = ""
    source: Source | None = None
    not_before: MomentText = ""
    quiet: bool = False
    within_s: WithinS = 300
    old_data: bool = False
