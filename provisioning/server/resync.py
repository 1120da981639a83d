"""Has phones fetch their new file soon after an apply, but never during a call.

A phone whose last fetched file is not the desired one is told by a SIP NOTIFY. The
engine sends it, because only the engine may speak to Asterisk's console; a phone that is
in a call, or away, is told later. Phones ask by themselves once an hour in any case.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from appliance.apply.client import EngineError, EngineUnreachable
from provisioning import vendors
from provisioning.server.book import Entry
from provisioning.server.desk import Desk

log = logging.getLogger("provisioning")

Tell = Callable[[Sequence[str], str], str]
"""Gets the endpoints of a phone and the event; returns sent, busy or absent."""

LOOK_EVERY_S = 1.0
SETTLED_AFTER_S = 3.0
"""Asterisk reloads after the switch; a phone must not come back before it has."""

AGAIN_AFTER_S = {"sent": 900.0, "busy": 5.0, "absent": 300.0, "unreachable": 30.0}
"""Outcome -> when the phone is looked at again, if it has not fetched its file."""

AT_ONCE = 25
"""Phones told in a second: they all come back for their file."""


@dataclass(slots=True)
class Resync:
    """Which phones are to be told, and when they were told last."""

    desk: Desk
    tell: Tell
    clock: Callable[[], float] = time.monotonic
    wanted: set[str] = field(default_factory=set)
    _next: dict[str, tuple[str, float]] = field(default_factory=dict)
    _since: tuple[int, float] = (0, 0.0)

    def want(self, device: str) -> None:
        """Tell this phone soon, whatever it has: somebody pressed the button."""
        self.wanted.add(device)
        self._next.pop(device, None)

    async def keep_telling(self) -> None:
        """Look once a second who is to be told."""
        while True:
            for entry in list(self.due())[:AT_ONCE]:
                await self.told(entry)
            await asyncio.sleep(LOOK_EVERY_S)

    def due(self) -> Iterator[Entry]:
        """Yield the phones that are to be told now."""
        now = self.clock()
        if self.desk.book.revision != self._since[0]:
            self._since = (self.desk.book.revision, now)
        settled = now - self._since[1] >= SETTLED_AFTER_S
        for entry in self.desk.book.by_mac.values():
            if self._is_wanted(entry, settled) and self._may_be_told(entry, now):
                yield entry

    def _is_wanted(self, entry: Entry, settled: bool) -> bool:
        if entry.phone.id in self.wanted:
            return True
        record = self.desk.records.get(entry.phone.id)
        known = record is not None and record.served and record.token == entry.token
        return bool(settled and known and record and record.served != record.desired)

    def _may_be_told(self, entry: Entry, now: float) -> bool:
        desired, not_before = self._next.get(entry.phone.id, ("", 0.0))
        return desired != entry.sha256 or now >= not_before

    async def told(self, entry: Entry) -> None:
        """Tell one phone, and note when to look at it again."""
        phone = entry.phone
        event = vendors.module(phone.model.vendor).NOTIFY
        endpoints = [account.user for account in phone.accounts]
        try:
            outcome = await asyncio.to_thread(self.tell, endpoints, event)
        except (EngineUnreachable, EngineError) as error:
            log.warning("phone %s cannot be told to fetch its file: %s", phone.id, error)
            outcome = "unreachable"
        if outcome == "sent":
            self.wanted.discard(phone.id)
            log.info("phone %s was told to fetch its file", phone.id)
        self._next[phone.id] = (entry.sha256, self.clock() + AGAIN_AFTER_S[outcome])
