"""The tests' side of the telephones: what a phone can do and what can be expected of it."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from tests.support.softphones.message import Message, Party

SOON_S = 15.0
"""How long an expectation waits unless told otherwise: far more than a call needs on an
idle machine, so that a loaded one does not fail."""

LOWEST_PITCH_HZ, PITCH_STEP_HZ = 520, 60
NO_PACKETS_S = 0.5
"""Without a measured window for so long nothing is heard: no sound arrives at all."""

REPO = Path(__file__).parents[3]


class Softphones:
    """A set of telephones that live in one network namespace.

    `namespace` is a name below /run/netns, None for the one of the tests. `address` is
    the phones' own address, `server` where they register and call. `authority` is a file
    with the certificate that TLS servers must be signed by; without it none is checked.
    """

    def __init__(
        self,
        address: str,
        server: str,
        namespace: str | None = None,
        authority: Path | None = None,
    ) -> None:
        self.server = server
        self.messages: list[Message] = []
        self._command = self._worker_command(namespace, address, authority)
        self._changed = threading.Condition()
        self._answers: dict[int, dict[str, Any]] = {}
        self._story: deque[str] = deque(maxlen=60)
        self._phones: dict[str, Phone] = {}
        self._calls: dict[str, Call] = {}
        self._number = 0
        self._ready = False
        self._process: subprocess.Popen[str] | None = None

    @staticmethod
    def _worker_command(namespace: str | None, address: str, authority: Path | None) -> list[str]:
        inside = ["nsenter", f"--net=/run/netns/{namespace}", "--"] if namespace else []
        worker = [sys.executable, "-m", "tests.support.softphones.worker", "--address", address]
        return [*inside, *worker, *(["--authority", str(authority)] if authority else [])]

    def __enter__(self) -> Softphones:
        self._errors = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            cwd=REPO,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.until(lambda: self._ready, 20, "the telephones to start")
        return self

    def __exit__(self, *_error: object) -> None:
        assert self._process
        self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        self._process.stdout.close()
        self._errors.close()

    def add(
        self,
        user: str,
        password: str,
        *,
        transport: str = "udp",
        codecs: Iterable[str] = ("pcma",),
        encrypted: bool = False,
        registered: bool = True,
        server: str | None = None,
        auth_user: str | None = None,
    ) -> Phone:
        """A new telephone, registered unless told otherwise.

        `encrypted` means that it takes no call without SRTP (keys in the SDP, RFC 4568).
        `codecs` are baresip's names: pcma, pcmu, g722/16000/1, opus/48000/2.
        """
        name = f"{user}#{len(self._phones)}"
        pitch = LOWEST_PITCH_HZ + PITCH_STEP_HZ * len(self._phones)
        phone = Phone(self, name, user, server or self.server, transport, pitch)
        account = {
            "user": user,
            "domain": phone.server,
            "password": password,
            "transport": transport,
            "codecs": list(codecs),
            "reg_interval": 600 if registered else 0,
            "extra": ["mediaenc=srtp-mand"] if encrypted else [],
            "auth_user": auth_user,
        }
        self._phones[name] = phone
        self.ask("add", phone=name, account=account, pitch=pitch)
        if registered:
            phone.register()
        return phone

    def listen_for(self, pitch_hz: int) -> None:
        """Make the phones recognise a pitch that none of them sends."""
        self.ask("listen_for", pitch=pitch_hz)

    def hang_up_all(self) -> None:
        """End every call that is still there."""
        for call in list(self._calls.values()):
            if call.state != "closed":
                call.hang_up()

    # ── for Phone and Call ────────────────────────────────────────────────────────

    def ask(self, verb: str, within_s: float = 20, **values: Any) -> Any:
        """Send one command and return its result; AssertionError with the worker's words."""
        with self._changed:
            self._number += 1
            number = self._number
        self.send(verb, number, values)
        self.until(lambda: number in self._answers, within_s, f"{verb} {values}")
        answer = self._answers.pop(number)
        assert "error" not in answer, f"{verb} {values}: {answer['error']}\n{self.story()}"
        return answer.get("result")

    def ask_later(self, verb: str, **values: Any) -> Callable[[float], str]:
        """Send one command whose end may take long; the function returned waits for it
        and says what went wrong ("" for nothing)."""
        with self._changed:
            self._number += 1
            number = self._number
        self.send(verb, number, values)

        def outcome(within_s: float) -> str:
            self.until(lambda: number in self._answers, within_s, f"{verb} to end")
            return self._answers.pop(number).get("error", "")

        return outcome

    def send(self, verb: str, number: int, values: dict[str, Any]) -> None:
        assert self._process
        line = json.dumps({"number": number, "verb": verb, **values})
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def until(self, true: Callable[[], object], within_s: float, what: str) -> None:
        """Return once `true()` holds; AssertionError with the story after `within_s`."""
        deadline = time.monotonic() + within_s
        with self._changed:
            while not true():
                left = deadline - time.monotonic()
                alive = self._process is not None and self._process.poll() is None
                if left <= 0 or not alive:
                    why = f"within {within_s:g} s" if alive else "before the worker died"
                    raise AssertionError(f"{what}: not {why}\n{self.story()}")
                self._changed.wait(min(left, 0.5))

    def never(self, true: Callable[[], object], for_s: float, what: str) -> None:
        """Return after `for_s` in which `true()` never held."""
        deadline = time.monotonic() + for_s
        with self._changed:
            while (left := deadline - time.monotonic()) > 0:
                assert not true(), f"{what}\n{self.story()}"
                self._changed.wait(left)

    def story(self) -> str:
        """What happened last, for the message of a failed expectation."""
        return "\n".join(self._story) + self._said()

    def _said(self) -> str:
        self._errors.seek(0)
        return "".join(f"\n! {line.rstrip()}" for line in self._errors.readlines()[-8:])

    def adopt(self, phone: Phone, name: str, call_id: str | None, state: str) -> Call:
        """The call of this name, made when it is met for the first time."""
        with self._changed:
            if name not in self._calls:
                self._calls[name] = Call(self, phone, name, call_id, state)
                phone.calls.append(self._calls[name])
            return self._calls[name]

    # ── the worker's events ───────────────────────────────────────────────────────

    def _read(self) -> None:
        assert self._process
        for line in self._process.stdout:
            event = json.loads(line)
            with self._changed:
                self._happened(event)
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def _happened(self, event: dict[str, Any]) -> None:
        kind = event.pop("kind")
        if kind == "ready":
            self._ready = True
        elif kind == "done":
            self._answers[event["number"]] = event
        elif kind == "sip":
            message = Message(event["direction"], event["at"], event["text"])
            self.messages.append(message)
            self._tell(event["at"], f"{message.direction} {message.start_line}")
        elif kind == "incoming":
            phone = self._phones[event["phone"]]
            self.adopt(phone, event["call"], event["call_id"], "incoming").rang_at = event["at"]
        else:
            self._of_call(kind, event)

    def _of_call(self, kind: str, event: dict[str, Any]) -> None:
        name = event.pop("call")
        if name not in self._calls:
            phone = self._phones[name.rpartition("/")[0]]
            self.adopt(phone, name, event.get("call_id"), "dialled")
        self._calls[name].happened(kind, event)
        if kind != "heard":
            values = {key: value for key, value in event.items() if key != "at"}
            self._tell(event["at"], f"{name} {kind} {values}")

    def _tell(self, at: float, text: str) -> None:
        self._story.append(f"{at:.3f} {text}")


