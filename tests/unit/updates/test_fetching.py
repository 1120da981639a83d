"""Updates from an address: HTTPS with a known authority, the head first, never too much."""

import functools
import http.server
import ssl
import subprocess
import threading
from contextlib import contextmanager

import pytest

from appliance.updates import sources
from appliance.updates.bundle import HEAD_AND_MANIFEST
from appliance.updates.requests import Request
from appliance.updates.sources import Source
from tests.support.slots import made_bundle


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_arguments):
        pass


@contextmanager
def serving(folder, certificate):
    handler = functools.partial(Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"https://localhost:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@pytest.fixture
def certificate(tmp_path):
    file = tmp_path / "server.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
               "-nodes", "-days", "2", "-subj", "/CN=localhost",
               "-addext", "subjectAltName=DNS:localhost",
               "-keyout", file, "-out", f"{file}.crt"]  # fmt: skip
    subprocess.run(list(map(str, command)), check=True, capture_output=True)
    file.write_text(file.read_text() + (tmp_path / "server.pem.crt").read_text())
    return file


@pytest.fixture
def site(machine, tmp_path, certificate, monkeypatch):
    """A server with a bundle on it, whose authority this machine believes."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "new.update").write_bytes(made_bundle(machine.folder, machine.private))
    monkeypatch.setenv("CURL_CA_BUNDLE", str(tmp_path / "server.pem.crt"))
    tmp_path.chmod(0o755)
    for parent in list(tmp_path.parents)[:3]:
        if parent.stat().st_uid == 0 and str(parent).startswith("/tmp/"):
            parent.chmod(0o755)
    with serving(folder, certificate) as address:
        machine.kept.write("settings", {"address": f"{address}/new.update"})
        yield folder


def done(machine, verb):
    machine.worker().run(Request(verb, source=Source("address")))
    return machine.kept.read("work")


def said(work):
    return work["error"]["text"] % work["error"]["values"]


def test_an_update_is_checked_by_its_beginning_and_fetched_to_be_installed(machine, site):
    work = done(machine, "check")
    assert work["error"] is None, work
    assert work["result"]["release"]["version"] == "1.1.0"
    assert done(machine, "install")["error"] is None
    assert machine.release_of_other.version == "1.1.0"
    assert not machine.kept.download.exists()


def test_a_server_of_an_unknown_authority_is_not_believed(machine, site, monkeypatch):
    monkeypatch.delenv("CURL_CA_BUNDLE")
    assert "cannot be fetched" in said(done(machine, "check"))


def test_what_is_not_there_is_told_with_the_servers_word(machine, site):
    (site / "new.update").unlink()
    assert "404" in said(done(machine, "check"))


def test_no_more_than_the_beginning_is_fetched_for_a_check(machine, site):
    with (site / "new.update").open("ab") as file:
        file.truncate(200_000_000)
    done(machine, "check")
    assert (machine.kept.folder / "beginning").stat().st_size == HEAD_AND_MANIFEST


def test_without_an_address_nothing_is_asked(machine):
    assert "No address" in said(done(machine, "check"))


def test_volumes_that_are_in_use_or_no_disks_are_passed_over():
    def device(name, **facts):
        return {"name": name, "type": "part", "fstype": "vfat", "mountpoints": [None], **facts}

    listed = {
        "blockdevices": [
            device("sdb1", label="STICK"),
            device("sda5", mountpoints=["/data"], fstype="ext4"),
            device("sda3", fstype="squashfs"),
            device("dm-0", type="crypt"),
            device("sr0", type="rom", fstype="iso9660"),
        ]
    }
    assert list(sources.volumes_of(listed)) == [("sdb1", "STICK"), ("sr0", "")]
