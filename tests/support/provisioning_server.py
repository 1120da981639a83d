"""A provisioning server of a test's own: the real process on a prefix of its own."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from appliance import credentials
from appliance.apply import atomic
from appliance.state.codec import canonical_json
from appliance.state.fields import Secret
from appliance.state.machine import Layout
from appliance.state.system_state import SystemState, encode_system
from appliance.system.machine import Facts, write_facts
from provisioning.client import ProvisioningClient

AUTHORITY = b"-----BEGIN CERTIFICATE-----\ntest\n-----END CERTIFICATE-----\n"
KEY = Secret("k" * 32)


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=10)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10)
        self.sock.connect(str(self._path))


@dataclass
class Server:
    """A running server; `put` makes a state the applied one."""

    layout: Layout
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def socket(self) -> Path:
        return self.layout.socket_of("provisioning")

    @property
    def client(self) -> ProvisioningClient:
        return ProvisioningClient(self.socket, KEY)

    def put(self, state: SystemState) -> None:
        put(self.layout, state)

    def get(
        self, path: str, method: str = "GET", source: str = "10.20.1.5", **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """What the web server in front would get for a phone's request over TLS."""
        connection = UnixConnection(self.socket)
        try:
            forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-For": source}
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, headers={**forwarded, **named})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()


def put(layout: Layout, state: SystemState) -> None:
    """Make `state` the applied revision, as the engine's switch does."""
    folder = layout.state / "revisions"
    folder.mkdir(parents=True, exist_ok=True)
    number = len(list(folder.iterdir())) + 1
    (folder / f"{number:06d}").mkdir()
    data = canonical_json(encode_system(state))
    (folder / f"{number:06d}" / "state.json").write_bytes(data)
    atomic.replace_link(layout.current, f"revisions/{number:06d}")


def environment(layout: Layout) -> dict[str, str]:
    """What docs/processes.md promises the process."""
    return {
        **os.environ,
        "CENTRALINO_PREFIX": str(layout.prefix),
        "CREDENTIALS_DIRECTORY": str(layout.prefix / "credentials"),
        "STATE_DIRECTORY": str(layout.state_of("provisioning")),
    }


@contextmanager
def running(state: SystemState, facts: Facts, command: tuple[str, ...] = ()) -> Iterator[Server]:
    """A server with `state` applied; `command` may put a wrapper in front of it."""
    prefix = Path(tempfile.mkdtemp(prefix="prov-", dir="/tmp"))
    layout = Layout(prefix)
    process = None
    try:
        _prepare(layout, state, facts)
        log = prefix / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*command, sys.executable, "-m", "provisioning.server"],
                env=environment(layout),
                stderr=output,
            )
        server = Server(layout, process, log)
        _wait(server)
        yield server
    finally:
        if process is not None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise
        shutil.rmtree(prefix)


def _prepare(layout: Layout, state: SystemState, facts: Facts) -> None:
    for folder in (layout.state_of("provisioning"), layout.run_of("provisioning")):
        folder.mkdir(parents=True)
    layout.certificates.mkdir(parents=True)
    (layout.certificates / "authority.crt").write_bytes(AUTHORITY)
    (layout.prefix / "credentials").mkdir()
    (layout.prefix / "credentials" / credentials.PROVISIONING_KEY).write_text(KEY.reveal())
    write_facts(layout, facts)
    put(layout, state)


def _wait(server: Server) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if server.process.poll() is not None:
            break
        try:
            if server.get("/health")[0] == 200:
                return
        except OSError:
            time.sleep(0.02)
    raise AssertionError(f"the server does not start: {server.log.read_text()}")
