"""Starts the agent."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from pathlib import Path

from failover_router import notify
from failover_router.agent import BranchRouter, Options
from failover_router.router_profile import ProfileError, read


def main() -> None:
    """Entry point of `python -m failover_router`."""
    parser = argparse.ArgumentParser(description="Branch router")
    parser.add_argument("profile", type=Path, help="the profile that the appliance has made")
    parser.add_argument("--run", type=Path, required=True, help="folder that a restart may lose")
    parser.add_argument("--state", type=Path, required=True, help="folder that stays")
    parser.add_argument("--openvpn", default="openvpn", help="command that starts OpenVPN")
    parser.add_argument("--no-services", action="store_true", help="no DHCP, names and time")
    parser.add_argument("--keep-clock", action="store_true", help="serve time, never set it")
    parser.add_argument("--renegotiate-s", type=int, default=3600, help="new keys after so long")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(name)s %(levelname)s %(message)s")
    try:
        profile = read(options.profile.read_bytes())
    except (OSError, ProfileError) as error:
        sys.exit(f"router: {error}")
    router = BranchRouter(
        profile,
        Options(
            run=options.run,
            state=options.state,
            openvpn=tuple(options.openvpn.split()),
            services=not options.no_services,
            keep_clock=options.keep_clock,
            renegotiate_s=options.renegotiate_s,
            profile=options.profile,
        ),
    )

    def end(*_signal: object) -> None:
        router.loop.over = True

    router.loop.after(0.0, lambda: notify.tell("READY=1"))
    router.loop.every(notify.EVERY_S, lambda: notify.tell("WATCHDOG=1"))
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    router.run()


if __name__ == "__main__":
    main()
