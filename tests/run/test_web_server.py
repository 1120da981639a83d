"""nginx itself reads what we render for it."""

import os
import shutil
import subprocess

from appliance.services import web_front
from appliance.state.machine import Layout, Machine
from appliance.state.references import References
from appliance.system import certificates
from tests.support.leftovers import owned_folder


def test_nginx_accepts_the_configuration_without_a_warning():
    folder = owned_folder("nginx")  # short: paths of sockets have 107 bytes at most
    try:
        said = _said_by_nginx(Layout(folder))
    finally:
        shutil.rmtree(folder)
    assert said.returncode == 0, said.stderr
    assert "warn" not in said.stderr


def _said_by_nginx(layout):
    certificates.ensure_authority(layout.certificates)
    certificates.ensure_server(layout.certificates, "web", "pbx", [], os.getgid())
    layout.run_of("web").mkdir(parents=True)
    ipv6 = os.path.exists("/proc/net/if_inet6")
    machine = Machine(layout=layout, web_port=18443, web_plain_port=18080, ipv6=ipv6)
    (file,) = web_front.files(web_front.State(), References.of(()), machine)
    path = layout.prefix / "nginx.conf"
    path.write_bytes(file.content)
    command = ["nginx", "-t", "-e", "stderr", "-c", str(path)]
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
