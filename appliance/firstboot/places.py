"""Where the first start's files lie, and its mark: what it settled, for the console and support."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from appliance.apply import atomic
from appliance.state.machine import Layout


@dataclass(frozen=True, slots=True)
class Places:
    """The files of a machine below `prefix`; / except in tests."""

    prefix: Path = Path("/")

    def etc(self, name: str) -> Path:
        path = self.prefix / "etc" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    @property
    def layout(self) -> Layout:
        return Layout(self.prefix)

    @property
    def mark(self) -> Path:
        """Written last: what the first start settled, for the console and for support."""
        return self.layout.state / "first-boot.json"


def read_mark(places: Places) -> dict[str, object] | None:
    """What the first start left; None when there was none yet."""
    try:
        data = json.loads(places.mark.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return data if isinstance(data, dict) else None


def write_mark(places: Places, sources: list[str], refused: list[str]) -> None:
    """Note that the first start is done, whom it believed and what it did not take."""
    places.mark.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    data = {"sources": sources, "refused": refused}
    atomic.write_file(places.mark, json.dumps(data, indent=1).encode(), 0o644)
