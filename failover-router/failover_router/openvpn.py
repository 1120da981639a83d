"""OpenVPN processes: their configuration, and their supervision.

The agent makes the tunnel devices, addresses and routes itself, so OpenVPN only carries
packets and needs no right but to mark its socket (CAP_NET_ADMIN).
"""

from __future__ import annotations

from pathlib import Path

from failover_router.children import Child
from failover_router.router_profile import RouterProfile
from failover_router.routes import TUNNEL_MARK, TUNNELS

SERVER_NAME = "server"
"""Common name of the appliance's certificate (`appliance.system.vpn_authority`)."""

CIPHERS = "AES-256-GCM:CHACHA20-POLY1305"


def configuration(profile: RouterProfile, tunnel: int, renegotiate_s: int = 3600) -> str:
    """One tunnel's file. It holds the router's key.

    disable-dco: with the kernel's data channel the next renegotiation after a change of line
    never completes. The connect timeout stands before the first `remote`, or the default of two
    minutes holds.
    """
    server, vpn = profile.server, profile.vpn
    remotes = "\n".join(f"remote {each} {server.ports[tunnel]} udp4" for each in server.addresses)
    return f"""client
dev {TUNNELS[tunnel]}
dev-type tun
topology subnet
connect-timeout 4
connect-retry 1 5
resolv-retry 0
{remotes}
nobind
mark {TUNNEL_MARK + tunnel}
persist-tun
ifconfig-noexec
route-noexec
disable-dco
allow-compression no
remote-cert-tls server
verify-x509-name {SERVER_NAME} name
tls-version-min 1.2
data-ciphers {CIPHERS}
explicit-exit-notify 1
ping 1
ping-restart 5
reneg-sec {renegotiate_s}
mtu-disc no
passtos
auth-nocache
pull-filter ignore "ifconfig"
pull-filter ignore "route"
pull-filter ignore "dhcp-option"
script-security 1
verb 3
<ca>
{vpn.authority.rstrip()}
</ca>
<cert>
{vpn.certificate.rstrip()}
</cert>
<key>
{vpn.key.rstrip()}
</key>
<tls-crypt-v2>
{vpn.tls_crypt_v2.rstrip()}
</tls-crypt-v2>
"""


def tunnel(
    profile: RouterProfile,
    number: int,
    folder: Path,
    command: tuple[str, ...],
    account: tuple[str, str],
    renegotiate_s: int,
) -> Child:
    """The process of one tunnel. `command` starts OpenVPN, without its options; it goes on as
    the user and group of `account`, and keeps of root's rights CAP_NET_ADMIN alone."""
    text = configuration(profile, number, renegotiate_s)
    user, group = account
    options = ["--user", user, "--group", group, "--config", "{}"]
    return Child(TUNNELS[number], [*command, *options], folder, text)