class Phone:
    """One telephone. `pitch` is what it sends while in a call, in Hz."""

    def __init__(
        self, all: Softphones, name: str, user: str, server: str, transport: str, pitch: int
    ) -> None:
        self._all = all
        self.name = name
        self.user = user
        self.server = server
        self.transport = transport
        self.pitch = pitch
        self.calls: list[Call] = []

    def __repr__(self) -> str:
        return f"<Phone {self.user}, {self.pitch} Hz>"

    def register(self) -> None:
        """Register and wait for the answer."""
        self._all.ask("register", phone=self.name)

    def unregister(self) -> None:
        self._all.ask("unregister", phone=self.name)

    def call(self, number: str, headers: dict[str, str] | None = None) -> Call:
        """Dial. `number` may also be a whole SIP address."""
        name = self._all.ask("dial", phone=self.name, uri=self.uri(number), headers=headers or {})
        return self._all.adopt(self, name, None, "dialled")

    def uri(self, number: str) -> str:
        if number.startswith("sip:"):
            return number
        return f"sip:{number}@{self.server};transport={self.transport}"

    @property
    def last(self) -> Call:
        """The newest call that is not over."""
        for call in reversed(self.calls):
            if call.state != "closed":
                return call
        raise AssertionError(f"{self} is in no call\n{self._all.story()}")

    def expect_ringing(self, within_s: float = SOON_S) -> Call:
        """The call that makes the phone ring, now or soon."""
        self._all.until(self._ringing, within_s, f"{self} to ring")
        return self._ringing()[0]

    def expect_no_ringing(self, for_s: float) -> None:
        """Look for `for_s` whether the phone rings; it must not."""
        self._all.never(self._ringing, for_s, f"{self} rings")

    def _ringing(self) -> list[Call]:
        # The event of a call may come before the text of its INVITE, which says who calls.
        return [call for call in self.calls if call.state == "incoming" and call.messages]

    def answer(self) -> Call:
        """Wait for a call, answer it, and wait until it stands."""
        call = self.expect_ringing()
        call.answer()
        return call

    def hears(self, whom: Phone | int, within_s: float = SOON_S) -> float:
        """See `Call.hears`, for the newest call."""
        return self.last.hears(whom, within_s)

    def hang_up(self) -> None:
        self.last.hang_up()


