"""The router's nftables rules: who may pass, what is doubled, what data may borrow.

Two tables, so that a change of the one leaves the other's memory alone: `router` filters,
translates and caps; `voice` doubles SIP and RTP over both tunnels and drops the copies
that come back. Each text replaces its table in one transaction (nft(8)).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from failover_router.router_profile import RouterProfile
from failover_router.routes import TUNNELS

SIP_PORTS = "5060"
RTP_RANGE = (10000, 19999)
RTP_PORTS = "{}-{}".format(*RTP_RANGE)
"""Those of the appliance's Asterisk (templates/asterisk/core/rtp.conf.j2)."""

METRICS_PORT = 9105
DATA_MARK = 0x100
"""Marks connections of ordinary data by the line that they left by (DATA_MARK + order)."""


def edge(profile: RouterProfile) -> str:
    """Filter and NAT. Which lines take data stands in two sets, since a table that is
    replaced is, for a moment, chains that drop everything and have no rules yet.
    """
    lan, inner = profile.lan, profile.server.inner_address
    lines = [line.interface for line in profile.lines]
    marks = "\n".join(
        f'    iifname "{lan.interface}" oifname "{line.interface}" '
        f"ct mark set {DATA_MARK + order:#x}"
        for order, line in enumerate(profile.lines)
    )
    cap = _bytes(profile.borrow_kbits)
    return f"""table inet router {{}}
delete table inet router
table inet router {{
  # Interfaces of lines that data may leave by.
  set open {{ type ifname; }}

  # Those among them that are for voice: data keeps to the cap, each direction to its own.
  set borrowed {{ type ifname; }}

  # Interfaces that a drill has cut.
  set cut {{ type ifname; }}

  chain cut_in {{
    type filter hook prerouting priority raw; policy accept;
    iifname @cut drop
  }}

  chain cut_out {{
    type filter hook postrouting priority raw; policy accept;
    oifname @cut drop
  }}

  chain input {{
    type filter hook input priority filter; policy drop;
    ct state established,related accept
    ct state invalid drop
    iif lo accept
    icmp type {{ echo-request, destination-unreachable, time-exceeded }} limit rate 50/second accept
    udp sport 67 udp dport 68 accept
    iifname "{lan.interface}" udp dport {{ 53, 67, 123 }} accept
    iifname "{lan.interface}" tcp dport {{ 53, {METRICS_PORT} }} accept
    iifname {_quoted(TUNNELS)} tcp dport {METRICS_PORT} accept
  }}

  chain forward {{
    type filter hook forward priority filter; policy drop;
    iifname "{lan.interface}" oifname {_quoted(TUNNELS)} accept
    iifname {_quoted(TUNNELS)} oifname "{lan.interface}" accept
    oifname @borrowed limit rate over {cap} drop
    iifname @borrowed limit rate over {cap} drop
    ct state established,related accept
    ip daddr {inner} drop
    iifname "{lan.interface}" oifname @open accept
  }}

  chain clamp {{
    type filter hook forward priority mangle; policy accept;
    tcp flags syn tcp option maxseg size set rt mtu
  }}

  chain mark_data {{
    type filter hook postrouting priority mangle; policy accept;
{marks}
  }}

  chain translate {{
    type nat hook postrouting priority srcnat; policy accept;
    iifname "{lan.interface}" oifname {_quoted(lines)} masquerade
  }}
}}
"""


def data_lines(open_lines: Collection[str], borrowed: str) -> str:
    """Let data leave by these interfaces, over `borrowed` ("" for none) under the cap."""
    text = "flush set inet router open\nflush set inet router borrowed\n"
    if open_lines:
        text += f"add element inet router open {_quoted(open_lines)}\n"
    if borrowed:
        text += f"add element inet router borrowed {_quoted([borrowed])}\n"
    return text


def cut(interface: str) -> str:
    """Let nothing through on this interface, "" for none."""
    text = "flush set inet router cut\n"
    return f'{text}add element inet router cut {{ "{interface}" }}\n' if interface else text


def voice(profile: RouterProfile) -> str:
    """Doubling and dropping of copies, for two tunnels. Facts and figures:
    docs/decisions, "Two tunnels for protected voice"."""
    if profile.mode != "protected":
        return "table ip voice {}\ndelete table ip voice\n"
    networks = "{ " + ", ".join(profile.lan.networks) + " }"
    far = profile.server.tunnel_gateways
    doubled = "\n".join(
        f'    ip saddr {networks} oifname "{TUNNELS[one]}" '
        f"ip daddr {profile.server.inner_address} udp dport {{ {SIP_PORTS}, {RTP_PORTS} }} "
        f'dup to {far[other]} device "{TUNNELS[other]}"'
        for one, other in ((0, 1), (1, 0))
    )
    return f"""table ip voice {{}}
delete table ip voice
table ip voice {{
{dropping_copies(TUNNELS)}
  chain double {{
    type filter hook postrouting priority mangle; policy accept;
{doubled}
  }}
}}
"""


def dropping_copies(interfaces: Iterable[str]) -> str:
    """A set and a chain that let the first of equal RTP packets pass and no other.

    Test and insertion are one operation: two rules, a look-up and an add, let some copies
    through. @ih is the RTP header: version 2 in the first two bits, the sequence number in
    bits 16 to 31, which returns after 21 minutes at 50 packets a second.
    """
    rule = (
        f"    iifname {_quoted(interfaces)} udp sport 1024-65535 udp dport 1024-65535 @ih,0,2 2 "
        "add @seen { ip saddr . udp sport . udp dport . @ih,16,16 "
        "limit rate over 1/second burst 1 packets } counter drop"
    )
    return f"""  set seen {{
    typeof ip saddr . udp sport . udp dport . @ih,16,16
    size 65535
    flags dynamic,timeout
    timeout 1s
  }}
  chain copies {{
    type filter hook prerouting priority raw; policy accept;
{rule}
  }}"""


def _quoted(names: Iterable[str]) -> str:
    return "{ " + ", ".join(f'"{name}"' for name in names) + " }"


def _bytes(kbits: int) -> str:
    """A rate and a burst of a fifth of a second, in nft's words."""
    rate = max(1, kbits * 1000 // 8)
    return f"{rate} bytes/second burst {max(3000, rate // 5)} bytes"
