"""Which telephones and lines were not heard in calls lately, or did not hear, for the list of
alarms."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from appliance.asterisk import call_sound
from appliance.asterisk.call_sound import Silence, Sound
from appliance.state.machine import Layout
from appliance.state.system_state import SystemState
from appliance.system.alarms import Raised

OPEN_FOR_S = 900
"""A call without sound is soon ended; so long afterwards it is still told, for the mail that goes
out after half a minute, and because the next call will fare no better."""

MOST_NAMED = 10
"""A switch that fails takes hundreds of telephones with it: they share one alarm beyond these."""

MISSED_AFTER_S = 60
"""While a call is without sound, the hub writes every ten seconds; else it runs no more."""


def kept(layout: Layout) -> Sound:
    """What the live hub has written; ValueError when it makes no sense."""
    return call_sound.read(layout.state_of("live") / call_sound.FILE)


def why(silence: Silence, tunnelled: frozenset[str]) -> str:
    """The probable cause: the hub's word, or `tunnel` for a telephone of a site with one whose
    sound, or sound to which, never came."""
    never = silence.why in ("nat", "blocked")
    return "tunnel" if never and silence.site in tunnelled else silence.why


def tunnelled(state: SystemState) -> frozenset[str]:
    """The sites that are connected by tunnel."""
    return frozenset(branch.id for branch in state["vpn"].active)


def look(layout: Layout, state: SystemState) -> Iterator[Raised]:
    """One alarm for each telephone or line, at most MOST_NAMED, and one for all others."""
    return _raised(kept(layout), state, time.time())


def _raised(sound: Sound, state: SystemState, now: float) -> Iterator[Raised]:
    labels = {trunk.id: trunk.label for trunk in state["trunks"].trunks}
    sites = tunnelled(state)
    found: dict[str, list[Silence]] = {}
    for silence in _recent(sound, now):
        found.setdefault(_subject(silence, labels), []).append(silence)
    for subject, silences in list(found.items())[:MOST_NAMED]:
        newest = silences[0]
        name = f"{'deaf' if newest.deaf else 'no-sound'}-{why(newest, sites)}"
        yield Raised(name, subject, {"calls": str(len({each.call for each in silences}))})
    if len(found) > MOST_NAMED:
        yield Raised("no-sound-many", values={"others": str(len(found) - MOST_NAMED)})


def _recent(sound: Sound, now: float) -> Iterable[Silence]:
    for silence in sound.silences:
        last = silence.until or (now if now - sound.at < MISSED_AFTER_S else sound.at)
        if now - last < OPEN_FOR_S:
            yield silence


def _subject(silence: Silence, labels: dict[str, str]) -> str:
    if silence.trunk:
        return labels.get(silence.trunk, silence.trunk)
    return f"{silence.number} {silence.name}".strip()
