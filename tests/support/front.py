"""What stands in front of an engine in a test: its socket, the portal, the web server with TLS.

Each is the real thing, started as its unit on the appliance starts it; the engine itself is the
one of the test's own process.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from appliance import credentials
from appliance.apply.daemon import Clients, EngineServer
from appliance.apply.desk import desk_of
from appliance.apply.jobs import Jobs
from appliance.apply.verbs import Verbs, describe
from appliance.system import certificates
from appliance.system.machine import Facts, write_facts
from appliance.system.processes import Site
from portal.core import draft
from portal.core.app import create_app
from portal.core.db import transaction
from portal.core.keys import derived
from portal.core.settings import Settings
from portal.core.upgrade import bring_up_to_date
from portal.preview import add_account, let_go
from tests.support.pbx import Pbx

STARTS_WITHIN_S = 30.0


def prepare(pbx: Pbx, facts: Facts) -> None:
    """What first boot leaves: facts, server certificates, folders of the processes in front."""
    layout = pbx.machine.layout
    write_facts(layout, facts)
    for server in ("server", "web"):
        group = pbx.machine.groups["asterisk"] if server == "server" else 0
        certificates.ensure_server(
            layout.certificates, server, facts.host_name, facts.addresses, group
        )
    for process in ("provisioning", "portal", "web"):
        layout.run_of(process).mkdir(parents=True, exist_ok=True)
        layout.state_of(process).mkdir(parents=True, exist_ok=True)


@contextmanager
def engine_socket(pbx: Pbx, facts: Facts) -> Iterator[None]:
    """The engine of the test's process, behind its socket as on a real machine."""
    jobs = Jobs(describe)
    layout = pbx.machine.layout
    desk = desk_of(pbx.engine, Site(layout, facts, pbx.runtime, Path(sys.executable), True))
    server = EngineServer(layout.engine_socket, Verbs(pbx.engine, jobs, desk), Clients(), 0)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        jobs.finish()


@contextmanager
def web_server(pbx: Pbx, ready: Callable[[], bool]) -> Iterator[None]:
    """nginx with the configuration that the engine wrote."""
    layout = pbx.machine.layout
    configuration = layout.current / "root/etc/centralino/nginx.conf"
    command = ["nginx", "-e", "stderr", "-c", str(configuration), "-g", "daemon off; user root;"]
    with (pbx.folder / "nginx.out").open("wb") as output:
        process = pbx.network.start(command, stderr=output)
    try:
        _wait(ready, "the web server", pbx.folder / "nginx.out")
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


@contextmanager
def portal_server(pbx: Pbx, *accounts: tuple[str, str, str, str]) -> Iterator[None]:
    """The portal with the engine behind it; `accounts` as `add_account` takes them."""
    layout = pbx.machine.layout
    handed = layout.prefix / "portal-credentials"
    handed.mkdir(mode=0o700, exist_ok=True)
    for name in (
        *(credentials.PORTAL_SESSION, credentials.PORTAL_DATA),
        *(credentials.LIVE_TOKEN, credentials.PROVISIONING_KEY),
    ):
        (handed / name).write_text(pbx.machine.secrets[name].reveal())
    _fill(pbx, accounts)
    bind = ("--bind", f"unix:{layout.socket_of('portal')}", "--worker-class", "gthread")
    many = ("--workers", "2", "--threads", "4", "--preload", "--forwarded-allow-ips", "*")
    alone = ("--no-control-socket", "portal.core.app:create_app()")
    command = [sys.executable, "-m", "gunicorn", *bind, *many, *alone]
    environment = {
        **os.environ,
        credentials.VARIABLE: str(handed),
        "CENTRALINO_PREFIX": str(layout.prefix),
    }
    log = pbx.folder / "portal.out"
    with log.open("wb") as output:
        process = pbx.network.start(command, stdout=output, stderr=output, env=environment)
    try:
        _wait(layout.socket_of("portal").exists, "the portal", log)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(15)


def _fill(pbx: Pbx, accounts: tuple[tuple[str, str, str, str], ...]) -> None:
    """What `portal.core.upgrade` does before each start, a draft that is the state in force, and
    people who may sign in."""
    layout, secrets = pbx.machine.layout, pbx.machine.secrets
    app = create_app(
        Settings(
            folder=layout.state_of("portal"),
            engine_socket=layout.engine_socket,
            keys=derived(
                secrets[credentials.PORTAL_SESSION],
                secrets[credentials.PORTAL_DATA],
                secrets[credentials.LIVE_TOKEN],
            ),
            proxies=1,
        )
    )
    bring_up_to_date(app)
    with app.app_context(), transaction():
        draft.replace(pbx.state, "draft.wizard", "test", author="system")
    for account in accounts:
        add_account(app, *account)
    let_go(app)


def serves_tls(pbx: Pbx, address: str, port: int = 443) -> bool:
    """Whether a TLS server answers at an address inside the system's network."""
    authority = pbx.machine.layout.certificates / "authority.crt"
    context = ssl.create_default_context(cafile=str(authority))
    with pbx.network.entered():
        plain = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    with plain, contextlib.suppress(OSError):
        plain.settimeout(2)
        plain.connect((address, port))
        with context.wrap_socket(plain, server_hostname=address):
            return True
    return False


def _wait(ready: Callable[[], bool], what: str, log: Path) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while not ready():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} does not start:\n{log.read_text('utf-8', 'replace')}")
        time.sleep(0.05)
