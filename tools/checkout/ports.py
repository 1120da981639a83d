"""Whether the ports of a run are free, and who has them if not."""

from __future__ import annotations

import re
import socket
import subprocess

from tools.checkout.settings import Settings


def taken(chosen: Settings, *, configured: bool) -> list[str]:
    """One sentence for each port that somebody else listens on, with what to do.

    `configured` says that there is a revision already, so that SIP's ports are no longer
    a matter of settings.
    """
    return [
        f"Port {port}/{protocol} is taken{_owner(protocol, port)}: {_way_out(name, configured)}."
        for name, protocol, port in chosen.ports()
        if not _free(protocol, port)
    ]


def _way_out(name: str, configured: bool) -> str:
    if configured and name.startswith("sip_"):
        return "end that program; SIP's ports are part of the configuration in force"
    return f"choose another with `make run {name.upper()}=…`"


def _free(protocol: str, port: int) -> bool:
    kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as probe:
        if protocol == "tcp":  # as servers do, so that old connections do not count
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True


def _owner(protocol: str, port: int) -> str:
    """Who listens there, as ss(8) tells it."""
    option = "-Hlunp" if protocol == "udp" else "-Hltnp"
    said = subprocess.run(
        ["ss", option, f"sport = :{port}"], capture_output=True, text=True, check=False
    )
    found = re.search(r'users:\(\("([^"]+)",pid=(\d+)', said.stdout)
    return f" by {found[1]} (process {found[2]})" if found else ""
