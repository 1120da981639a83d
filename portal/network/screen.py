"""The screen of the machine's network: its settings, beside what the machine has now."""

from __future__ import annotations

from typing import Any

from appliance.apply.client import EngineError, EngineUnreachable
from appliance.system.network import Addressing, State, own_addresses
from portal.core import draft
from portal.core.engine import engine, running_state
from portal.core.engine import status as engine_status
from portal.core.forms import Lines, StateForm, Switch, Text
from portal.core.i18n import _l
from portal.core.screens import screens
from portal.core.settings_screens import SettingsScreen
from portal.network import moving
from portal.network_interfaces.screen import ways


class Few(Lines):
    """A list that seldom has more than two lines."""

    lines = 2

    def __init__(self, label: Any, **kwargs: Any) -> None:
        super().__init__(label, **kwargs)
        self.type = "Lines"  # templates show it as such


class NetworkForm(StateForm):
    parts = {"": State}  # noqa: RUF012

    managed = Switch(
        _l("This system gives the machine its addresses"),
        hint=_l("Off: somebody else does, for example a cloud, and nothing below is written."),
    )
    host_name = Text(
        _l("Name of the machine"),
        hint=_l("Whole, with its domain, such as pbx.example.com. Browsers are content when the "
                "certificate holds it."),
        clean=lambda typed: typed.strip().rstrip(".").lower(),
    )  # fmt: skip
    dns = Few(
        _l("Name servers (DNS)"),
        hint=_l("One address a line. Empty: those that DHCP names."),
    )
    search = Few(
        _l("Search domains"),
        hint=_l("One a line: they complete short names. Empty: those that DHCP names."),
    )
    ntp = Few(
        _l("Time servers (NTP)"),
        hint=_l("One a line, asked before those that came with the system. Telephones take the "
                "time from this machine."),
    )  # fmt: skip


class NetworkScreen(SettingsScreen):
    name = service = "network"
    form = NetworkForm
    title = _l("Network")
    lead = _l("The machine's name and addresses. A change goes back by itself after two minutes "
              "unless you confirm it at the new address.")  # fmt: skip
    icon = "topology-star-3"
    section = "machine"
    edit_template = "network/settings.html"

    def seen(self) -> dict[str, Any] | None:
        """The machine's network as it is now; None when the engine does not answer."""
        try:
            return engine().network()
        except (EngineError, EngineUnreachable):
            return None

    def wished(self) -> State:
        """The settings of the draft with all interfaces and VLANs."""
        state: State = draft.state()["network"]
        return state

    def addresses(self, state: State) -> tuple[str, ...]:
        """The fixed addresses, the one that leads outside first."""
        return own_addresses(state)

    def matching(self, state: State, found: dict[str, Any]) -> Any:
        """The interface or VLAN of the settings that is meant by one of the machine's."""
        return moving.matching(state, found)

    def missing(self, state: State, seen: dict[str, Any]) -> list[Any]:
        """Interfaces of the settings that this machine does not have."""
        met = [moving.matching(state, each) for each in seen["interfaces"]]
        return [each for each in state.interfaces if each not in met]

    def lacking(self, name: str) -> list[Any]:
        """Whose certificate, brought from outside, does not hold a name; our own authority's
        follow by themselves."""
        return moving.certificates_without(name)

    def behind_console(self) -> bool:
        """Whether the machine's own screen has changed the settings after this draft was made."""
        status = engine_status()
        if status is None or not moving.set_at_console(status):
            return False
        return bool(running_state(status["current"])["network"] != self.wished())

    def ways(self, it: Addressing) -> str:
        """How an interface gets its addresses, in a few words."""
        return ways(it)

    def address_of(self, host: str) -> str:
        """The portal's address at a name or an IP address."""
        return moving.address_of(host)

    def phone_host(self, own: tuple[str, ...]) -> str:
        """Where telephones fetch their files: what the company has named, or the machine."""
        named: str = draft.settings("organisation")[0].phone_host
        return named or next(iter(own), "") or self.wished().host_name

    def branch_doors(self) -> tuple[str, ...]:
        """Where routers of branches connect to, as seen from outside."""
        doors: tuple[str, ...] = draft.settings("vpn")[0].addresses
        return doors

    def list_of(self, name: str) -> Any:
        """The screen of interfaces or VLANs, whose lists are part of this page."""
        return screens()[name]


SCREEN = NetworkScreen()
