"""What a branch's router has around it: its lines, when one of them is bad, its own network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from appliance.state.fields import (
    Between,
    Label,
    NetworkRule,
    ObjectId,
    OptionalLabel,
    Pattern,
    Secret,
)

Ipv4 = Annotated[str, Pattern(r"([0-9]{1,3}\.){3}[0-9]{1,3}", "an IPv4 address such as 10.20.1.1")]
OptionalIpv4 = Annotated[
    str, Pattern(r"|([0-9]{1,3}\.){3}[0-9]{1,3}", "an IPv4 address such as 10.20.1.1, or empty")
]
Ipv4Network = Annotated[
    str,
    Pattern(r"([0-9]{1,3}\.){3}[0-9]{1,3}/[0-9]{1,2}", "a network such as 10.20.1.0/24"),
    NetworkRule(),
]
OptionalIpv4Interface = Annotated[
    str,
    Pattern(
        r"|([0-9]{1,3}\.){3}[0-9]{1,3}/[0-9]{1,2}", "an address such as 203.0.113.6/29, or empty"
    ),
]
Interface = Annotated[
    str, Pattern(r"[A-Za-z0-9][A-Za-z0-9._-]{0,14}", "the name of an interface such as wan1")
]
OptionalPlain = Annotated[str, Pattern(r"[!-~]{0,128}", "at most 128 signs without blanks")]
Kbits = Annotated[int, Between(0, 10_000_000, "kbit/s")]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a branch to the internet. `interface` is its name on the router.

    `carries` is what uses it while all is well: voice goes over a line for data when its
    own has failed, and data over one for voice within the branch's `borrow_kbits`.
    Lower `priority` is preferred. `monthly_cap_mb` 0 means none; a `metered` line is probed
    rarely while nothing uses it, and beyond its cap is used when nothing else is left.
    `address` (with its prefix length) and `gateway` are for static addressing, `user` and
    `password` for PPPoE, `access_point` and `pin` for a modem. Speeds of 0 are not known.
    `provider` is for people, and for seeing that two lines share one.
    """

    id: ObjectId
    label: Label
    kind: Literal["fibre", "radio", "4g", "other"]
    interface: Interface
    carries: Literal["voice", "data", "both"] = "both"
    addressing: Literal["dhcp", "static", "pppoe", "modem"] = "dhcp"
    address: OptionalIpv4Interface = ""
    gateway: OptionalIpv4 = ""
    user: OptionalPlain = ""
    password: Secret = Secret("")  # noqa: RUF009 - immutable
    access_point: OptionalPlain = ""
    pin: Secret = Secret("")  # noqa: RUF009 - immutable
    up_kbits: Kbits = 0
    down_kbits: Kbits = 0
    priority: Annotated[int, Between(1, 99)] = 10
    metered: bool = False
    monthly_cap_mb: Annotated[int, Between(0, 10_000_000, "MB")] = 0
    provider: OptionalLabel = ""


@dataclass(frozen=True, slots=True)
class LinePolicy:
    """When a line counts as bad, and when it is trusted again.

    A probe every `probe_ms` (`idle_probe_ms` on a metered line that nothing uses); bad after
    `lost_in_row` lost ones, or more than `loss_percent` of the last `window`, or a
    round trip above `late_ms`. Trusted again after `clean_s` without any of these; a
    return that did not last doubles that time, up to `longest_hold_s`.
    """

    probe_ms: Annotated[int, Between(20, 10_000, "ms")] = 100
    idle_probe_ms: Annotated[int, Between(20, 60_000, "ms")] = 1000
    lost_in_row: Annotated[int, Between(2, 50)] = 3
    window: Annotated[int, Between(5, 200)] = 20
    loss_percent: Annotated[int, Between(1, 90, "%")] = 10
    late_ms: Annotated[int, Between(10, 10_000, "ms")] = 250
    clean_s: Annotated[int, Between(1, 3600, "s")] = 60
    longest_hold_s: Annotated[int, Between(1, 86_400, "s")] = 600


@dataclass(frozen=True, slots=True)
class Lan:
    """The network of the phones: the router's `address` in it, and what it gives out.

    Empty `dhcp_first` and `dhcp_last`: another DHCP server is there. `further` are
    networks behind the same router.
    """

    network: Ipv4Network
    address: Ipv4
    dhcp_first: OptionalIpv4 = ""
    dhcp_last: OptionalIpv4 = ""
    interface: Interface = "lan0"
    further: tuple[Ipv4Network, ...] = ()

    @property
    def networks(self) -> tuple[str, ...]:
        """All networks behind the router."""
        return (self.network, *self.further)
