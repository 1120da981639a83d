"""Decides from a leg's counters whether its telephone is heard, and from the telephone's own
reports whether it hears. No I/O, no clock."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

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

NEVER_PACKETS = 75
"""A second and a half of sound in packets of 20 ms: even when nine in ten are lost, one of them
arrives in all but one case in 2,700. A telephone that has heard somebody must say so in its next
report (RFC 3550 section 6.4), hence one report is enough."""

STOPPED_PACKETS = 300
"""Six seconds. Telephones report every five: it usually takes two reports to tell that a telephone
that has heard before hears no more, and a line that changes over or a walk between two radio cells
is done by then."""

HAS_HEARD = 2
"""A telephone that has named so many different packets fills its reports with what it hears. After
the first it is not known: it may name that one for ever."""

Fault = Literal["silent", "deaf"]


@dataclass(slots=True)
class Ear:
    """What is known of one leg's sound. `silence` is the one that lasts, `site` where its
    telephone stands, None until that was asked. `carrier`: it is a carrier's, which may have
    connected us to an announcement that reports, but listens to nobody; that one is deaf only if it
    has heard us before."""

    carrier: bool = False
    counters: Counters = field(default_factory=Counters)
    site: str | None = None
    silence: Silence | None = None
    _moved: float | None = None
    _arrived: str = ""
    _arrivals: int = 0
    _sent_before: int | None = None
    _sent_since: float = 0.0
    _missed: int = 0

    def take(self, counters: Counters, now: float, *, judged: bool) -> Fault | None:
        """What is wrong given the counters at `now` (seconds): nothing is heard that should be, or
        nothing of what was sent arrives. Of both, the former: that is certain.

        `judged` says whether sound is due: the leg was answered, is connected to another, and
        nobody holds the call. Muting needs no word: Asterisk counts what it throws away, and a
        telephone that mutes itself sends silence or, suppressing that, is borne with as long as
        one that suppresses silence.
        """
        moved = counters.received != self.counters.received
        self.counters = counters
        if not judged:
            self._moved = self._sent_before = None
            self._missed = 0
            return None
        if self._sent_before is None:
            self._sent_before, self._sent_since = counters.sent, now
        if moved or self._moved is None:
            self._moved = now
        elif now - self._moved >= (STOPPED_S if counters.received else NEVER_S):
            return "silent"
        return "deaf" if self._missed >= self._too_many else None

    def report(self, arrived: str) -> None:
        """Take a report of its telephone, in which `arrived` names the last packet that has
        arrived there (`rtp_counters.last_arrived`).

        What the telephone has missed is what was sent between the first counters after sound was
        due, or had last arrived, and the last ones before this report: less than in truth. One
        that does not report has missed nothing, and neither has one that nothing was sent to.
        """
        if arrived and arrived != self._arrived:
            self._arrived, self._sent_before, self._missed = arrived, None, 0
            self._arrivals += 1
        elif self._sent_before is not None:
            self._missed = self.counters.sent - self._sent_before

    @property
    def _too_many(self) -> float:
        """So many packets in a row do not get lost by chance."""
        if self._arrivals >= HAS_HEARD:
            return STOPPED_PACKETS
        return math.inf if self._arrivals or self.carrier else NEVER_PACKETS

    def worked_before(self, fault: Fault) -> bool:
        """Whether sound has come this way before in this call."""
        return bool(self._arrived if fault == "deaf" else self.counters.received)

    def since(self, fault: Fault) -> float:
        """When sound should have come and has not, by the clock of `take`."""
        if fault == "deaf":
            return self._sent_since
        assert self._moved is not None, "nothing is due"
        return self._moved
