"""Listens into every call: asks Asterisk for the counters of each leg, again and again, and takes
what telephones report.

It has a connection of its own. A question about a leg is answered by that leg's own thread in
Asterisk; if one is stuck, only this waits for it, and pages go on seeing calls.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from appliance.asterisk import call_sound, names, rtp_counters
from appliance.asterisk.ami import Ami, AmiError, AmiRefused, Event
from appliance.asterisk.call_sound import Silence, Sound, Why
from appliance.state.fields import Secret
from ari_apps.live.channels import Channel
from ari_apps.live.ears import Ear, Fault
from ari_apps.live.machine import LiveMachine

log = logging.getLogger("live")

ROUND_S = 2.0
"""A round of questions begins so long after the last one began, or later with many calls."""

AT_ONCE, PAUSE_S = 10, 0.05
"""Questions are sent ten at a time, 200 a second at most, however many calls there are: with 400
legs Asterisk as a whole took 1.8 % of a processor and the hub 3.0 % (measured with 22.10.1). 500
calls are asked about every 5 seconds."""

WRITTEN_S = 10.0
"""While somebody is not heard the file says so at least so often; the quality of calls that
have ended is written as seldom."""

SITE = "PHONE_SITE"
"""A variable that each telephone's channels have; lines to carriers stand at no site."""


