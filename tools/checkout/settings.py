"""The settings of a checkout's run: from the command line, kept for the next time."""

from __future__ import annotations

import dataclasses
import json
import os
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from appliance.system.accounts import CHECKOUT_NUMBERS, GROUPS
from appliance.system.machine import Facts, GroupNumber


class SettingsError(ValueError):
    """A setting that makes no sense; the message says which."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Ports of a run. 0 for `web_plain_port` means that nothing listens without TLS.

    Each is an environment variable in capitals (`make run WEB_PORT=9443`) and is kept in
    `.run/settings.json`. The SIP ports are part of the configuration that the owner may
    change later; here they are those of the first revision. `demo` is 1 with the sample
    company.
    """

    web_port: int = 8443
    web_plain_port: int = 8080
    sip_port: int = 5060
    sip_tls_port: int = 5061
    ami_port: int = 5038
    asterisk_http_port: int = 8088
    demo: int = 0

    def ports(self) -> list[tuple[str, str, int]]:
        """(name of the setting, protocol, port) of everything that will listen."""
        values = {name: port for name, port in dataclasses.asdict(self).items() if name != "demo"}
        found = [(name, "tcp", port) for name, port in values.items() if port]
        return [*found, ("sip_port", "udp", self.sip_port)]


def settings(kept: Path, environment: Mapping[str, str]) -> Settings:
    """The kept settings with those of the environment over them."""
    values = json.loads(kept.read_text()) if kept.exists() else {}
    for field in dataclasses.fields(Settings):
        text = environment.get(field.name.upper(), "")
        if text:
            values[field.name] = _port(field.name, text)
    return Settings(**values)


def keep(path: Path, chosen: Settings) -> None:
    """Write the settings for the next run."""
    path.write_text(json.dumps(dataclasses.asdict(chosen), indent=1) + "\n")


def _port(name: str, text: str) -> int:
    if name == "demo":
        return int(text != "0")
    if not text.isascii() or not text.isdigit() or not 0 <= int(text) <= 65535:
        raise SettingsError(f"{name.upper()} must be a port, not “{text}”")
    if int(text) == 0 and name != "web_plain_port":
        raise SettingsError(f"{name.upper()} must not be 0")
    return int(text)


def facts(chosen: Settings) -> Facts:
    """What the engine must know of this machine."""
    return Facts(
        host_name=socket.gethostname(),
        ami_port=chosen.ami_port,
        http_port=chosen.asterisk_http_port,
        web_port=chosen.web_port,
        web_plain_port=chosen.web_plain_port,
        addresses=tuple(own_addresses()),
        ipv6=Path("/proc/net/if_inet6").exists(),
        groups=tuple(GroupNumber(name, CHECKOUT_NUMBERS[name]) for name in GROUPS),
    )


def own_addresses() -> list[str]:
    """The addresses of this machine under which others may know it."""
    asked = subprocess.run(
        ["ip", "-json", "address", "show", "scope", "global"],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "LC_ALL": "C"},
    )
    # Links without such an address appear as empty objects.
    found = [
        each for link in json.loads(asked.stdout or "[]") for each in link.get("addr_info", ())
    ]
    return [each["local"] for each in found if "local" in each]
