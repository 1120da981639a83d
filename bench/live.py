"""The live view's speed: events a second beside panoramisk, and from event to browser.

    .venv/bin/python -m bench.live [calls]

1. The same recorded bytes go through panoramisk's reader, through ours, and through ours
   with the machine that follows them. The bytes are those of real calls between two
   agents over a real Asterisk, recorded in this run: once with every event that Asterisk
   can send, once with those that our manager.conf lets through. The best of the rounds
   counts, since other work on the machine can only make a round slower.
2. With calls set up at a given rate, how long it takes from the moment that an event's
   time stamp names until a page that follows has the change.

Goals (G9): at least 5 times panoramisk's rate; at most 50 ms at the 95th percentile with
50 calls a second.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from panoramisk.ami_protocol import AMIProtocol

from appliance.asterisk.ami import Protocol
from ari_apps.live.machine import LiveMachine
from tests.calls.company import company, secret
from tests.support.live_hub import Follower, following, running_hub, until
from tests.support.pbx import Pbx, running_pbx
from tools.record_ami import record

ROUNDS = 7
READ_BYTES = 4096
EVENTS_TO_READ = 40_000
CALLS_PER_SECOND = 50
SECONDS = 8


class Nobody:
    """What panoramisk's protocol calls its factory: it counts."""

    save_stream = None
    forgetable_actions = ()

    def __init__(self) -> None:
        self.count = 0
        self.awaiting_actions: list[Any] = []

    def dispatch(self, _event: object) -> None:
        self.count += 1


def feed(protocol: Any, data: bytes) -> float:
    """Seconds that a protocol takes for these bytes, in pieces as a socket hands them over."""
    pieces = [data[at : at + READ_BYTES] for at in range(0, len(data), READ_BYTES)]
    begin = time.perf_counter()
    for piece in pieces:
        protocol.data_received(piece)
    return time.perf_counter() - begin


def panoramisk(data: bytes) -> float:
    protocol = AMIProtocol()
    protocol.connection_made(None)
    protocol.encoding, protocol.factory = "utf8", Nobody()
    return feed(protocol, data)


def ours(data: bytes) -> float:
    return feed(_reader(LiveMachine().wanted, lambda _name, _event: None), data)


def ours_followed(data: bytes) -> float:
    machine = LiveMachine()
    machine.begin_snapshot()
    machine.finish_snapshot(0, [], [], [])
    return feed(_reader(machine.wanted, machine.event), data)


def _reader(wanted: frozenset[str], handler: Callable[..., None]) -> Protocol:
    protocol = Protocol(wanted, handler)
    protocol.connection_made(None)
    return protocol


async def readers(data: bytes, title: str) -> None:
    events = data.count(b"Event: ")
    mean = len(data) / events
    print(f"\n{title}: {events} events, {mean:.0f} bytes each")
    rates = {}
    for name, reader in (
        ("panoramisk", panoramisk),
        ("ours", ours),
        ("ours and the machine", ours_followed),
    ):
        rates[name] = events / min(reader(data) for _ in range(ROUNDS))
    for name, rate in rates.items():
        print(f"  {name:<22}{rate:10,.0f} events/s   {rate / rates['panoramisk']:5.1f} times")


def repeated(data: bytes) -> bytes:
    """The recorded events often enough for a steady figure."""
    packets = [p for p in data.split(b"\r\n\r\n") if p.startswith(b"Event: ")]
    times = EVENTS_TO_READ // len(packets) + 1
    return b"".join(packet + b"\r\n\r\n" for packet in packets) * times


def everything(pbx: Pbx) -> None:
    """Let Asterisk send every event there is, as it does with its own defaults."""
    path = pbx.machine.layout.current / "root/etc/asterisk/manager.conf"
    text = path.read_text()
    path.write_text("\n".join(x for x in text.splitlines() if not x.startswith("disabledevents")))
    open_all = path.read_text().replace(
        "read = system,call,reporting,user",
        "read = system,call,log,verbose,command,agent,user,config,dtmf,reporting,cdr,dialplan",
    )
    path.write_text(open_all)
    pbx.console.ask("module reload manager")


