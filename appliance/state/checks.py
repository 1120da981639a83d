"""Checks that many services share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from appliance.state.faults import Fault


def duplicate_ids(where: str, objects: Iterable[Any]) -> Iterator[Fault]:
    """Yield a fault for each id that stands more than once; order of first appearance."""
    for id, times in Counter(thing.id for thing in objects).items():
        if times > 1:
            yield Fault(f"{where}/{id}", "exists %(times)d times", {"times": times})
