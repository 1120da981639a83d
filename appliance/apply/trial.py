"""The trial: the record of a switch that is not yet known to be good.

It is written before the link is moved and removed when the new revision is verified and
confirmed. Found at start, it tells which revision to go back to: whatever was cut off
by a kill or a power cut is undone, and a time limit that ran out meanwhile counts.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from appliance.apply import atomic
from appliance.state.codec import canonical_json, decode, encode

Phase = Literal["switching", "waiting"]


@dataclass(frozen=True, slots=True)
class Trial:
    """Revision `number` replaces `former` (0: none before).

    In phase `switching` it is not verified yet. In phase `waiting` it runs and is
    undone at `until` (seconds since 1970, UTC), `seconds` after it began to wait, unless
    somebody confirms it.
    """

    number: int
    former: int
    phase: Phase
    until: int = 0
    seconds: int = 0


class TrialRecord:
    """The file that holds the trial, or does not exist."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "trial.json"

    def read(self) -> Trial | None:
        """The open trial. A file that cannot be read is an error, never "none"."""
        try:
            return decode(Trial, json.loads(self.path.read_bytes()))
        except FileNotFoundError:
            return None

    def write(self, trial: Trial) -> None:
        atomic.write_file(self.path, canonical_json(encode(trial)))

    def close(self) -> None:
        self.path.unlink(missing_ok=True)
        atomic.sync_folder(self.path.parent)