def calls(pbx: Pbx, rate: float, seconds: float) -> None:
    """Start calls at this rate: a channel to 201's phone, which answers, and a tone."""
    for number in range(int(rate * seconds)):
        due = number / rate
        delay = calls.begin + due - time.monotonic()  # type: ignore[attr-defined]
        if delay > 0:
            time.sleep(delay)
        pbx.console.ask("channel originate PJSIP/201-1 application Wait 1")


def delays(page: Follower, begin: float) -> list[float]:
    """Seconds from an object's own time stamp to the page, for each leg that began."""
    found = []
    seen = set()
    for at, change in list(page.changes):
        for key, call in change["set"].items():
            for leg in call["legs"] if key.startswith("calls/") else ():
                if leg["since"] >= begin and leg["id"] not in seen:
                    seen.add(leg["id"])
                    found.append(at - leg["since"])
    return sorted(found)


def percentile(values: list[float], share: float) -> float:
    return values[min(len(values) - 1, int(len(values) * share))]


def main() -> None:
    rate = float(sys.argv[1]) if len(sys.argv) > 1 else CALLS_PER_SECOND
    with running_pbx() as pbx:
        pbx.apply(company("201", "202"))
        phone = Answerer(pbx)
        phone.start()
        quiet = record(pbx, lambda: some_calls(pbx))
        browser(pbx, rate)
        everything(pbx)
        loud = record(pbx, lambda: some_calls(pbx))
        phone.stop()
    asyncio.run(readers(repeated(loud), "every event"))
    asyncio.run(readers(repeated(quiet), "events that our manager.conf lets through"))


def some_calls(pbx: Pbx) -> None:
    calls.begin = time.monotonic()  # type: ignore[attr-defined]
    calls(pbx, 20, 2)
    time.sleep(1.5)


def browser(pbx: Pbx, rate: float) -> None:
    """Event to page at a steady rate of calls, with other pages open beside it."""
    with running_hub(pbx) as hub, following(hub) as page:
        until(10, page.up, hub.log)
        begin = time.time()
        calls.begin = time.monotonic()  # type: ignore[attr-defined]
        calls(pbx, rate, SECONDS)
        time.sleep(1)
        found = delays(page, begin)
        used = time.time() - begin
        text = hub.get("/metrics")[1]
    events = next(line for line in text.splitlines() if line.startswith("centralino_live_events"))
    middle, late = percentile(found, 0.5) * 1000, percentile(found, 0.95) * 1000
    print(
        f"\n{len(found)} calls at {rate:.0f} a second ({events.split()[1]} events in {used:.0f} s)"
    )
    print(f"  event to page: median {middle:.1f} ms, 95th percentile {late:.1f} ms (goal 50)")
    print(f"  numbers missing in the stream: {page.holes}")


class Answerer(threading.Thread):
    """A phone of 201 that takes every call: 180, 200, and 200 for the BYE."""

    def __init__(self, pbx: Pbx) -> None:
        super().__init__(daemon=True)
        from tests.support.sip_agent import SipAgent

        self.agent = SipAgent(
            ("10.99.1.1", 5066),
            (pbx.address, 5060),
            "201-1",
            secret("201"),
            inside=pbx.network.entered(),
        )
        self.agent.register()
        self._stop_it = threading.Event()

    def run(self) -> None:
        while not self._stop_it.is_set():
            message = self.agent.read_one(0.2)
            if message is not None and message.method == "INVITE":
                self.agent.respond(message, 180, "Ringing")
                self.agent.respond(message, 200, "OK", self.agent.offer())
            elif message is not None and message.method in ("BYE", "CANCEL"):
                self.agent.respond(message, 200, "OK")

    def stop(self) -> None:
        self._stop_it.set()
        self.join(5)
        self.agent.__exit__()


if __name__ == "__main__":
    main()