class Listening:
    """The ears at one Asterisk. `tell` is called when a leg's mark has changed."""

    def __init__(
        self, machine: LiveMachine, port: int, secret: Secret, file: Path, tell: Callable[[], None]
    ) -> None:
        self._machine = machine
        self._file = file
        self._tell = tell
        self._ears: dict[str, Ear] = {}
        self._ami = Ami(
            port,
            names.AMI_LIVE,
            secret,
            wanted=frozenset({rtp_counters.REPORT}),
            on_event=self._reported,
            on_ready=self._ready,
            on_lost=self._lost,
            events="system,reporting",
        )
        self._up = False
        self.sound = self._kept()
        self._changed = self._urgent = False
        self.asked = 0

    def faulty(self, fault: Fault) -> int:
        """How many legs are not heard, or do not hear, right now."""
        lasting = (ear.silence for ear in self._ears.values())
        return sum(each is not None and each.deaf == (fault == "deaf") for each in lasting)

    async def run(self) -> None:
        """Listen until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._ami.run())
            tasks.create_task(self._rounds())

    async def _ready(self) -> None:
        self._up = True

    def _lost(self) -> None:
        self._up = False

    def _reported(self, _name: str, report: Event) -> None:
        """A telephone has reported: of an answered call, or it is of no interest."""
        ear = self._ears.get(report.get("Uniqueid", ""))
        if ear:
            ear.report(rtp_counters.last_arrived(report))

    async def _rounds(self) -> None:
        while True:
            began = time.monotonic()
            if self._up and self._machine.up:
                await self._round()
            self._forget()
            self._write()
            await asyncio.sleep(max(0.0, began + ROUND_S - time.monotonic()))

    async def _round(self) -> None:
        """Ask once about each leg."""
        legs = self._machine.talking()
        for first in range(0, len(legs), AT_ONCE):
            began = time.monotonic()
            await asyncio.gather(*(self._listen(*leg) for leg in legs[first : first + AT_ONCE]))
            await asyncio.sleep(max(0.0, began + PAUSE_S - time.monotonic()))

    async def _listen(self, leg: Channel, due: bool) -> None:
        ear = self._ears.setdefault(leg.id, Ear(carrier=_trunk(leg)))
        try:
            if ear.site is None:
                ear.site = await self._ask(leg, SITE) if not _trunk(leg) else ""
            counters = rtp_counters.parsed(await self._ask(leg, rtp_counters.QUESTION))
            if counters is None:
                return
            fault = ear.take(counters, time.monotonic(), judged=due)
            if ear.silence and (fault is None or ear.silence.deaf != (fault == "deaf")):
                self._over(leg.id, ear)
            if fault and not ear.silence:
                self._missed(leg, ear, fault, await self._why(leg, ear, fault))
            elif ear.silence:
                self._mark(ear.silence)  # the leg may have been forgotten and found again
        except AmiRefused:
            return  # the leg has ended meanwhile
        except AmiError as error:
            log.warning("the sound of a call is not known: %s", error)

    async def _ask(self, leg: Channel, variable: str) -> str:
        self.asked += 1
        answer = await self._ami.ask("GetVar", Channel=leg.channel, Variable=variable)
        return str(answer.value)

    async def _why(self, leg: Channel, ear: Ear, fault: Fault) -> Why:
        if _trunk(leg):
            return "carrier"
        if ear.worked_before(fault):
            return "stopped"
        # Where its signalling comes from (contacts are rewritten to that, `rewrite_contact`), and
        # where it says that its sound is to be sent.
        seen = _host(await self._ask(leg, "CHANNEL(pjsip,target_uri)"))
        said = _host(await self._ask(leg, "CHANNEL(rtp,dest,audio)"))
        return "nat" if seen and said and seen != said else "blocked"

    def _missed(self, leg: Channel, ear: Ear, fault: Fault, why: Why) -> None:
        shown = leg.as_data()
        others = (_label(each) for each in self._machine.others_of(leg))
        ear.silence = Silence(
            call=leg.call,
            leg=leg.id,
            device=shown["device"],
            trunk=shown["trunk"],
            number=shown["number"],
            name=leg.name,
            site=ear.site or "",
            why=why,
            others=tuple(others),
            began=int(time.time() - (time.monotonic() - ear.since(fault))),
            deaf=fault == "deaf",
        )
        log.warning("call=%s leg=%s is %s: %s", leg.call, leg.endpoint, fault, why)
        self._keep(ear.silence)
        self._mark(ear.silence)

    def _over(self, id: str, ear: Ear) -> None:
        """Sound arrives, or is not due any more: the mark goes."""
        if ear.silence is None:
            return
        log.info("call=%s leg=%s has sound again", ear.silence.call, id)
        self._keep(replace(ear.silence, until=int(time.time())))
        ear.silence = None
        self._machine.mark(id, None)
        self._tell()

    def _mark(self, silence: Silence) -> None:
        mark = {"since": silence.began, "deaf": silence.deaf}
        self._machine.mark(silence.leg, {**mark, "why": silence.why, "site": silence.site})
        self._tell()

    def _forget(self) -> None:
        """Keep how the legs were that have ended."""
        there = self._machine.channel_ids()
        for id in [id for id in self._ears if id not in there]:
            ear = self._ears.pop(id)
            # Of a leg without sound the counters know no loss: it has no score.
            quality = None if ear.silence else rtp_counters.quality(ear.counters)
            self._over(id, ear)
            if ear.site and quality:
                self.sound = self.sound.with_leg(ear.site, quality, time.time())
                self._changed = True

    def _keep(self, silence: Silence) -> None:
        self.sound = self.sound.with_silence(silence)
        self._urgent = True

    def _write(self) -> None:
        """Write what is new: silences at once, everything else now and then."""
        now = int(time.time())
        lasts = any(ear.silence for ear in self._ears.values())
        waits = (self._changed or lasts) and now - self.sound.at >= WRITTEN_S
        if not (self._urgent or waits):
            return
        self._changed = self._urgent = False
        self.sound = replace(self.sound, at=now)
        try:
            call_sound.write(self._file, self.sound)
        except OSError as error:
            log.error("the sound of calls cannot be kept: %s", error.strerror)
            self._changed = True  # tried again: a full disk is made room on

    def _kept(self) -> Sound:
        try:
            return call_sound.read(self._file).ended()
        except ValueError as error:
            log.error("what was kept of the sound of calls begins anew: it %s", error)
            return Sound()


def _trunk(leg: Channel) -> bool:
    return names.number_and_slot(leg.endpoint) is None


def _label(leg: Channel) -> str:
    """A leg as people know it."""
    shown = leg.as_data()
    return f"{shown['number']} {leg.name}".strip() or shown["trunk"]


def _host(address: str) -> str:
    """The address in `203.0.113.7:5060`, `[2001:db8::7]:5060` or `sip:201-1@203.0.113.7:5060;x`,
    "" where there is none."""
    hostport = address.rpartition("@")[2].partition(";")[0]
    return hostport.rpartition(":")[0].strip("[]")
