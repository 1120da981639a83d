"""From where telephones fetch their files: nginx as the engine has it, seen from each side."""

import dataclasses
import http.client
import os
import shutil
import signal
import socketserver
import subprocess
import threading
import time

import pytest

from appliance.services import registry, web_front
from appliance.system import certificates, firewall
from tests.support.edge import LAN, SIX, WAN

pytestmark = pytest.mark.row("S6")
PHONES = firewall.State(telephones=(f"{LAN}.0/24",))
FILE = "/provisioning/e/aaaaaaaaaaaaaaaaaaaaaaaa/020000000001.cfg"
READY_WITHIN_S = 15.0


class _Provisioning(socketserver.StreamRequestHandler):
    def handle(self):
        while self.rfile.readline().strip():
            pass
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nfile")


@pytest.fixture(scope="module")
def web(edge):
    """Has the web server serve a state; the provisioning server behind it only says `file`."""
    machine = dataclasses.replace(edge.pbx.machine, web_port=443, web_plain_port=80)
    layout = machine.layout
    certificates.ensure_server(layout.certificates, "web", "pbx", [], os.getgid())
    for process in ("web", "provisioning"):
        layout.run_of(process).mkdir(parents=True, exist_ok=True)
    socket = layout.socket_of("provisioning")
    socket.unlink(missing_ok=True)
    server = socketserver.ThreadingUnixStreamServer(str(socket), _Provisioning)
    os.chmod(socket, 0o777)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    path = layout.prefix / "nginx.conf"
    running = []

    def serve(**services):
        state = edge.pbx.state.replaced(**services)
        known = registry.references(state)
        (file,) = web_front.files(state["web_front"], known, machine)
        path.write_bytes(file.content)
        if running:
            stop()
        command = ["nginx", "-e", "stderr", "-c", str(path), "-g", "daemon off; user root;"]
        with edge.pbx.network.entered():
            running.append(subprocess.Popen(command))
        deadline = time.monotonic() + READY_WITHIN_S
        while status(edge.pbx.network, "127.0.0.1") is None:
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def stop():
        process = running.pop()
        process.send_signal(signal.SIGTERM)
        process.wait(10)

    assert shutil.which("nginx")
    yield serve
    if running:
        stop()
    server.shutdown()
    server.server_close()


def status(source, target, path=FILE):
    """What the web server answers there; None when nobody does."""
    with source.entered():
        connection = http.client.HTTPConnection(target, 80, timeout=3)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except OSError:
            return None
        finally:
            connection.close()


def test_files_of_telephones_are_for_their_networks_alone(edge, applied, web):
    applied(firewall=PHONES)
    web(firewall=PHONES)
    assert status(edge.lan, f"{LAN}.1") == 200
    assert status(edge.wan, f"{WAN}.1") == 403
    assert status(edge.wan, f"[{SIX}1]".strip("[]")) == 403
    assert status(edge.wan, f"{WAN}.1", "/") == 308


def test_a_network_that_the_manager_names_may_fetch_but_not_register(edge, applied, web):
    named = dataclasses.replace(PHONES, fetching=(f"{WAN}.0/24",))
    applied(firewall=named)
    web(firewall=named)
    assert status(edge.wan, f"{WAN}.1") == 200


def test_phones_at_home_fetch_from_everywhere_once_that_is_wanted(edge, applied, web):
    home = dataclasses.replace(PHONES, phones_at_home=True)
    applied(firewall=home)
    web(firewall=home)
    assert status(edge.wan, f"{WAN}.1") == 200
    assert status(edge.wan, f"{SIX}1") == 200


def test_before_anything_is_named_nobody_outside_fetches(edge, applied, web):
    applied()
    web(firewall=firewall.State())
    assert status(edge.lan, f"{LAN}.1") == 403
    assert status(edge.pbx.network, "127.0.0.1") == 200
