"""Certificates of a running system: seen by TLS clients, kept over restarts, fetched by ACME."""

import hashlib
import json
import os
import shutil
import signal
import ssl
import subprocess

import pytest

from appliance.apply.client import EngineClient, EngineError
from appliance.apply.machine_client import Upload
from appliance.services import registry
from appliance.services.certificates import State as Wishes
from appliance.system import certificate_facts
from tests.support.checkout import new_checkout, until
from tests.support.leftovers import owned_folder
from tests.unit.test_certificates_brought import Authority

pytestmark = [pytest.mark.row("D1"), pytest.mark.row("S1")]
NAME = "pbx.example.com"
OPTIONS = (
    b"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/TLS a;branch=z9hG4bKx\r\nFrom: <sip:a@a>;tag=1\r\n"
    b"To: <sip:x@x>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 1\r\n"
    b"Content-Length: 0\r\n\r\n"
)
DOORS = {"web": 8443, "server": 5061}


@pytest.fixture(scope="module")
def checkout():
    with new_checkout() as made:
        made.run()
        yield made


@pytest.fixture
def client(checkout):
    return EngineClient(checkout.place.layout.engine_socket)


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("company"))


def connected(checkout, port):
    import socket

    with checkout.network.entered():
        plain = socket.create_connection(("127.0.0.1", port), 5)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(plain)


def seen(checkout, port):
    """The fingerprint of what a client is shown."""
    with connected(checkout, port) as tls:
        return hashlib.sha256(tls.getpeercert(binary_form=True)).hexdigest()


def fingerprint(made):
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(made.crt.read_text())).hexdigest()


def upload(company, made):
    chain = company.middle.crt.read_bytes() + company.root.crt.read_bytes()
    return Upload(made.crt.read_bytes(), made.key.read_bytes(), chain)


def test_both_servers_present_a_certificate_that_is_brought_and_keep_their_connections(
    checkout, client, company
):
    made = company.issue("both", company.middle, names=(NAME,))
    with connected(checkout, DOORS["server"]) as before:
        client.install_certificate(upload(company, made), ["web", "server"], any_name=True)
        shown = {name: seen(checkout, port) for name, port in DOORS.items()}
        assert shown == dict.fromkeys(DOORS, fingerprint(made))
        before.sendall(OPTIONS)
        before.settimeout(5)
        assert before.recv(100).startswith(b"SIP/2.0")
    with connected(checkout, DOORS["web"]) as tls:
        tls.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert tls.recv(100).startswith(b"HTTP/1.1")


def test_it_is_kept_when_the_engine_and_the_web_server_start_anew(checkout, client, company):
    made = company.issue("kept", company.middle, names=(NAME,))
    client.install_certificate(upload(company, made), ["web"], any_name=True)
    for name in ("engine", "web"):
        first = checkout.record(name)
        os.kill(first.pid, signal.SIGTERM)
        until(
            60,
            lambda name=name, first=first: (
                checkout.record(name) not in (None, first)
                and checkout.status()[name]["phase"] == "ready"
            ),
            f"{name} did not come back",
        )
    assert seen(checkout, DOORS["web"]) == fingerprint(made)
    assert checkout.status()["web"]["phase"] == "ready"


def test_what_is_refused_changes_nothing(checkout, client, company):
    before = seen(checkout, DOORS["web"])
    other = company.issue("stranger", company.middle)
    made = company.issue("refused", company.middle)
    wrong = Upload(made.crt.read_bytes(), other.key.read_bytes())
    with pytest.raises(EngineError) as refused:
        client.install_certificate(wrong, ["web"], any_name=True)
    assert refused.value.faults[0].text == "the private key does not belong to this certificate"
    assert seen(checkout, DOORS["web"]) == before


def test_going_back_to_the_own_authority_is_seen_too(checkout, client):
    client.renew_certificate("web")
    client.renew_certificate("server")
    facts = {each["name"]: each for each in client.certificates()["installed"]}
    for name, port in DOORS.items():
        assert seen(checkout, port) == facts[name]["fingerprint"].replace(":", "").lower()
        assert facts[name]["own"]


