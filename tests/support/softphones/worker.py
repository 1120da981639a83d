"""The process that holds the telephones: one baresip, driven by lines of JSON.

Reads one command a line, writes one event a line. Every command is answered by an event
of kind `done`; everything else that happens is told as it happens, with the monotonic
clock of the machine, so that the tests can measure between phones.
"""

from __future__ import annotations

import argparse
import array
import asyncio
import contextlib
import json
import logging
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import baresip
from baresip import (
    Account,
    AudioNotActive,
    AudioRestarted,
    BaresipError,
    Config,
    Event,
    Runtime,
    UserAgent,
)

from tests.support.softphones import tones

STATES = {
    Event.CALL_RINGING: "ringing",
    Event.CALL_PROGRESS: "progress",
    Event.CALL_ESTABLISHED: "established",
    Event.CALL_CLOSED: "closed",
    Event.CALL_HOLD: "held",
    Event.CALL_RESUME: "resumed",
}


def tell(kind: str, **values: Any) -> None:
    """Write one event."""
    line = json.dumps({"kind": kind, "at": time.monotonic(), **values})
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def settled(change: Callable[[], Awaitable[None]]) -> None:
    """Change a call; again while baresip still has the former change's transaction, which
    the far end may show as done already. Who asked for it bounds the time."""
    while True:
        try:
            return await change()
        except BaresipError as error:
            if "in flight" not in str(error):
                raise
        await asyncio.sleep(0.02)


class SipTrace(logging.Handler):
    """Passes every SIP message on; the first line says which way it went."""

    def emit(self, record: logging.LogRecord) -> None:
        first, _, text = record.getMessage().partition("\n")
        tell("sip", direction=first[:2], text=text)


class Telephones:
    """All phones of this process and their calls, each by the name the tests gave it."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._agents: dict[str, UserAgent] = {}
        self._calls: dict[str, baresip.Call] = {}
        self._named = 0
        self._pitches: set[int] = set()
        self._running: set[asyncio.Task[None]] = set()

    # ── commands ──────────────────────────────────────────────────────────────────

    async def add(self, phone: str, account: dict[str, Any], pitch: int) -> None:
        """Make a phone that sends `pitch` while it is in a call."""
        self._pitches.add(pitch)
        extra = (*account.pop("extra", ()), f"audio_source=ausine,{pitch}")
        codecs = tuple(account.pop("codecs"))
        made = Account(**account, audio_codecs=codecs, extra_params=extra)
        agent = await UserAgent.create(self._runtime, made)
        agent.on_incoming(lambda call: self._incoming(phone, call))
        self._agents[phone] = agent

    async def listen_for(self, pitch: int) -> None:
        """Look for a pitch that no phone sends, e.g. in a prompt."""
        self._pitches.add(pitch)

    async def register(self, phone: str) -> None:
        await self._agents[phone].register()

    async def unregister(self, phone: str) -> None:
        await self._agents[phone].unregister()

    async def dial(self, phone: str, uri: str, headers: dict[str, str]) -> str:
        return self._adopt(phone, await self._agents[phone].dial(uri, headers))

    async def answer(self, call: str) -> None:
        await self._calls[call].answer()

    async def reject(self, call: str) -> None:
        await self._calls[call].reject()

    async def hangup(self, call: str) -> None:
        with contextlib.suppress(baresip.StaleHandleError):
            await self._calls[call].hangup()

    async def hold(self, call: str) -> None:
        await settled(self._calls[call].hold)

    async def resume(self, call: str) -> None:
        await settled(self._calls[call].resume)

    async def transfer(self, call: str, uri: str) -> None:
        await self._calls[call].transfer(uri)

    async def attended_transfer(self, call: str, consultation: str) -> None:
        await self._calls[call].attended_transfer(self._calls[consultation])

    async def dtmf(self, call: str, digits: str, gap_ms: int) -> None:
        await self._calls[call].send_dtmf(digits, gap_ms)

    # ── what happens ──────────────────────────────────────────────────────────────

    def _incoming(self, phone: str, call: baresip.Call) -> None:
        name = self._adopt(phone, call)
        tell("incoming", phone=phone, call=name, call_id=call.call_id)

    def _adopt(self, phone: str, call: baresip.Call) -> str:
        self._named += 1
        name = f"{phone}/{self._named}"
        self._calls[name] = call
        call.on(lambda event: self._happened(name, event))
        call.on_dtmf(lambda digit: tell("digit", call=name, digit=digit.digit))
        task = asyncio.get_running_loop().create_task(self._listen(name, call))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return name

    @staticmethod
    def _happened(name: str, event: baresip.StackEvent) -> None:
        state = STATES.get(event.event)
        if state:
            tell("state", call=name, state=state, text=event.text or "", call_id=event.call_id)

    async def _listen(self, name: str, call: baresip.Call) -> None:
        """Measure what arrives, one window after the other, until the call is over."""
        sound = b""
        while call.state is not baresip.CallState.CLOSED:
            await asyncio.sleep(tones.WINDOW_S / 4)
            try:
                rate = call.audio.info().rx_sample_rate
                sound += call.audio.read(64000)
            except (AudioNotActive, AudioRestarted):
                sound = b""
                continue
            window = int(rate * tones.WINDOW_S) * 2
            while window and len(sound) >= window:
                self._measure(name, sound[:window], rate)
                sound = sound[window:]

    def _measure(self, name: str, sound: bytes, rate_hz: int) -> None:
        samples = array.array("h", sound)
        tones_in_it = tones.heard(samples, rate_hz, sorted(self._pitches))
        tell("heard", call=name, tones=tones_in_it, level=round(tones.level(samples), 4))


async def obey(telephones: Telephones, line: str) -> None:
    """Run one command and say how it ended."""
    command = json.loads(line)
    number, verb = command.pop("number"), command.pop("verb")
    try:
        result = await getattr(telephones, verb)(**command)
    except Exception as error:  # noqa: BLE001 - told to the test, which raises it
        tell("done", number=number, error=f"{type(error).__name__}: {error}")
    else:
        tell("done", number=number, result=result)


async def serve(address: str, authority: Path | None) -> None:
    """Obey commands until the input ends."""
    trace = logging.getLogger("baresip.native.sip")
    trace.setLevel(logging.DEBUG)
    trace.addHandler(SipTrace())
    trace.propagate = False
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    tls = (
        f"sip_cafile {authority}\nsip_verify_server yes\n"
        if authority
        else "sip_verify_server no\n"
    )
    config = Config(
        net_interface=address, max_concurrent_calls=None, sip_trace=True, extra_config_text=tls
    )
    runtime = Runtime()
    await runtime.start(config)
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    telephones = Telephones(runtime)
    tell("ready")
    busy = set()
    while line := await reader.readline():
        task = loop.create_task(obey(telephones, line.decode()))
        busy.add(task)
        task.add_done_callback(busy.discard)
    await runtime.close()


def main() -> None:
    """Entry of the process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", required=True)
    parser.add_argument("--authority", type=Path)
    options = parser.parse_args()
    asyncio.run(serve(options.address, options.authority))


if __name__ == "__main__":
    main()
