"""What Asterisk knows of the sound of a leg: its counters, its telephone's reports, and what a
listener makes of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

QUESTION = "CHANNEL(rtcp,all,audio)"
"""All counters in one answer: 30 microseconds of Asterisk's processor, 20 of which are the
question as such (measured with 22.10.1). `rxcount` grows with each packet; the others follow
the RTCP reports, every five seconds (RFC 3550 section 6.2)."""

REPORT = "RTCPReceived"
"""The event of a report (RTCP SR or RR) that a leg's telephone has sent: 30 microseconds of
Asterisk's processor on top of the 42 that the report itself costs, 6 of the hub's, 780 bytes. With
100 calls there are 40 a second: 0.12 % of a processor.

Nothing else tells that a telephone hears nothing. Measured with 22.10.1 and baresip, all sound on
its way to the telephone dropped:

* From the beginning: its reports have no block (`ReportCount: 0`). The counters say `rlp=0`,
  `rxjitter=0`, `rtt=0`, `rxmes=0`, as they do for a telephone that sends no reports at all.
* In the middle of a call: the block stays, `HighestSequence` does not move, and neither
  `FractionLost` nor `CumulativeLost` grows, since a telephone counts a packet as lost when a later
  one comes. Of the counters only `rtt` changes. With the next packet that arrives, all that were
  missed come at once (`FractionLost: 228`).
* A loss of 30 % shows as `FractionLost` 66 to 83 while `HighestSequence` moves by 250 in 5 s.

The first report may be an empty one in the moment of the answer. The event's `SSRC` is none
(it holds other bytes of the packet); the block's source is ours."""

ENOUGH_PACKETS = 100
"""Two seconds of sound: the quality of less is chance."""


@dataclass(frozen=True, slots=True)
class Counters:
    """One leg, as Asterisk sees it: `received` from its telephone, of which `lost` are missing;
    `sent` to it, of which it has missed `remote_lost` by its own account (0 without RTCP).
    The jitters and the round trip are in seconds."""

    received: int = 0
    lost: int = 0
    jitter_s: float = 0.0
    sent: int = 0
    remote_lost: int = 0
    remote_jitter_s: float = 0.0
    round_trip_s: float = 0.0


def parsed(answer: str) -> Counters | None:
    """The counters of an answer to QUESTION; None for a leg without sound of RTP, or an answer
    that makes no sense. A telephone that counts packets twice may report less than none lost
    (RFC 3550 section 6.4.1)."""
    fields = dict(part.partition("=")[::2] for part in answer.split(";"))
    try:
        return Counters(
            int(fields["rxcount"]),
            max(0, int(fields["lp"])),
            _seconds(fields["rxjitter"]),
            int(fields["txcount"]),
            max(0, int(fields["rlp"])),
            _seconds(fields["txjitter"]),
            _round_trip(fields["rtt"]),
        )
    except (KeyError, ValueError):
        return None


def last_arrived(report: Mapping[str, str]) -> str:
    """The last packet of ours that has arrived at a telephone, by one of its reports: a word that
    differs from the last one's if anything has arrived in between; "" where it names none.

    Only the first block is in the event, whatever its source; we send one stream to each leg."""
    names = ("SourceSSRC", "SequenceNumberCycles", "HighestSequence")
    return "/".join(filter(None, (report.get(f"Report0{name}") for name in names)))


def _seconds(text: str) -> float:
    value = float(text)
    if not math.isfinite(value) or value < 0:
        raise ValueError(text)
    return value


LONGEST_ROUND_TRIP_S = 10.0


def _round_trip(text: str) -> float:
    """0 for unknown. Asterisk 22.10 says 65535.999 where a telephone's clock makes it negative
    by less than a millisecond (32 bits of RFC 3550's middle NTP time wrap)."""
    value = _seconds(text)
    return value if value <= LONGEST_ROUND_TRIP_S else 0.0


@dataclass(frozen=True, slots=True)
class Quality:
    """How a leg was, in its worse direction. `loss` is a share of 1."""

    mos: float
    loss: float
    jitter_ms: float
    round_trip_ms: float


def quality(counters: Counters) -> Quality | None:
    """The quality of a leg up to now; None when too little sound has passed to tell."""
    if min(counters.received, counters.sent) < ENOUGH_PACKETS:
        return None
    loss = max(
        counters.lost / (counters.received + counters.lost),
        min(1.0, counters.remote_lost / counters.sent),
    )
    jitter_s = max(counters.jitter_s, counters.remote_jitter_s)
    delay_ms = (counters.round_trip_s / 2 + 2 * jitter_s) * 1000 + PACKET_MS
    return Quality(mos(loss, delay_ms), loss, jitter_s * 1000, counters.round_trip_s * 1000)


PACKET_MS = 20
"""A packet is not sent before it is full."""


def mos(loss: float, delay_ms: float) -> float:
    """The mean opinion score (1 to 4.4) of G.711 with this share of loss and one-way delay.

    The E-model, ITU-T G.107 (06/2015), with everything but loss and delay at its defaults:

    * R = 93.2 - Id - Ie,eff, the defaults' value of Ro - Is + A.
    * Id = 0.024 d + 0.11 (d - 177.3) H(d - 177.3): the fit to G.107's delay impairment by
      R. Cole and J. Rosenbluth, "Voice over IP performance monitoring", 2001, equation 4.
    * Ie,eff = Ie + (95 - Ie) Ppl / (Ppl + Bpl), G.107 equation 7-29 for random loss, with Ie = 0
      and Bpl = 25.1: G.711 with the concealment of its Appendix I (G.113 table I.4), which
      telephones have.
    * MOS = 1 + 0.035 R + R (R - 60)(100 - R) 7e-6, G.107 Annex B.

    Other codecs are held to the same measure: it compares lines, not codecs.
    """
    percent = 100 * loss
    late_ms = max(0.0, delay_ms - 177.3)
    r = 93.2 - (0.024 * delay_ms + 0.11 * late_ms) - 95 * percent / (percent + 25.1)
    r = min(100.0, max(0.0, r))
    return max(1.0, 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6)
