"""The echo service beside the appliance's tunnels: answers probes, and knows from where.

It knows each router by a key that is derived from the machine's own secret. From where
routers ask stands in a status file that the portal reads; which tunnel a router sends voice
into is passed on at once, so that the way back can follow.

    python -m failover_router.echo etc/centralino/vpn/echo.json run/centralino-echo
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import itertools
import json
import logging
import os
import secrets
import signal
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from failover_router import packets
from failover_router.decoding import decode
from failover_router.packets import Header

log = logging.getLogger("echo")

IP_PKTINFO = 8
"""linux/in.h; Python names it from 3.14 on."""

MOST_INSTANCES = 16
"""Starts of a branch's routers that are remembered, so that nothing old counts again."""

LIVE_S = 5.0
"""How long after its last question a router counts as running."""

IN_FLIGHT_S = 0.5
"""How long a router's last questions may be on their way while it starts anew."""

WRITE_EVERY_S = 1.0
KEY_FILE = "branch-probes"


@dataclass(frozen=True, slots=True)
class Known:
    """A branch whose routers are answered."""

    number: int
    site: str


@dataclass(frozen=True, slots=True)
class Settings:
    """What the engine has rendered. `follower` is the socket that is told of active tunnels."""

    port: int
    follower: str
    branches: tuple[Known, ...]


@dataclass(slots=True)
class Instance:
    """One start of one router: the highest number that it has used, when, and when first."""

    id: int
    generation: int
    number: int
    at: float
    since: float


@dataclass(slots=True)
class Seen:
    """What one branch's routers have said."""

    known: Known
    instances: dict[int, Instance] = field(default_factory=dict)
    lines: dict[int, tuple[str, float]] = field(default_factory=dict)
    tunnel: int = packets.NO_TUNNEL

    def fresh(self, header: Header, now: float) -> bool:
        """Whether this is news of a router, and no record of old ones that is sent again."""
        found = self.instances.get(header.instance)
        if found is None:
            found = Instance(header.instance, header.generation, -1, now, now)
            self.instances[header.instance] = found
            while len(self.instances) > MOST_INSTANCES:
                del self.instances[next(iter(self.instances))]
        if header.number <= found.number:
            return False
        found.number, found.at = header.number, now
        return True

    def live(self, now: float) -> list[Instance]:
        """The starts that have asked just now, the earliest first."""
        found = [each for each in self.instances.values() if now - each.at < LIVE_S]
        return sorted(found, key=lambda each: each.since)

    def twice(self, now: float) -> bool:
        """Whether two routers ask in turns: one identity is used twice. A router that has started
        anew is heard before and after, never in turns."""
        pairs = itertools.pairwise(self.live(now))
        return any(one.at > other.since + IN_FLIGHT_S for one, other in pairs)


class Echo:
    """The service without its sockets."""

    def __init__(self, master: bytes, nonce: int) -> None:
        self._master = master
        self._nonce = nonce
        self._keys: dict[tuple[int, int], bytes] = {}
        self.seen: dict[int, Seen] = {}
        self.refused = 0
        self.moved: list[tuple[int, int]] = []

    def follow(self, branches: tuple[Known, ...]) -> None:
        """Know these branches from now on and no others."""
        old = self.seen
        self.seen = {
            each.number: old[each.number]
            if each.number in old and old[each.number].known == each
            else Seen(each)
            for each in branches
        }

    def answer(self, datagram: bytes, source: str, now: float) -> bytes | None:
        """The answer to a datagram; None for silence. `moved` gains (branch, tunnel) when
        a router has changed its active tunnel."""
        header = packets.header_of(datagram)
        seen = self.seen.get(header.branch) if header else None
        if header is None or seen is None or not packets.signed(datagram, self._key(header)):
            self.refused += 1
            return None
        if header.kind != packets.QUESTION:
            return None
        self._note(seen, header, source, now)
        answer = dataclasses.replace(header, kind=packets.ANSWER, nonce=self._nonce)
        return packets.pack(answer, self._key(header), len(datagram))

    def _note(self, seen: Seen, header: Header, source: str, now: float) -> None:
        if header.nonce != self._nonce or not seen.fresh(header, now):
            return
        if header.line != packets.NO_LINE:
            seen.lines[header.line] = (source, now)
        if header.tunnel in (0, 1) and header.tunnel != seen.tunnel:
            seen.tunnel = header.tunnel
            self.moved.append((header.branch, header.tunnel))

    def _key(self, header: Header) -> bytes:
        which = (header.branch, header.generation)
        if which not in self._keys:
            if len(self._keys) > 4096:
                self._keys.clear()
            self._keys[which] = packets.branch_key(self._master, *which)
        return self._keys[which]

    def status(self, now: float, wall: float) -> dict[str, Any]:
        """What is known of all branches, for the portal. Moments are seconds since 1970."""
        return {
            "at": round(wall, 1),
            "refused": self.refused,
            "branches": {
                seen.known.site: _told(seen, now, wall - now) for seen in self.seen.values()
            },
        }


