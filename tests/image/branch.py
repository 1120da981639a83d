"""A branch of the machine under test: its router's image on an emulated machine of its own.

    telephone ── cable ── router ═══ two lines ═══ appliance

The router's user networks lead to the appliance's forwarded ports, which are those of an
address that only this network namespace has; the telephone is the namespace's end of a tap.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from appliance.system import vpn
from tests.image import builds
from tests.image.builds import Built
from tests.support.branches import line
from tests.support.network import Network
from tests.support.virtual_machine import Machine, disk_on, started

SITE = "parma"
PUBLIC = "203.0.113.1"
INNER = vpn.State().inner_address
ROUTER, TELEPHONE = "10.20.1.1", "10.20.1.50"
CABLE = "lan0"

PATIENT = vpn.LinePolicy(
    probe_ms=500, lost_in_row=10, loss_percent=90, late_ms=10_000, clean_s=5, longest_hold_s=5
)
"""Of an emulated router on a busy machine answers are late that on a real one are lost."""

TUNNELS = vpn.State(
    addresses=(PUBLIC,),
    branches=(
        vpn.Branch(
            SITE,
            1,
            vpn.Lan("10.20.1.0/24", ROUTER, "10.20.1.100", "10.20.1.200", interface="eth2"),
            (line("wan1", "eth0", priority=10), line("wan2", "eth1", priority=20)),
            policy=PATIENT,
        ),
    ),
)
PORTS = (TUNNELS.port, TUNNELS.second_port, TUNNELS.probe_port)
"""The doors of the appliance that a router knocks at, UDP."""

_CABLES = (
    *("-netdev", "user,id=second,net=10.0.3.0/24", "-device", "virtio-net-pci,netdev=second"),
    *("-netdev", f"tap,id=lan,ifname={CABLE},script=no,downscript=no"),
    *("-device", "virtio-net-pci,netdev=lan,mac=52:54:00:12:34:58"),
)


def lay_cable(network: Network) -> None:
    """The telephone's end, and the appliance's address for the lines. A browser in this network
    gives up what it loads when an address comes or settles, so it is started after this."""
    network.run("ip", "address", "add", f"{PUBLIC}/32", "dev", "lo")
    network.run("ip", "tuntap", "add", CABLE, "mode", "tap")
    network.run("sysctl", "-qw", f"net.ipv6.conf.{CABLE}.disable_ipv6=1")
    network.run("ip", "address", "add", f"{TELEPHONE}/24", "dev", CABLE)
    network.run("ip", "link", "set", CABLE, "up")
    network.run("ip", "route", "add", INNER, "via", ROUTER)


@contextmanager
def router_at(network: Network, built: Built, folder: Path) -> Iterator[Machine]:
    """A blank router with two lines to the appliance, at the other end of the cable."""
    disk = disk_on(built.output("qcow2"), folder, "router.qcow2")
    with started(folder / "router", disk, builds.bios(), extra=_CABLES, inside=network) as router:
        yield router


def become(router: Machine, code: str) -> None:
    """Type the appliance's address and a code at the router's console, as a person does."""
    for wanted, typed in (
        ("Press the letter", "c"),
        ("Address of the appliance:", f"{PUBLIC}\n"),
        ("four signs):", f"{code}\n"),
        ("Done: this router is in charge now.", "\n"),
    ):
        router.wait(wanted, lambda: wanted in router.serial())  # noqa: B023 - called here
        router.type(typed)
