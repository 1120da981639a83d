"""The forms of a branch and of the appliance's own end of the tunnels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from appliance.state.codec import decode, encode, reveal
from appliance.state.faults import Fault, StateError
from appliance.system import vpn
from portal.branches import words
from portal.core.forms import Choice, Lines, Number, RowForm, Rows, StateForm, Switch, Text
from portal.core.i18n import _l
from portal.core.screens import slug

CODECS = (
    ("alaw", _l("G.711 A-law: as the telephone network")),
    ("ulaw", _l("G.711 µ-law")),
    ("g722", _l("G.722: wider sound, the same volume")),
    ("opus", _l("Opus: wider sound, less volume")),
    ("gsm", _l("GSM: narrow sound, half the volume")),
)
SECRETS = ("password", "pin")
LAN = ("network", "address", "dhcp_first", "dhcp_last", "interface", "further")


class Unshown(Text):
    """A secret of a row: never shown; empty keeps what the line with the same id has."""

    def process_data(self, _value: Any) -> None:
        self.data = ""


class LineForm(RowForm):
    """One line of a branch."""

    key = ("label",)
    kept: Mapping[str, Any] = {}

    id = Text(_l("Id"))
    label = Text(_l("Name"), hint=_l("For example: Fibre TIM."))
    provider = Text(_l("Provider"))
    kind = Choice(_l("Kind"), tuple(words.KINDS.items()), empty="fibre")
    carries = Choice(_l("Carries"), tuple(words.CARRIES.items()), empty="both")
    interface = Text(
        _l("Port of the router"),
        hint=_l(
            "On our router eth0, eth1 …; with OpenWrt such as wan, of MikroTik such as ether1."
        ),
    )
    priority = Number(_l("Order"), hint=_l("The lowest number is preferred."), empty=10)
    up_kbits = Number(_l("Speed up"), unit=_l("kbit/s"), empty=0)
    down_kbits = Number(_l("Speed down"), unit=_l("kbit/s"), empty=0)
    addressing = Choice(_l("Address"), tuple(words.ADDRESSING.items()), empty="dhcp")
    address = Text(_l("Fixed address"), hint=_l("With its length, such as 203.0.113.6/29."))
    gateway = Text(_l("Gateway"))
    user = Text(_l("PPPoE user"))
    password = Unshown(_l("PPPoE password"), hint=_l("Empty keeps the one that is set."))
    access_point = Text(_l("Access point (APN)"))
    pin = Unshown(_l("PIN of the SIM"), hint=_l("Empty keeps the one that is set."))
    metered = Switch(_l("Paid by volume"))
    monthly_cap_mb = Number(_l("Volume a month"), unit=_l("MB"), empty=0)

    def plain(self) -> dict[str, Any] | None:
        """The row; numbers that were left empty are what empty means."""
        found = super().plain()
        if found is None:
            return None
        for name in ("priority", "up_kbits", "down_kbits", "monthly_cap_mb"):
            if found[name] == "":
                found[name] = self[name].empty
        return found


class BranchForm(StateForm):
    """A branch. Its network is an object inside it, so its fields are shown one by one."""

    parts = {"": vpn.Branch}  # noqa: RUF012

    lan_network = Text(_l("Network of the telephones"), hint=_l("For example 10.20.1.0/24."))
    lan_address = Text(_l("The router's address in it"), hint=_l("For example 10.20.1.1."))
    lan_dhcp_first = Text(
        _l("First address for telephones"), hint=_l("Empty if another DHCP server is there.")
    )
    lan_dhcp_last = Text(_l("Last address for telephones"))
    lan_interface = Text(
        _l("Port of this network"),
        hint=_l("On our router eth2, for example; with OpenWrt br-lan, of MikroTik bridge."),
    )
    lan_further = Lines(_l("Further networks behind the router"), hint=_l("One in each line."))
    mode = Choice(
        _l("When a line fails"),
        tuple(words.MODES.items()),
        hint=_l(
            "Moving leaves a gap of some tenths of a second; protected none, at twice the volume."
        ),
    )
    router = Choice(
        _l("Router"),
        tuple(words.ROUTERS.items()),
        hint=_l(
            "RouterOS cannot do tls-crypt: while a branch has it, this machine opens one more "
            "port, on which the certificate alone keeps strangers off."
        ),
    )
    calls = Number(_l("Calls at once"), hint=_l("For the plan of the lines."))
    codec = Choice(_l("Codec"), CODECS)
    borrow_kbits = Number(
        _l("Data may borrow of the telephone line"),
        unit=_l("kbit/s"),
        hint=_l("When the line for data has failed; 0 is nothing."),
    )
    reaches_branches = Switch(_l("Its telephones may reach other branches directly"))
    enabled = Switch(_l("May connect"))
    lines = Rows(_l("Lines"), LineForm)

    def _shown(self) -> dict[str, Any]:
        values = super()._shown()
        held = self.before.get("")
        lan = encode(held.lan, reveal) if held is not None else {"interface": "eth2"}
        return {**values, **{f"lan_{name}": value for name, value in lan.items()}}

    def _decode(self, part: str, kind: type) -> bool:
        held: vpn.Branch = self.before[""]
        plain = encode(held, reveal)
        names = ("mode", "router", "calls", "codec", "borrow_kbits", "reaches_branches", "enabled")
        plain |= {name: self[name].plain() for name in names}
        plain["lan"] = {name: self[f"lan_{name}"].plain() for name in LAN}
        plain["lines"] = list(self._lines(held))
        try:
            self.objects[part] = decode(kind, plain)
        except StateError as error:
            for fault in error.faults:
                self.show(fault, fault.where)
            return False
        return True

    def _lines(self, held: vpn.Branch) -> Iterable[dict[str, Any]]:
        """The rows with their ids, and with the secrets that they keep."""
        before = {line.id: line for line in held.lines}
        used: set[str] = set()
        for row in self["lines"].plain():
            id = row["id"] if row["id"] in before else ""
            id = _free(id or slug(row["label"]) or "line", used if id else used | before.keys())
            used.add(id)
            for name in SECRETS:
                if not row[name] and id in before:
                    row[name] = getattr(before[id], name).reveal()
            yield {**row, "id": id}

    def show(self, fault: Fault, where: str) -> None:
        super().show(fault, where.replace("lan/", "lan_", 1) if where.startswith("lan/") else where)


class ServerForm(StateForm):
    """The appliance's own end."""

    parts = {"": vpn.State}  # noqa: RUF012

    addresses = Lines(
        _l("Public addresses"),
        hint=_l("Where routers connect to, one in each line. Addresses, since names die with DNS."),
    )
    port = Number(_l("Port of the first tunnel"), unit="UDP")
    second_port = Number(_l("Port of the second tunnel"), unit="UDP")
    probe_port = Number(_l("Port of the probes"), unit="UDP")
    plain_port = Number(
        _l("Port of RouterOS"), unit="UDP", hint=_l("Open only while a branch has RouterOS.")
    )
    inner_address = Text(
        _l("Inner address"), hint=_l("What telephones talk to, whatever line a packet took.")
    )
    server_networks = Lines(
        _l("Networks around this machine"), hint=_l("No branch may use one of them.")
    )


def _free(wanted: str, taken: Iterable[str]) -> str:
    """`wanted`, or with a number behind it where it is taken."""
    held = set(taken)
    if wanted not in held:
        return wanted
    return next(each for n in range(2, 1000) if (each := f"{wanted[:58]}-{n}") not in held)