def _told(seen: Seen, now: float, offset: float) -> dict[str, Any]:
    live = seen.live(now)
    return {
        "number": seen.known.number,
        "seen_at": round(max((i.at for i in seen.instances.values()), default=-offset) + offset, 1),
        "generations": sorted({each.generation for each in live}),
        "twice": seen.twice(now),
        "tunnel": seen.tunnel if seen.tunnel != packets.NO_TUNNEL else None,
        "lines": {
            str(line): {"source": source, "seen_at": round(at + offset, 1)}
            for line, (source, at) in sorted(seen.lines.items())
        },
    }


# ── sockets ───────────────────────────────────────────────────────────────────────


class Service:
    """The echo with its socket, its settings and its status file."""

    def __init__(self, settings: Path, folder: Path, master: bytes) -> None:
        self._path, self._folder = settings, folder
        self._echo = Echo(master, secrets.randbits(32))
        self._read_at: tuple[int, int] = (0, 0)
        self._settings = Settings(0, "", ())
        self._socket: socket.socket | None = None
        self._follower = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._follower.setblocking(False)
        self._written = 0.0
        self.over = False

    def serve(self) -> None:
        """Answer until `over`."""
        while not self.over:
            self._look_at_settings()
            if self._socket is None:
                time.sleep(0.2)
            else:
                self._answer_for(0.5)
            self._write_status()

    def _look_at_settings(self) -> None:
        """Follow the file: another revision is another file."""
        try:
            found = os.stat(self._path)
        except FileNotFoundError:
            self._use(Settings(0, "", ()))
            self._read_at = (0, 0)
            return
        mark = (found.st_ino, found.st_mtime_ns)
        if mark != self._read_at:
            self._read_at = mark
            self._use(decode(Settings, json.loads(self._path.read_bytes())))

    def _use(self, settings: Settings) -> None:
        if settings == self._settings:
            return
        if settings.port != self._settings.port:
            if self._socket is not None:
                self._socket.close()
            self._socket = _listening(settings.port) if settings.port else None
        self._settings = settings
        self._echo.follow(settings.branches)
        log.info("answering %d branches on port %d", len(settings.branches), settings.port)

    def _answer_for(self, seconds: float) -> None:
        assert self._socket is not None
        until = time.monotonic() + seconds
        while not self.over and (now := time.monotonic()) < until:
            self._socket.settimeout(until - now)
            try:
                datagram, to, _flags, source = self._socket.recvmsg(2048, 128)
            except (TimeoutError, ConnectionRefusedError):
                continue
            answer = self._echo.answer(datagram, source[0], time.monotonic())
            if answer is not None:
                # From the address that was asked: NAT on the way knows no other.
                with contextlib.suppress(BlockingIOError, PermissionError, ConnectionRefusedError):
                    self._socket.sendmsg([answer], _same_place(to), 0, source)
            self._tell_moves()

    def _tell_moves(self) -> None:
        for branch, tunnel in self._echo.moved:
            message = json.dumps({"branch": branch, "tunnel": tunnel}).encode()
            try:
                self._follower.sendto(message, self._settings.follower)
            except OSError as error:
                log.warning("nobody follows branch %d to tunnel %d: %s", branch, tunnel, error)
        self._echo.moved.clear()

    def _write_status(self) -> None:
        now = time.monotonic()
        if now - self._written < WRITE_EVERY_S:
            return
        self._written = now
        write_json(self._folder / "status.json", self._echo.status(now, time.time()))


def _same_place(ancillary: list[tuple[int, int, bytes]]) -> list[tuple[int, int, bytes]]:
    """Ancillary data that sends from the address at which a datagram came in (ip(7)); the
    way out is the routing table's business."""
    for level, kind, data in ancillary:
        if level == socket.IPPROTO_IP and kind == IP_PKTINFO:
            return [(level, kind, bytes(4) + data[4:8] + bytes(4))]
    return []


def _listening(port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    made.bind(("0.0.0.0", port))  # noqa: S104 - the firewall says who may come
    return made


def write_json(path: Path, data: Any) -> None:
    """Replace a small file at once; readers see the old text or the new one."""
    scratch = path.with_name(f".{path.name}.new")
    scratch.write_text(json.dumps(data, separators=(",", ":")))
    os.chmod(scratch, 0o640)
    os.replace(scratch, path)


def read_master(environment: Mapping[str, str]) -> bytes:
    """The secret that this process was handed (systemd's LoadCredential=)."""
    return (Path(environment["CREDENTIALS_DIRECTORY"]) / KEY_FILE).read_bytes().strip()


def main() -> None:
    """Entry point of `python -m failover_router.echo`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("settings", type=Path, help="file that the engine renders")
    parser.add_argument("folder", type=Path, help="where status.json is written")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(name)s %(levelname)s %(message)s")
    service = Service(options.settings, options.folder, read_master(os.environ))

    def end(*_signal: object) -> None:
        service.over = True

    signal.signal(signal.SIGTERM, end)
    service.serve()


if __name__ == "__main__":
    main()
