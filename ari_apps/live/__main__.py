"""`python -m ari_apps.live`: the hub as a process (`docs/processes.md`)."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from pathlib import Path

from aiohttp import web

from appliance import credentials
from appliance.asterisk import call_sound
from appliance.state.machine import Layout
from appliance.system.machine import read_facts
from ari_apps.live.hub import Hub
from ari_apps.live.web import application

GRACE_S = 5.0


async def serve(layout: Layout) -> None:
    """Serve on the hub's socket until SIGTERM."""
    sound = layout.state_of("live") / call_sound.FILE
    hub = Hub(read_facts(layout).ami_port, credentials.read(credentials.AMI_LIVE), sound)
    app = application(hub, credentials.read(credentials.LIVE_TOKEN))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=GRACE_S)
    await runner.setup()
    socket = layout.socket_of("live")
    await web.UnixSite(runner, str(socket)).start()
    socket.chmod(0o660)
    following = asyncio.create_task(hub.run())
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({following, stopping}, return_when="FIRST_COMPLETED")
    following.cancel()
    await runner.cleanup()
    if not stop.is_set():
        following.result()


def main() -> None:
    """Entry point of the process."""
    logging.basicConfig(level=logging.INFO, format="%(name)s %(levelname)s %(message)s")
    asyncio.run(serve(Layout(Path(os.environ["CENTRALINO_PREFIX"]))))


if __name__ == "__main__":
    main()
