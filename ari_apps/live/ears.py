"""Decides from a leg's counters whether its telephone is heard. No I/O, no clock."""

from __future__ import annotations

from dataclasses import dataclass, field

from appliance.asterisk.call_sound import Silence
from appliance.asterisk.rtp_counters import Counters

NEVER_S = 5.0
"""A telephone sends within a tenth of a second after the answer, one that must agree on keys
first (DTLS, RFC 5763) within two even if a packet of that is lost. Whoever says "hello?" into
nothing hangs up after ten."""

STOPPED_S = 30.0
"""A telephone that suppresses silence may send next to nothing while its owner listens: comfort
noise comes when the noise changes (RFC 3389 section 5), Opus' about twice a second. What sends
at all keeps its way open every 15 seconds (RFC 6263 section 4.7); twice that is a fault."""


@dataclass(slots=True)
class Ear:
    """What is known of one leg's sound. `silence` is the one that lasts, `site` where its
    telephone stands, None until that was asked."""

    counters: Counters = field(default_factory=Counters)
    site: str | None = None
    silence: Silence | None = None
    _moved: float | None = None

    def take(self, counters: Counters, now: float, *, judged: bool) -> bool:
        """Whether nothing is heard that should be, given the counters at `now` (seconds).

        `judged` says whether sound is due: the leg was answered, is connected to another, and
        nobody holds the call. Muting needs no word: Asterisk counts what it throws away, and a
        telephone that mutes itself sends silence or, suppressing that, is borne with as long as
        one that suppresses silence.
        """
        moved = counters.received != self.counters.received
        self.counters = counters
        if not judged:
            self._moved = None
            return False
        if moved or self._moved is None:
            self._moved = now
            return False
        return now - self._moved >= (STOPPED_S if counters.received else NEVER_S)

    @property
    def quiet_since(self) -> float:
        """When sound should have come and has not, by the clock of `take`."""
        assert self._moved is not None, "nothing is due"
        return self._moved
