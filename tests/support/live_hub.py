"""The live hub as a process, and followers that do what a browser's page does."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt

from appliance import credentials
from appliance.state.fields import Secret
from appliance.state.machine import Layout
from tests.support.pbx import Pbx

KEY = Secret("a key of thirty-two signs or more")
EVERYTHING = "calls devices trunks"
STARTS_WITHIN_S = 10.0


def token(
    scope: str = EVERYTHING, *, key: Secret = KEY, typ: str = "live+jwt", **claims: Any
) -> str:
    """A token as the portal signs it; `claims` replace or (None) remove some."""
    now = int(time.time())
    whole = {"iss": "centralino-portal", "aud": "centralino-live", "sub": "1", "iat": now}
    whole |= {"exp": now + 600, "scope": scope, **claims}
    kept = {name: value for name, value in whole.items() if value is not None}
    return jwt.encode(kept, key.reveal(), algorithm="HS256", headers={"typ": typ})


@dataclass
class HubProcess:
    """A running hub. `restart()` kills it and starts another."""

    pbx: Pbx
    process: subprocess.Popen[bytes] | None = None

    @property
    def layout(self) -> Layout:
        return self.pbx.machine.layout

    @property
    def socket(self) -> Path:
        return self.layout.socket_of("live")

    def start(self) -> None:
        folder = self.pbx.folder / "credentials"
        folder.mkdir(exist_ok=True)
        secret = self.pbx.machine.secrets[credentials.AMI_LIVE]
        (folder / credentials.AMI_LIVE).write_text(secret.reveal())
        (folder / credentials.LIVE_TOKEN).write_text(KEY.reveal())
        self.layout.run_of("live").mkdir(parents=True, exist_ok=True)
        self.layout.state_of("live").mkdir(parents=True, exist_ok=True)
        environment = {
            **os.environ,
            "CENTRALINO_PREFIX": str(self.layout.prefix),
            credentials.VARIABLE: str(folder),
        }
        with (self.pbx.folder / "live.out").open("ab") as output:
            command = [sys.executable, "-m", "ari_apps.live"]
            self.process = self.pbx.network.start(
                command, env=environment, stdout=output, stderr=subprocess.STDOUT
            )
        until(STARTS_WITHIN_S, lambda: self.get("/health")[0] == 200, self.log)

    def stop(self, *, at_once: bool = False) -> int:
        assert self.process is not None
        if at_once:
            self.process.kill()
        self.process.terminate()
        return self.process.wait(10)

    def get(self, path: str, cookie: str = "", **headers: str) -> tuple[int, str]:
        """Status and text of one request to the hub's socket; (0, "") when nobody listens."""
        connection = UnixConnection(self.socket)
        try:
            connection.request("GET", path, headers={**headers, "Cookie": f"__Host-live={cookie}"})
            with connection.getresponse() as answer:
                # A stream has no end: its beginning is enough here.
                endless = answer.getheader("Content-Type", "").startswith("text/event-stream")
                return answer.status, "" if endless else answer.read().decode()
        except OSError:
            return 0, ""
        finally:
            connection.close()

    def log(self) -> str:
        return (self.pbx.folder / "live.out").read_text("utf-8", "replace")


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path, timeout_s: float = 20) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


@dataclass
class Follower:
    """A page: it applies what comes in order, and begins again when something is missing.

    `objects` is what it would show. `snapshots` counts the beginnings, `holes` the
    numbers that were missing.
    """

    hub: HubProcess
    scope: str = EVERYTHING
    objects: dict[str, Any] = field(default_factory=dict)
    seq: int = -1
    last_id: str = ""
    snapshots: int = 0
    holes: int = 0
    changes: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _connection: UnixConnection | None = None

    def start(self) -> Follower:
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        self._stop.set()
        self.drop()
        self._thread.join(5)

    def drop(self) -> None:
        """Lose the connection, as a page on a bad line does."""
        stream = self._connection.sock if self._connection else None
        if stream is not None:
            with contextlib.suppress(OSError):  # it was lost already
                stream.shutdown(socket.SHUT_RDWR)

    def calls(self) -> list[dict[str, Any]]:
        return [value for key, value in list(self.objects.items()) if key.startswith("calls/")]

    def legs(self) -> dict[str, dict[str, Any]]:
        """Device or trunk -> its leg, over all calls."""
        found = (leg for call in self.calls() for leg in call["legs"])
        return {leg["device"] or leg["trunk"]: leg for leg in found}

    def up(self) -> bool:
        return bool(self.objects.get("asterisk", {}).get("up"))

    def _follow(self) -> None:
        while not self._stop.is_set():
            self._connection = UnixConnection(self.hub.socket)
            try:
                self._read_stream(self._connection)
            except (OSError, http.client.HTTPException):
                self._stop.wait(0.05)  # a browser waits longer; here the hub is measured
            finally:
                self._connection.close()

    def _read_stream(self, connection: UnixConnection) -> None:
        cookie = f"__Host-live={token(self.scope)}"
        headers = {"Cookie": cookie} | ({"Last-Event-ID": self.last_id} if self.last_id else {})
        connection.request("GET", "/live/events", headers=headers)
        with connection.getresponse() as answer:
            assert answer.status == 200, answer.status
            fields: dict[str, str] = {}
            while line := answer.readline().decode():
                name, _, value = line.rstrip("\n").partition(": ")
                if name:
                    fields[name] = value
                elif fields:
                    self._message(fields)
                    fields = {}

    def _message(self, fields: dict[str, str]) -> None:
        data = json.loads(fields["data"])
        if fields["event"] == "snapshot":
            self.objects = data["objects"]
            self.snapshots += 1
        elif fields["event"] == "change":
            self.holes += data["seq"] != self.seq + 1
            self.changes.append((time.time(), data))
            for key in data["gone"]:
                self.objects.pop(key)
            self.objects |= data["set"]
        else:
            self.holes += data["seq"] != self.seq
        self.seq = data["seq"]
        self.last_id = fields.get("id", self.last_id)


@contextmanager
def stream(hub: HubProcess, cookie: str) -> Iterator[http.client.HTTPResponse]:
    """The bare stream, for a test that does not follow it."""
    connection = UnixConnection(hub.socket, timeout_s=6)
    try:
        connection.request("GET", "/live/events", headers={"Cookie": f"__Host-live={cookie}"})
        with connection.getresponse() as answer:
            assert answer.status == 200
            yield answer
    finally:
        connection.close()


@contextmanager
def running_hub(pbx: Pbx) -> Iterator[HubProcess]:
    """A hub beside a system until the block ends."""
    hub = HubProcess(pbx)
    hub.start()
    try:
        yield hub
    finally:
        hub.stop()


@contextmanager
def following(hub: HubProcess, scope: str = EVERYTHING) -> Iterator[Follower]:
    """A page that follows until the block ends; it has its snapshot already."""
    follower = Follower(hub, scope).start()
    try:
        until(10, lambda: follower.snapshots > 0, hub.log)
        yield follower
    finally:
        follower.stop()


def until(within_s: float, holds: Callable[[], object], story: Callable[[], object]) -> float:
    """Wait until `holds()`; returns the seconds it took. AssertionError with `story()`."""
    begin = time.monotonic()
    while not holds():
        assert time.monotonic() - begin < within_s, f"not within {within_s} s: {story()}"
        time.sleep(0.01)
    return time.monotonic() - begin
