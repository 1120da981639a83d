"""Test calls in the shadow: one inside, one from outside, one to voicemail.

A telephone of the company is played by a program with that telephone's own password; what
it hears is a tone. Nobody else is called: the shadow's network reaches nobody, and mails
that a message would cause go nowhere.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from appliance.asterisk import names
from appliance.asterisk.console import Console
from appliance.policy import gather
from appliance.policy.inbound import Inbound, Resolution, resolve
from appliance.services import registry
from appliance.services.devices import Line
from appliance.state.codec import canonical_json
from appliance.state.system_state import SystemState
from appliance.verify.shadow import Shadow
from appliance.verify.telephone import RATE_HZ, is_tone, samples_of

Kind = Literal["registration", "internal", "inbound", "voicemail"]

WITHIN_S = 30.0
"""How long one call may take to arrive; a greeting is played in full before its tone."""

LEAST_RECORDED = 44 + 2 * RATE_HZ
"""Bytes of a message that is long enough to be judged: one second."""

_CONTEXT = "rehearsal"
_EVERYWHERE = "0.0.0.0"  # noqa: S104 - recognised, not bound
_Ask = Callable[[], str]


@dataclass(frozen=True, slots=True)
class Called:
    """How one call went. `number` was dialled; `arrived` says where it led."""

    kind: Kind
    number: str
    passed: bool
    arrived: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Which calls there are to make: "" and None where a company has no such thing.

    `number` is that of the telephone that is played, `line` its line; `did` is called from
    outside and `meant` is where the model sends it; `entry` is the same in Asterisk's words.
    """

    number: str = ""
    line: Line | None = None
    did: str = ""
    meant: Resolution | None = None
    entry: str = ""
    box: str = ""
    server: tuple[str, int] = ("127.0.0.1", 5060)

    @property
    def endpoint(self) -> str:
        """The SIP account of the telephone that is played."""
        return names.endpoint(self.number, self.line.slot) if self.line else ""


def plan_of(state: SystemState) -> Plan:
    """The calls for a state: the first telephone on UDP, a number that reaches it if any."""
    known = registry.references(state)
    by_id = {each.id: each for each in state["extensions"].extensions}
    boxes = [by_id[each.extension].number for each in state["voicemail_boxes"].boxes]
    lines = [
        line
        for device in state["devices"].devices
        if device.transport == "udp"
        for line in device.lines
        if not line.ring_delay_s
    ]
    line = lines[0] if lines else None
    number = by_id[line.extension].number if line else ""
    did, meant = _did(gather.inbound(known), line.extension if line else "", number)
    entry = ""
    if meant is not None and meant.destination is not None:
        reference = known.get(meant.destination.kind, meant.destination.id)
        entry = reference.entry if reference else ""
    core = state["asterisk_core"]
    address = "127.0.0.1" if core.sip_address == _EVERYWHERE else core.sip_address
    server = (address, core.sip_port)
    return Plan(number, line, did, meant, entry, boxes[0] if boxes else "", server)


def _did(tables: Inbound, extension: str, number: str) -> tuple[str, Resolution | None]:
    """An outside number and where it leads: to the extension if one does, else anywhere."""
    tried = [(each, resolve(each, "", tables)) for each in _candidates(tables, number)]
    led = [pair for pair in tried if pair[1].destination is not None]
    for did, meant in led:
        if meant.destination and (meant.destination.kind, meant.destination.id) == (
            "extension",
            extension,
        ):
            return did, meant
    return led[0] if led else ("", None)


def _candidates(tables: Inbound, number: str) -> Iterator[str]:
    for each in tables.ranges:
        yield each.first
        # Direct dialling: the number's last digits in place of the range's.
        if each.direct_digits and len(number) >= each.direct_digits:
            candidate = each.first[: -each.direct_digits] + number[-each.direct_digits :]
            if candidate in each:
                yield candidate
    yield from (rule.first for rule in tables.rules)


def make(shadow: Shadow, root: Path, state: SystemState) -> tuple[Called, ...]:
    """Boot the files below `root` and make the calls of a state; ShadowFailed if they do
    not boot. Nothing to call is no call, and no fault."""
    plan = plan_of(state)
    if plan.line is None and not plan.did and not plan.box:
        return ()
    with shadow.aside(root, lambda folder: _telephone(folder, plan)) as running:
        console, folder = running
        return tuple(_Caller(console, folder, plan).all())


