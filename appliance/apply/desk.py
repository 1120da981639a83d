"""What the engine's verbs about the machine work with, put together in one place."""

from __future__ import annotations

import time
from dataclasses import dataclass

from appliance.apply.engine import Engine
from appliance.asterisk.runtime import Runtime
from appliance.system.alarm_mail import AlarmMailer
from appliance.system.alarms import AlarmBook
from appliance.system.overseer import Overseer, overseer_of
from appliance.system.processes import Site
from appliance.system.sentinel import Sentinel, book_of
from appliance.system.vpn_authority import VpnAuthority


@dataclass(frozen=True, slots=True)
class MachineDesk:
    """`sentinel` is not started yet."""

    site: Site
    book: AlarmBook
    overseer: Overseer
    sentinel: Sentinel
    authority: VpnAuthority


def desk_of(engine: Engine, site: Site) -> MachineDesk:
    """The desk of a machine whose engine is `engine`."""
    layout, runtime = engine.machine.layout, site.runtime
    book, overseer = book_of(layout), overseer_of(site)
    mailer = AlarmMailer(book, _mail_command(runtime, site), engine.machine.host_name)
    sentinel = Sentinel(layout, engine.console, book, overseer, mailer, engine.running_state)
    authority = VpnAuthority(layout.vpn, time.time)
    return MachineDesk(site, book, overseer, sentinel, authority)


def _mail_command(runtime: Runtime, site: Site) -> list[str]:
    return runtime.hand_in_mail([site.layout.prefix])
