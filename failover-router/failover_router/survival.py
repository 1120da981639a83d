"""What still works when a branch is cut off, in words that the console and the portal show.

The router goes on giving addresses, names and time. Calls need the appliance, which is out of
reach; so does the way to outside numbers. Telling people so is part of the service: they
take their mobile phones at once instead of wondering.
"""

from __future__ import annotations

from dataclasses import dataclass

CUT_OFF_AFTER_S = 5.0
"""Time without an answer through any tunnel from which on the branch counts as cut off."""

WORKS = ("addresses", "time", "local-network", "known-names")
FAILS = ("internal-calls", "outside-calls", "emergency-calls", "voicemail", "provisioning")

SENTENCES = {
    "addresses": "telephones and computers get addresses",
    "time": "telephones keep the right time",
    "local-network": "devices at this site reach each other",
    "known-names": "names that were asked for in the last day are still answered",
    "internal-calls": "no calls between telephones, since the appliance connects them",
    "outside-calls": "no calls to or from outside",
    "emergency-calls": "no emergency calls from these telephones: use a mobile phone",
    "voicemail": "no voicemail; callers reach it at the appliance as if nobody answered",
    "provisioning": "telephones keep their configuration and fetch no new one",
}


@dataclass(frozen=True, slots=True)
class Survival:
    """Whether the branch is cut off, and since when (seconds since 1970)."""

    cut_off: bool
    since: float = 0.0

    def told(self) -> dict[str, object]:
        """For the status file: codes for the portal, sentences for the console."""
        if not self.cut_off:
            return {"cut_off": False}
        return {
            "cut_off": True,
            "since": round(self.since, 1),
            "works": list(WORKS),
            "fails": list(FAILS),
            "sentences": [SENTENCES[each] for each in (*FAILS, *WORKS)],
        }
