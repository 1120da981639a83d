"""The provisioning server as the portal sees it: one method for each of its verbs."""

from __future__ import annotations

import http.client
import json
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.state.fields import Secret
from provisioning.problem import Problem
from provisioning.server.control import PREFIX, bearer


class ServerUnreachable(RuntimeError):
    """The provisioning server does not answer."""


class Refused(RuntimeError):
    """The server will not do this; the message says why, in English."""


@dataclass(frozen=True, slots=True)
class Opened:
    """An open first stage. `url` is what a person types into a phone or scans, `file` the
    whole address that the phone will ask for; `until` is in seconds since 1970."""

    url: str
    file: str
    until: int


@dataclass(frozen=True, slots=True)
class ProvisioningClient:
    """Talks to the server at `socket_path` with the key that portal and server share."""

    socket_path: Path
    key: Secret
    timeout_s: float = 5.0

    def phones(self) -> dict[str, dict[str, Any]]:
        """What is known of every phone, by device id."""
        found: dict[str, dict[str, Any]] = self._ask("phones")["phones"]
        return found

    def revision(self) -> int:
        """The revision whose files are served."""
        found: int = self._ask("phones")["revision"]
        return found

    def open(self, device: str, seconds: int) -> Opened:
        """Open the first stage for a phone. Refused when its secrets were used before."""
        return Opened(**self._ask("open", device=device, seconds=seconds))

    def file(self, device: str, *, reveal: bool = False) -> tuple[str, list[Problem]]:
        """A phone's file, its secrets as dots unless `reveal`, and what does not fit it."""
        found = self._ask("file", device=device, reveal=reveal)
        return found["text"], [Problem(**each) for each in found["problems"]]

    def dhcp(self) -> dict[str, str]:
        """What a DHCP server must say: by program, `dnsmasq` and `kea`."""
        found: dict[str, str] = self._ask("dhcp")
        return found

    def close(self, device: str) -> None:
        self._ask("close", device=device)

    def revoke(self, device: str) -> None:
        """Let a lost phone's token open nothing, from this moment on."""
        self._ask("revoke", device=device)

    def resync(self, device: str) -> None:
        """Have a phone fetch its file as soon as it is not in a call."""
        self._ask("resync", device=device)

    def _ask(self, verb: str, **values: Any) -> Any:
        connection = _UnixConnection(self.socket_path, self.timeout_s)
        headers = {"Authorization": f"Bearer {bearer(self.key)}"}
        try:
            connection.request("POST", f"{PREFIX}{verb}", json.dumps(values), headers)
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise ServerUnreachable(f"the provisioning server does not answer ({error})") from error
        finally:
            connection.close()
        if answer.status not in (200, 409):
            raise ServerUnreachable(f"the provisioning server answers {answer.status}")
        data = json.loads(body)
        if answer.status == 409:
            raise Refused(data["error"])
        return data["result"]


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket instead of a host."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))
