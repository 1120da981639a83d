"""The telephones and the carrier of the sample company: `python -m tools.demo`.

Started by the supervisor of `make run DEMO=1`. Every telephone of the state in force
registers, answers after a few rings and sends a tone of its own. Now and then one calls a
colleague, a group or an outside number, and the carrier calls in, so that there is
something to see. Everything stays on the loopback network.
"""

from __future__ import annotations

import json
import logging
import math
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from appliance.asterisk import names
from appliance.services import registry
from appliance.state.machine import Layout
from appliance.state.system_state import SystemState
from tests.support.softphones import Softphones
from tests.support.softphones.phones import Call, Phone
from tools.demo import fetching
from tools.demo.carrier import Carrier

log = logging.getLogger("demo")

PHONES_ADDRESS = "127.0.0.1"
OUTSIDE_NUMBERS = ("0276110203", "3385550143", "0516447788")

RINGS_S = (2.0, 7.0)
TALKS_S = (8.0, 45.0)
PAUSE_S = (4.0, 15.0)
KEPT_MESSAGES = 200


class Company:
    """All telephones of a state, and the carrier. `step()` does what is due."""

    def __init__(
        self, state: SystemState, phones: Softphones, carrier: Carrier, chance: random.Random
    ) -> None:
        self._softphones = phones
        self._carrier = carrier
        self._chance = chance
        self._due: dict[Call, float] = {}
        self._next_call = time.monotonic() + 3
        self.phones = list(_registered(state, phones))
        self._inside = [group.number for group in state["ring_groups"].groups]
        self._inside += [each.number for each in state["extensions"].extensions]
        self._dids = [did.first for did in state["dids"].ranges]

    def step(self) -> None:
        """Answer what has rung long enough, end what has lasted, begin something new."""
        now = time.monotonic()
        for phone in self.phones:
            for call in [call for call in phone.calls if call.state != "closed"]:
                self._go_on(call, now)
            phone.calls = [call for call in phone.calls if call.state != "closed"]
        self._due = {call: at for call, at in self._due.items() if call.state != "closed"}
        if now > self._next_call:
            self._next_call = now + self._chance.uniform(*PAUSE_S)
            self._begin_call()
        del self._softphones.messages[:-KEPT_MESSAGES]

    def _go_on(self, call: Call, now: float) -> None:
        if call not in self._due:
            span = RINGS_S if call.state == "incoming" else TALKS_S
            self._due[call] = now + self._chance.uniform(*span)
        elif now > self._due[call]:
            self._due[call] = now + self._chance.uniform(*TALKS_S)
            if call.state == "incoming":
                call.answer()
            else:
                call.hang_up()

    def _begin_call(self) -> None:
        free = [phone for phone in self.phones if not phone.calls]
        if not free:
            return
        kind = self._chance.choices(("inside", "outside", "from outside"), (6, 2, 2))[0]
        if kind == "from outside" and self._dids:
            self._carrier.call(self._chance.choice(self._dids))
        elif kind == "outside":
            self._chance.choice(free).call(self._chance.choice(OUTSIDE_NUMBERS))
        else:
            self._chance.choice(free).call(self._chance.choice(self._inside))


def _registered(state: SystemState, phones: Softphones) -> Iterator[Phone]:
    """A telephone for each line of each device."""
    numbers = {each.id: each.number for each in state["extensions"].extensions}
    for device in state["devices"].devices:
        for line in device.lines:
            user = names.endpoint(numbers[line.extension], line.slot)
            try:
                yield phones.add(user, line.secret.reveal())
            except AssertionError as error:
                log.warning("%s could not register: %s", user, str(error).splitlines()[0])


def state_in_force(layout: Layout) -> SystemState:
    """The state of the current revision."""
    return registry.decode(json.loads((layout.current / "state.json").read_bytes()))


def main() -> None:
    """Live until SIGTERM, and begin anew when another revision is in force."""
    logging.basicConfig(level=logging.INFO, format="%(name)s %(levelname)s %(message)s")
    layout = Layout(Path(os.environ["CENTRALINO_PREFIX"]))
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_args: stop.set())
    while not stop.is_set():
        live(layout, stop)


def live(layout: Layout, stop: threading.Event) -> None:
    """Be the company of the revision in force until another one is, or until told to stop."""
    revision = os.readlink(layout.current)
    state = state_in_force(layout)
    port = state["asterisk_core"].sip_port
    chance = random.Random()  # when a sample phone rings is no secret
    with (
        Softphones(PHONES_ADDRESS, f"{PHONES_ADDRESS}:{port}") as phones,
        Carrier(port, chance) as carrier,
    ):
        company = Company(state, phones, carrier, chance)
        log.info("%d telephones live", len(company.phones))
        ready(layout)
        fetch_at = time.monotonic() + fetching.NOTICED_AFTER_S
        while os.readlink(layout.current) == revision and not stop.is_set():
            try:
                company.step()
            except AssertionError as error:  # a telephone did not do as told; the others go on
                log.warning("%s", str(error).splitlines()[0])
            if time.monotonic() > fetch_at:
                fetch_at = math.inf
                log.info("%d telephones have fetched their file", fetching.fetch(layout, state))
            stop.wait(0.2)


def ready(layout: Layout) -> None:
    """Leave a sign that the telephones are there."""
    (layout.run_of("demo") / "ready").write_text("ready\n")


if __name__ == "__main__":
    main()
