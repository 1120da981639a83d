"""Joins Asterisk's events to the browsers: one connection, one copy of the state."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path

from appliance.asterisk import names
from appliance.asterisk.ami import Ami, AmiError, AmiRefused, Event
from appliance.state.fields import Secret
from ari_apps.live.broadcast import Broadcast
from ari_apps.live.listening import Listening
from ari_apps.live.machine import LiveMachine

log = logging.getLogger("live")

GATHER_S = 0.02
"""Changes of so long are told together: one call is several events within milliseconds."""

BEAT_EVERY_S = 5.0
COMPARE_EVERY_S = 60.0
SURE_AFTER_S = 1.0
"""A channel that two looks so far apart do not show, and no event has ended, was missed."""


class Hub:
    """The live state of one Asterisk and everybody who listens to it. `sound` is the file in
    which is kept how calls sounded."""

    def __init__(self, ami_port: int, secret: Secret, sound: Path) -> None:
        self.machine = LiveMachine()
        self.broadcast = Broadcast(self.machine.objects)
        self.ami = Ami(
            ami_port,
            names.AMI_LIVE,
            secret,
            wanted=self.machine.wanted,
            on_event=self._event,
            on_ready=self._snapshot,
            on_lost=self._lost,
            events="system,call",
        )
        self.listening = Listening(self.machine, ami_port, secret, sound, self._tell_soon)
        self.events = 0
        self.missed = 0
        self.failures = 0
        self._waiting = False

    async def run(self) -> None:
        """Follow Asterisk until cancelled."""
        self._tell()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.ami.run())
            tasks.create_task(self.listening.run())
            tasks.create_task(self._beat())
            tasks.create_task(self._compare())

    def _event(self, name: str, event: Event) -> None:
        self.events += 1
        try:
            self.machine.event(name, event)
        except (KeyError, ValueError):
            # One event of an unknown shape must not stop all the others.
            self.failures += 1
            log.exception("event %s could not be followed", name)
        self._tell_soon()

    def _tell_soon(self) -> None:
        if not self._waiting:
            self._waiting = True
            asyncio.get_running_loop().call_later(GATHER_S, self._tell)

    def _tell(self) -> None:
        self._waiting = False
        new, gone = self.machine.changes()
        if new or gone:
            self.broadcast.publish(new, gone)

    async def _snapshot(self) -> None:
        """Ask Asterisk for everything; what events say meanwhile is taken as newer."""
        self.machine.begin_snapshot()
        channels, states, registrations = await asyncio.gather(
            self.ami.list("CoreShowChannels"),
            self.ami.list("DeviceStateList"),
            self._registrations(),
        )
        self.machine.finish_snapshot(
            time.time(), map(_plain, channels), map(_plain, states), map(_plain, registrations)
        )
        self._tell()
        log.info("following Asterisk: %d devices known", len(self.machine.objects()))

    async def _registrations(self) -> list[Event]:
        try:
            found = await self.ami.list("PJSIPShowRegistrationsOutbound")
        except AmiRefused:
            return []  # how Asterisk says that there are none
        # Between them stand their accounts (AuthDetail).
        return [entry for entry in found if entry["Event"] == "OutboundRegistrationDetail"]

    def _lost(self) -> None:
        self.machine.lost(time.time())
        self._tell()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_EVERY_S)
            self.broadcast.beat()

    async def _compare(self) -> None:
        """Look now and then whether a call is shown here that Asterisk does not have."""
        while True:
            await asyncio.sleep(COMPARE_EVERY_S)
            if self.machine.up:
                await self._compare_once()

    async def _compare_once(self) -> None:
        known = self.machine.channel_ids()
        try:
            await asyncio.sleep(SURE_AFTER_S)
            shown = [_plain(entry) for entry in await self.ami.list("CoreShowChannels")]
        except AmiError as error:
            log.warning("calls could not be compared: %s", error)
            return
        newer = [{"Uniqueid": id} for id in self.machine.channel_ids() - known]
        missed = self.machine.compare_channels([*shown, *newer])
        if missed:
            self.missed += missed
            log.error("%d channels had ended without an event", missed)
        self._tell()


def _plain(message: Event) -> dict[str, str]:
    return dict(message.items())
