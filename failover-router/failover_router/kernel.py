"""Runs `ip`, `nft` and `conntrack`, and reads what the kernel knows of interfaces."""

from __future__ import annotations

import fcntl
import logging
import re
import socket
import struct
import subprocess
from collections.abc import Iterable
from pathlib import Path

from failover_router.routes import LINE_TABLE

log = logging.getLogger("kernel")

NET = Path("/sys/class/net")
WITHIN_S = 10.0

SIOCGIFADDR = 0x8915
"""linux/sockios.h: the first IPv4 address of an interface."""

_LINK_EVENTS = 1 | 0x10 | 0x40
"""RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV4_ROUTE (linux/rtnetlink.h)."""


class KernelError(RuntimeError):
    """A command that the kernel did not accept."""


def ip(commands: Iterable[str], *, force: bool = False) -> None:
    """Run commands of ip(8) in one process. `force` goes on after those that fail, which
    then is no error: they take away what may not be there."""
    text = "\n".join(commands)
    if not text:
        return
    options = ["-force"] if force else []
    done = _run(["ip", *options, "-batch", "-"], text)
    if done.returncode and not force:
        raise KernelError(f"ip: {done.stderr.strip()}")


def nft(text: str) -> None:
    """Replace tables in one transaction."""
    done = _run(["nft", "-f", "-"], text)
    if done.returncode:
        raise KernelError(f"nft: {done.stderr.strip()}")


def forget_connections(mark: int) -> None:
    """Drop connections of data that were translated to an address which is gone; new ones
    then take the new line at once. Exit status 1 means that there were none."""
    try:
        _run(["conntrack", "-D", "-m", str(mark)], "")
    except FileNotFoundError:
        log.warning("conntrack is not installed: old connections end by themselves")


def _run(command: list[str], text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, input=text, text=True, capture_output=True, timeout=WITHIN_S, check=False
    )


def set_sysctls(values: Iterable[tuple[str, str]]) -> None:
    """Write below /proc/sys; interfaces that are not there yet are passed over."""
    for name, value in values:
        path = Path("/proc/sys") / name
        if path.exists():
            path.write_text(value)


def make_tun(name: str) -> None:
    """A tunnel device that outlives the process which uses it, so that its routes stay."""
    if not (NET / name).exists():
        ip([f"tuntap add dev {name} mode tun"])


def remove_link(name: str) -> None:
    if (NET / name).exists():
        ip([f"link delete {name}"], force=True)


def carrier(interface: str) -> bool:
    """Whether the interface is up and its cable has somebody at the other end."""
    try:
        return (NET / interface / "carrier").read_text().strip() == "1"
    except OSError:
        return False  # no such interface, or it is down


def address(interface: str) -> str:
    """The interface's first IPv4 address, "" for none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        request = struct.pack("256s", interface.encode()[:15])
        try:
            found = fcntl.ioctl(asking.fileno(), SIOCGIFADDR, request)
        except OSError:
            return ""
    return socket.inet_ntoa(found[20:24])


def learnt_gateway(order: int, interface: str) -> str | None:
    """The provider's router in a line's own table, where networkd or pppd has put it; "" on
    a point-to-point line, None for none."""
    table = str(LINE_TABLE + order)
    said = _run(["ip", "-4", "route", "show", "default", "table", table], "").stdout.split()
    if interface not in said:
        return None
    return said[said.index("via") + 1] if "via" in said else ""


def counters(interface: str) -> tuple[int, int]:
    """(received, sent) bytes since the interface is there."""
    folder = NET / interface / "statistics"
    try:
        received, sent = (int((folder / f"{way}_bytes").read_text()) for way in ("rx", "tx"))
    except OSError:
        return 0, 0
    return received, sent


def calls(inner: str, ports: tuple[int, int]) -> int:
    """Calls in progress: connections of sound to the appliance that the kernel follows. RTP has
    the even ports (RFC 3550 section 11)."""
    try:
        said = _run(["conntrack", "-L", "-p", "udp", "--dst", inner], "").stdout
    except FileNotFoundError:
        return 0
    found = (re.search(r"dport=(\d+)", line) for line in said.splitlines())
    numbers = {int(each[1]) for each in found if each}
    return sum(ports[0] <= each <= ports[1] and each % 2 == 0 for each in numbers)


def link_events() -> socket.socket:
    """A socket that can be read whenever a link, an address or a route has changed."""
    made = socket.socket(
        socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE
    )
    made.bind((0, _LINK_EVENTS))
    return made
