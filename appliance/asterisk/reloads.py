"""The catalogue of reloads: what each changed file asks of Asterisk or of a daemon beside it,
and in which order.

Order matters: transports and acls before the endpoints that use them, endpoints before
the registrations that name them, everything before the dialplan that dials it.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType

RESTART = "restart"
"""Files that Asterisk reads only at its start (asterisk.conf, modules.conf, transports)."""

WEB = "web"
"""Files that the web server in front reads; it is told by a signal, not by the console."""

NETWORK = "network"
"""Files of the machine's addresses; like the three below they lead to an action of
`appliance.system.actions` instead of a console command."""

FIREWALL = "firewall"
"""The packet filter."""

VPN = "vpn"
"""The servers of tunnels."""

BANS = "bans"
"""What watches logs for attackers."""

CAREFUL = frozenset({NETWORK, FIREWALL, VPN})
"""Changes that can cut off whoever makes them: they go back unless confirmed."""

_SIGNAL = "signal "
_ACTION = "action "

CATALOGUE = MappingProxyType(
    {
        NETWORK: f"{_ACTION}{NETWORK}",
        FIREWALL: f"{_ACTION}{FIREWALL}",
        VPN: f"{_ACTION}{VPN}",
        BANS: f"{_ACTION}{BANS}",
        "logger": "logger reload",
        "rtp": "module reload res_rtp_asterisk.so",
        "http": "module reload http",
        "manager": "module reload manager",
        "ari": "module reload res_ari.so",
        "acl": "module reload acl",
        "indications": "module reload indications",
        "features": "module reload features",
        "musiconhold": "moh reload",
        "voicemail": "module reload app_voicemail.so",
        "pjsip_objects": "module reload res_pjsip_config_wizard.so",
        "pjsip": "module reload res_pjsip.so",
        "pjsip_identify": "module reload res_pjsip_endpoint_identifier_ip.so",
        "pjsip_registration": "module reload res_pjsip_outbound_registration.so",
        "pjsip_notify": "module reload res_pjsip_notify.so",
        "dialplan": "dialplan reload",
        WEB: f"{_SIGNAL}web",
    }
)
"""Reload name -> console command (or "signal PROCESS", "action NAME"), in the order in which
they are sent.

`pjsip` reads changed files of SIP objects and then goes through all endpoints and
addresses, which takes a second at ten thousand. `pjsip_objects` does only the former: the
wizard's reload calls ast_sorcery_reload() and nothing else
(res/res_pjsip_config_wizard.c). That is enough where no object comes or goes.
"""

_INCLUDED = MappingProxyType({"pjsip": frozenset({"pjsip_objects"})})
"""Reload -> those that it makes needless."""


def signalled(command: str) -> str:
    """The process of `docs/processes.md` that a command of the catalogue means, "" for none."""
    return command.removeprefix(_SIGNAL) if command.startswith(_SIGNAL) else ""


def for_console(command: str) -> bool:
    """Whether a command of the catalogue is Asterisk's own."""
    return not command.startswith((_SIGNAL, _ACTION))


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """The console commands for these reloads, each once, in catalogue order."""
    wanted = set(names) - {RESTART}
    unknown = wanted - CATALOGUE.keys()
    if unknown:
        raise ValueError(f"reloads that the catalogue does not know: {sorted(unknown)}")
    for name in sorted(wanted):
        wanted -= _INCLUDED.get(name, frozenset())
    return tuple(command for name, command in CATALOGUE.items() if name in wanted)
