"""Entry point of `python -m provisioning.server`."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

from aiohttp import web

from appliance import credentials
from appliance.apply.client import EngineClient
from appliance.credentials import CredentialMissing
from appliance.state.machine import Layout
from appliance.system.machine import read_facts
from provisioning.server import control
from provisioning.server.application import Application, quiet_server
from provisioning.server.desk import Desk
from provisioning.server.ledger import Ledger
from provisioning.server.resync import Resync

BACKLOG = 4096
"""Connections that may wait: after a power cut all phones come at once."""


async def serve(layout: Layout) -> None:
    """Serve until SIGTERM or SIGINT."""
    folder = Path(os.environ.get("STATE_DIRECTORY") or layout.state_of("provisioning"))
    ledger = Ledger(folder / "provisioning.sqlite3")
    desk = Desk(ledger, (layout.certificates / "authority.crt").read_bytes())
    bearer = control.bearer(credentials.read(credentials.PROVISIONING_KEY))
    resync = Resync(desk, EngineClient(layout.engine_socket).check_sync)
    application = Application(desk, control.Control(desk, resync.want), bearer)
    await application.load(layout, read_facts(layout))
    runner = web.ServerRunner(quiet_server(application.handle))
    await runner.setup()
    path = layout.socket_of("provisioning")
    site = web.UnixSite(runner, str(path), backlog=BACKLOG)
    await site.start()
    path.chmod(0o660)
    work = {
        asyncio.ensure_future(application.follow(layout, read_facts(layout))),
        asyncio.ensure_future(application.keep_saving()),
        asyncio.ensure_future(resync.keep_telling()),
    }
    stop = asyncio.ensure_future(_asked_to_stop())
    await asyncio.wait({stop, *work}, return_when=asyncio.FIRST_COMPLETED)
    await runner.cleanup()
    desk.save()
    ledger.close()
    for task in work:
        if task.done():
            task.result()  # work that ends has failed: leave, and be started again
        task.cancel()


async def _asked_to_stop() -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()


def main() -> None:
    """Start the server; a reason to give up is one line on standard error."""
    logging.basicConfig(level=logging.INFO, format="%(name)s %(levelname)s %(message)s")
    os.umask(0o027)
    layout = Layout(Path(os.environ.get("CENTRALINO_PREFIX", "/")).resolve())
    try:
        asyncio.run(serve(layout))
    except (OSError, CredentialMissing) as error:
        sys.exit(f"the provisioning server cannot start: {error}")


if __name__ == "__main__":
    main()