def test_a_request_is_answered_and_its_key_never_leaves(checkout, client, company):
    request = client.request_certificate([NAME], "Rossi / Bianchi + figli")
    path = company.folder / "asked.csr"
    path.write_text(request)
    extensions = company.folder / "asked.ext"
    extensions.write_text(f"subjectAltName=DNS:{NAME}\nextendedKeyUsage=serverAuth\n")
    subprocess.run(
        ["openssl", "x509", "-req", "-in", path, "-days", "30", "-extfile", extensions,
         "-CA", company.middle.crt, "-CAkey", company.middle.key, "-CAcreateserial",
         "-out", company.folder / "asked.crt"],
        check=True, capture_output=True,
    )  # fmt: skip
    answer = (company.folder / "asked.crt").read_bytes()
    chain = company.middle.crt.read_bytes() + company.root.crt.read_bytes()
    client.install_certificate(Upload(answer, chain=chain), ["web"], any_name=True)
    assert client.certificates()["request"] == ""
    assert (
        seen(checkout, DOORS["web"])
        == hashlib.sha256(ssl.PEM_cert_to_DER_cert(answer.decode())).hexdigest()
    )


# ── ACME ──────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def directory(checkout):
    """Pebble, the test authority of Let's Encrypt's makers, in the checkout's network; names
    lead to it through the name server that comes with it."""
    folder = owned_folder("acme")
    own = Authority(folder)
    made = own.issue("localhost", own.root, names=("localhost",))
    settings = {
        "pebble": {
            "listenAddress": "127.0.0.1:14000",
            "managementListenAddress": "127.0.0.1:15000",
            "certificate": str(made.crt),
            "privateKey": str(made.key),
            "httpPort": 8080,
            "tlsPort": 5001,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": False,
        }
    }
    (folder / "pebble.json").write_text(json.dumps(settings))
    names = ["pebble-challtestsrv", "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "", "-http01", "",
             "-https01", "", "-tlsalpn01", "", "-dns01", "127.0.0.1:8053"]  # fmt: skip
    pebble = ["pebble", "-config", str(folder / "pebble.json"), "-dnsserver", "127.0.0.1:8053"]
    inside = ["ip", "netns", "exec", checkout.network.name]
    environment = {**os.environ, "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0"}
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen([*inside, *names], stdout=log, stderr=log) as resolver,
        subprocess.Popen([*inside, *pebble], stdout=log, stderr=log, env=environment) as authority,
    ):
        try:
            until(10, lambda: answers(checkout, 14000), "pebble does not answer")
            yield "https://localhost:14000/dir", own.root.crt.read_text()
        finally:
            for process in (authority, resolver):
                process.terminate()
                process.wait(10)
            shutil.rmtree(folder)


def answers(checkout, port):
    try:
        connected(checkout, port).close()
    except OSError:
        return False
    return True


def wish(client, wanted):
    state = registry.decode(client.state(client.status()["current"]))
    job = client.apply(state.replaced(certificates=wanted), client.status()["current"], "test")
    client.wait(job, 120)


def test_a_certificate_is_fetched_by_acme_and_renewed(checkout, client, directory):
    address, root = directory
    wish(client, Wishes(automatic=True, directory=address, names=(NAME,), authority=root))
    client.wait(client.obtain_certificate(), 120)
    layout = checkout.place.layout
    facts = certificate_facts.of_file(
        layout.certificates / "web.crt", layout.certificates / "authority.crt"
    )
    assert facts.names == (NAME,)
    assert "Pebble" in facts.issuer
    first = seen(checkout, DOORS["web"])
    assert first == facts.fingerprint.replace(":", "").lower()
    client.wait(client.obtain_certificate(), 120)
    assert seen(checkout, DOORS["web"]) not in (first, "")


def test_an_authority_that_is_away_raises_an_alarm_and_the_old_one_stays(
    checkout, client, directory
):
    before = seen(checkout, DOORS["web"])
    _address, root = directory
    away = "https://localhost:14999/dir"
    wish(client, Wishes(automatic=True, directory=away, names=(NAME,), authority=root))
    with pytest.raises(EngineError):
        client.wait(client.obtain_certificate(), 120)
    assert seen(checkout, DOORS["web"]) == before
    assert "certificate-not-renewed" in {each["name"] for each in client.alarms()["open"]}
    assert client.certificates()["renewal"]["problem"]