class Call:
    """One leg of a call, at one phone. `state` is dialled, incoming, established, closed."""

    def __init__(
        self, all: Softphones, phone: Phone, name: str, call_id: str | None, state: str
    ) -> None:
        self._all = all
        self.phone = phone
        self.name = name
        self.call_id = call_id
        self.state = state
        self.reason = ""
        self.digits = ""
        self.rang_at = 0.0
        self.moments: dict[str, float] = {}
        self._tones: list[int] = []
        self._window: list[int] = []
        self._level = 0.0
        self._heard_at = 0.0

    def __repr__(self) -> str:
        return f"<Call {self.name}, {self.state}>"

    def happened(self, kind: str, event: dict[str, Any]) -> None:
        """Take in one event of the worker."""
        if kind == "heard":
            # A pitch counts when two windows in a row hold it.
            self._tones = [pitch for pitch in event["tones"] if pitch in self._window]
            self._window, self._level = event["tones"], event["level"]
            self._heard_at = event["at"]
        elif kind == "digit":
            self.digits += event["digit"]
        else:
            self.call_id = self.call_id or event["call_id"]
            self.moments[event["state"]] = event["at"]
            if event["state"] in ("established", "closed"):
                self.state = event["state"]
            if event["state"] == "closed":
                self.reason = event["text"]

    # ── doing ─────────────────────────────────────────────────────────────────────

    def answer(self) -> None:
        """Answer and wait until the call stands."""
        self._all.ask("answer", call=self.name)
        self.expect_answered()

    def reject(self) -> None:
        """Refuse with 486 Busy Here."""
        self._all.ask("reject", call=self.name)

    def hang_up(self) -> None:
        self._all.ask("hangup", call=self.name)

    def hold(self) -> None:
        self._all.ask("hold", call=self.name)

    def resume(self) -> None:
        self._all.ask("resume", call=self.name)

    def press(self, digits: str, gap_ms: int = 80) -> None:
        """Send DTMF (RFC 4733)."""
        self._all.ask("dtmf", call=self.name, digits=digits, gap_ms=gap_ms)

    def transfer(self, number: str) -> Callable[[float], str]:
        """Blind transfer by REFER. The function returned waits for the outcome."""
        return self._all.ask_later("transfer", call=self.name, uri=self.phone.uri(number))

    def attended_transfer(self, consultation: Call) -> Callable[[float], str]:
        """Connect the far ends of both calls (REFER with Replaces, RFC 3891)."""
        values = {"call": self.name, "consultation": consultation.name}
        return self._all.ask_later("attended_transfer", **values)

    # ── expecting ─────────────────────────────────────────────────────────────────

    def expect_answered(self, within_s: float = SOON_S) -> None:
        self._all.until(lambda: self.state != "dialled" and self.state != "incoming", within_s,
                        f"{self} to be answered")  # fmt: skip
        assert self.state == "established", f"{self} ended: {self.reason}\n{self._all.story()}"

    def expect_ringback(self, within_s: float = SOON_S) -> None:
        """The far end rings (180, or 183 with sound)."""
        rings = {"ringing", "progress"}
        self._all.until(lambda: rings & self.moments.keys(), within_s, f"{self} to ring")

    def expect_ended(self, within_s: float = SOON_S) -> str:
        """The call is over; returns why, e.g. `486 Busy Here`."""
        self._all.until(lambda: self.state == "closed", within_s, f"{self} to end")
        return self.reason

    def hears(self, whom: Phone | int, within_s: float = SOON_S) -> float:
        """The far end's pitch arrives, in sound measured after this was called.

        Returns the moment (monotonic clock) of the window in which it was heard.
        """
        pitch = whom if isinstance(whom, int) else whom.pitch
        begin = time.monotonic()
        self._all.until(
            lambda: self._heard_at > begin and pitch in self._tones,
            within_s,
            f"{self} to hear {pitch} Hz, hears {self._tones} at {self._level}",
        )
        return self._heard_at

    def hears_music(self, within_s: float = SOON_S) -> None:
        """Sound arrives that is no telephone's pitch."""
        begin = time.monotonic()
        self._all.until(
            lambda: self._heard_at > begin and self._level > 0.01 and not self._window,
            within_s,
            f"{self} to hear music, hears {self._tones} at {self._level}",
        )

    def hears_no_more(self, whom: Phone | int, within_s: float = SOON_S) -> None:
        """The pitch stops arriving: another sound, silence, or no packets any more."""
        pitch = whom if isinstance(whom, int) else whom.pitch

        def quiet() -> bool:
            return pitch not in self._tones or time.monotonic() - self._heard_at > NO_PACKETS_S

        self._all.until(quiet, within_s, f"{self} to stop hearing {pitch}")

    def expect_digits(self, digits: str, within_s: float = SOON_S) -> None:
        self._all.until(lambda: self.digits == digits, within_s, f"{self} to get {digits!r}")

    # ── looking ───────────────────────────────────────────────────────────────────

    @property
    def messages(self) -> list[Message]:
        """All SIP messages of this call, in order."""
        return [each for each in self._all.messages if each.header("call-id") == self.call_id]

    @property
    def shows(self) -> Party:
        """Who the phone's display shows as the far end: the newest that it was told."""
        told = [each.party() for each in self.messages if each.direction == "RX"]
        known = [each for each in told if each]
        return known[-1] if known else Party("", "")

    def expect_shown(self, name: str, number: str, within_s: float = SOON_S) -> None:
        """The display shows this name and number, now or soon."""
        wanted = Party(name, number)
        self._all.until(
            lambda: self.shows == wanted, within_s, f"{self} to show {wanted}, shows {self.shows}"
        )