def _telephone(folder: Path, plan: Plan) -> Sequence[str]:
    """The command line of the telephone that is played; nothing without one."""
    if plan.line is None:
        return ()
    settings = folder / "telephone.json"
    settings.touch(mode=0o600)
    settings.write_bytes(
        canonical_json(
            {
                "server": plan.server[0],
                "port": str(plan.server[1]),
                "user": plan.endpoint,
                "secret": plan.line.secret.reveal(),
            }
        )
    )
    return (sys.executable, "-m", "appliance.verify.telephone", str(settings), _log(folder))


def _log(folder: Path) -> str:
    return str(folder / "telephone.log")


class _Caller:
    """Makes the calls one after the other."""

    def __init__(self, console: Console, folder: Path, plan: Plan) -> None:
        self._console = console
        self._folder = folder
        self._plan = plan
        self._read = 0

    def all(self) -> Iterator[Called]:
        plan = self._plan
        if plan.line is not None:
            registration = self._registration()
            yield registration
            if not registration.passed:
                # Whatever calls it would wait in vain.
                return
            yield self._to_telephone("internal", plan.number, f"{plan.number}@{names.FROM_PHONE}")
        if plan.did:
            yield self._inbound()
        if plan.box:
            yield self._voicemail()

    def _registration(self) -> Called:
        said = self._hears("registered", "refused")
        return Called(
            "registration", self._plan.endpoint, said == "registered", said or "no answer"
        )

    def _to_telephone(self, kind: Kind, dialled: str, place: str) -> Called:
        self._begin(place)
        heard = self._hears("heard")
        arrived = self._plan.endpoint if heard else ""
        self._end()
        return Called(kind, dialled, bool(heard), arrived)

    def _inbound(self) -> Called:
        """The way from outside: what the dialplan decides about the number, then the call."""
        plan = self._plan
        steps = (
            f"Set(__DID={plan.did})",
            "Set(__OUTSIDE_CALLER=)",
            "Gosub(resolve-did,s,1)",
            "Set(GLOBAL(REHEARSED)=${DID_ENTRY})",
            f"Goto({names.INBOUND},s,1)",
        )
        for number, step in enumerate(steps, start=1):
            self._console.ask(f"dialplan add extension s,{number},{step} into {_CONTEXT} replace")
        destination = plan.meant.destination if plan.meant else None
        if (
            destination
            and plan.line
            and (destination.kind, destination.id)
            == (
                "extension",
                plan.line.extension,
            )
        ):
            return self._to_telephone("inbound", plan.did, f"s@{_CONTEXT}")
        self._begin(f"s@{_CONTEXT}")
        entry = self._until(self._rehearsed)
        self._end()
        return Called("inbound", plan.did, entry == plan.entry, entry)

    def _rehearsed(self) -> str:
        found = re.search(r"REHEARSED=(\S+)", self._console.ask("dialplan show globals"))
        return found[1] if found else ""

    def _voicemail(self) -> Called:
        """A message with the tone in it lies in the box afterwards."""
        box = self._plan.box
        place = self._folder / "spool/voicemail" / names.VOICEMAIL_CONTEXT / box
        self._begin(f"{box}@{names.VOICEMAIL}")
        recording = self._until(lambda: self._recording(place))
        self._end()
        return Called("voicemail", box, bool(recording), recording)

    def _recording(self, box: Path) -> str:
        for file in [*box.glob("tmp/*.wav"), *box.glob("INBOX/*.wav")]:
            sound = file.read_bytes()
            if len(sound) >= LEAST_RECORDED and is_tone(samples_of(sound)):
                return names.mailbox(box.name)
        return ""

    def _begin(self, place: str) -> None:
        self._console.ask(f"channel originate Local/{place} application Milliwatt")

    def _end(self) -> None:
        self._console.ask("channel request hangup all")
        self._until(lambda: "0" if not self._console.calls() else "")

    def _hears(self, *words: str) -> str:
        """The first of the words that the telephone says from now on; "" when none comes."""

        def said() -> str:
            lines = self._lines()
            for line in lines[self._read :]:
                self._read += 1
                if line.startswith(words):
                    return line
            return ""

        return self._until(said)

    def _lines(self) -> list[str]:
        try:
            return Path(_log(self._folder)).read_text().splitlines()
        except FileNotFoundError:
            return []

    @staticmethod
    def _until(ask: _Ask) -> str:
        deadline = time.monotonic() + WITHIN_S
        while not (found := ask()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return found
