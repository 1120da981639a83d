"""The engine's client: its calls about the machine itself."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from appliance.apply.asking import Asking


@dataclass(frozen=True, slots=True)
class Upload:
    """Files of a certificate as somebody has brought them."""

    certificate: bytes
    key: bytes = b""
    chain: bytes = b""
    password: str = ""

    def encoded(self) -> dict[str, str]:
        """As a request carries them."""
        parts = {"certificate": self.certificate, "key": self.key, "chain": self.chain}
        plain = {name: base64.b64encode(content).decode() for name, content in parts.items()}
        return {**plain, "password": self.password}


class MachineCalls(Asking):
    """One method for each verb of `appliance.apply.machine_verbs`."""

    __slots__ = ()

    def alarms(self) -> dict[str, Any]:
        """`open` and `over`: lists of alarms, the gravest and newest first."""
        return self._ask("alarms")

    def acknowledge_alarm(self, name: str, subject: str, by: str) -> None:
        self._ask("acknowledge_alarm", name=name, subject=subject, by=by)

    def call_sound(self) -> dict[str, Any]:
        """`silences`: calls in which somebody was not heard, the newest first; `days`: how the
        calls of each site sounded (`appliance.asterisk.call_sound.Sound`)."""
        return self._ask("call_sound")

    # ── certificates ──────────────────────────────────────────────────────────────

    def certificates(self) -> dict[str, Any]:
        """`installed`, `request` that waits, `renewal` as it went last, `host_name`."""
        return self._ask("certificates")

    def authority_certificate(self) -> str:
        return self._ask("authority_certificate")

    def check_certificate(self, upload: Upload, *, any_name: bool) -> dict[str, Any]:
        """What an upload holds; EngineError of kind `faults` says why it is of no use."""
        return self._ask("check_certificate", **upload.encoded(), any_name=any_name)

    def install_certificate(
        self, upload: Upload, servers: Sequence[str], *, any_name: bool
    ) -> None:
        self._ask(
            "install_certificate", **upload.encoded(), servers=list(servers), any_name=any_name
        )

    def renew_certificate(self, server: str) -> None:
        self._ask("renew_certificate", server=server)

    def request_certificate(self, names: Sequence[str], organisation: str) -> str:
        """A signing request in PEM."""
        return self._ask("request_certificate", names=list(names), organisation=organisation)

    def obtain_certificate(self) -> str:
        """Begin to ask the authority of the settings; returns the job's id."""
        return self._ask("obtain_certificate")["id"]

    # ── network ───────────────────────────────────────────────────────────────────

    def network(self) -> dict[str, Any]:
        """`managed`, `host_name`, `interfaces` (each `appliance.system.interfaces.Found` as
        data), and `console`, an address that stands over the settings, or None."""
        return self._ask("network")

    # ── bans ──────────────────────────────────────────────────────────────────────

    def bans(self) -> list[dict[str, Any]]:
        """Addresses that are shut out, each with `jail`, `since` and `until` (0: never)."""
        return self._ask("bans")

    def lift(self, jail: str, address: str) -> None:
        """Let an address in again; EngineError of kind `refused` when it is not banned."""
        self._ask("lift", jail=jail, address=address)

    def own_bans(self) -> str:
        """The list of this machine as others get it, as JSON."""
        return self._ask("own_bans")

    def peers(self) -> dict[str, Any]:
        """`peers` and `entries`, see `appliance.system.peers.Peers.shown`."""
        return self._ask("peers")

    def let_in(self, network: str, reason: str, by: str) -> bool:
        """Let in whom other machines shut out; whether any of them does."""
        return self._ask("let_in", network=network, reason=reason, by=by)

    # ── voicemail ─────────────────────────────────────────────────────────────────

    def locked_voicemail(self) -> list[dict[str, Any]]:
        """Boxes that wrong PINs have locked: `number` and `tries`."""
        return self._ask("locked_voicemail")

    def unlock_voicemail(self, number: str) -> None:
        """Let a box be opened with its PIN; EngineError of kind `refused` when it is not locked."""
        self._ask("unlock_voicemail", number=number)

    # ── services and logs ─────────────────────────────────────────────────────────

    def services(self) -> dict[str, Any]:
        """`services`, each with its state, and `calls` that are up."""
        return self._ask("services")

    def restart_service(self, name: str, calls: int = 0) -> None:
        """Start a process again; `calls` is how many calls are known to end with Asterisk."""
        self._ask("restart_service", name=name, calls=calls)

    def logs(self, **question: Any) -> dict[str, Any]:
        """`lines` and a `cursor`; the fields of a question are those of
        `appliance.system.logs.Question`."""
        return self._ask("logs", question=question)

    # ── captures ──────────────────────────────────────────────────────────────────

    def live_calls(self) -> list[dict[str, Any]]:
        return self._ask("live_calls")

    def captures(self) -> list[dict[str, Any]]:
        return self._ask("captures")

    def capture_call(self, call: str, by: str, **options: Any) -> str:
        """Begin to capture a call that is up; `options`: audio, seconds, megabytes, days.
        Returns the capture's id, as do the next two."""
        return self._ask("capture_call", call=call, by=by, **options)

    def capture_extension(self, number: str, by: str, **options: Any) -> str:
        return self._ask("capture_extension", number=number, by=by, **options)

    def capture_trunk(self, trunk: str, by: str, **options: Any) -> str:
        return self._ask("capture_trunk", trunk=trunk, by=by, **options)

    def stop_capture(self, id: str) -> None:
        self._ask("stop_capture", id=id)

    def delete_capture(self, id: str) -> None:
        self._ask("delete_capture", id=id)

    def capture_pieces(self, id: str, part: str) -> Iterator[bytes]:
        """A capture's file, piece by piece."""
        return self._pieces("capture_piece", id=id, part=part)

    # ── support file ──────────────────────────────────────────────────────────────

    def write_support_file(self, *, logs: bool = False, numbers: bool = False) -> str:
        """Begin to write it; returns the job's id."""
        return self._ask("write_support_file", logs=logs, numbers=numbers)["id"]

    def support_pieces(self) -> Iterator[bytes]:
        """The support file that was written last, piece by piece."""
        return self._pieces("support_piece")

    def _pieces(self, verb: str, **values: Any) -> Iterator[bytes]:
        offset = 0
        while True:
            answer = self._ask(verb, offset=offset, **values)
            content = base64.b64decode(answer["content"])
            yield content
            offset += len(content)
            if not content or offset >= answer["size"]:
                return
