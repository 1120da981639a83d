"""The provisioning server as a process: HTTP, new revisions, the portal's verbs."""

import dataclasses
import time

import pytest

from appliance.services.devices import FunctionKey
from appliance.state.fields import Secret
from provisioning import client
from tests.support import phone_estate, provisioning_server
from tests.support.phone_estate import device, mac_of

TOKEN = phone_estate.TOKEN
FILE = f"/provisioning/p/{TOKEN}/{mac_of(1)}.cfg"
PHONE = device("yealink-t54w", 1)


@pytest.fixture(scope="module")
def server():
    state = phone_estate.company(PHONE)
    with provisioning_server.running(state, phone_estate.FACTS) as running:
        yield running


def until(condition, within_s=10.0):
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.row("K4")
def test_a_phone_is_served_and_served_nothing_twice(server):
    status, headers, content = server.get(FILE)
    assert (status, headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    assert int(headers["Content-Length"]) == len(content)
    assert "Transfer-Encoding" not in headers
    again = server.get(FILE, If_None_Match=headers["ETag"])
    assert (again[0], again[2]) == (304, b"")
    head = server.get(FILE, method="HEAD")
    assert (head[0], head[2], head[1]["Content-Length"]) == (200, b"", str(len(content)))


def answer_but_date(answer):
    status, headers, content = answer
    return status, {name: text for name, text in headers.items() if name != "Date"}, content


def test_all_refusals_look_alike_on_the_wire(server):
    paths = [
        f"/provisioning/p/{'C' * 24}/{mac_of(1)}.cfg",
        f"/provisioning/p/{TOKEN}/{mac_of(2)}.cfg",
        f"/provisioning/p/{TOKEN}/{mac_of(1)}.boot",
        f"/provisioning/e/{mac_of(1)}.cfg",
        f"{FILE}%00",
        f"{FILE}%2e%2e%2f",
        f"/provisioning/p/{'A' * 7000}",
        "/provisioning/%ff%fe/x",
        "/provisioning/p/..%2f..%2fetc/passwd",
        "/control/phones",
        "/favicon.ico",
    ]
    seen = [answer_but_date(server.get(path)) for path in paths]
    assert seen == [seen[0]] * len(seen)
    assert seen[0][0] == 404
    assert seen[0][2] == b""


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"])
def test_only_reading_is_allowed(server, method):
    for path in (FILE, f"/provisioning/p/{'C' * 24}/{mac_of(1)}.cfg"):
        assert server.get(path, method=method)[0] == 405


def test_a_request_that_is_no_http_does_no_harm(server):
    for data in (
        b"\x16\x03\x01\x02\x00",
        b"GET " + b"/x" * 50_000 + b" HTTP/1.1\r\n\r\n",
        b"\r\n\r\n",
    ):
        connection = provisioning_server.UnixConnection(server.socket)
        connection.connect()
        connection.sock.sendall(data)
        connection.sock.shutdown(1)
        connection.sock.recv(65536)
        connection.close()
    assert server.get("/health")[0] == 200


def test_a_new_revision_is_noticed_and_served(server):
    changed = dataclasses.replace(PHONE, keys=phone_estate.KEYS)
    before = server.get(FILE)[2]
    server.put(phone_estate.company(changed))
    until(lambda: server.get(FILE)[2] != before)
    server.put(phone_estate.company(PHONE))
    until(lambda: server.get(FILE)[2] == before)


def test_a_state_that_cannot_be_read_changes_nothing(server):
    folder = server.layout.state / "revisions"
    number = len(list(folder.iterdir())) + 1
    (folder / f"{number:06d}").mkdir()
    (folder / f"{number:06d}" / "state.json").write_text('{"schema_version": 99}')
    provisioning_server.atomic.replace_link(server.layout.current, f"revisions/{number:06d}")
    until(lambda: "cannot be read" in server.log.read_text())
    assert server.get(FILE)[0] == 200
    server.put(phone_estate.company(PHONE))


@pytest.mark.row("N10")
def test_the_portal_sees_what_a_phone_did(server):
    agent = "Yealink SIP-T54W 96.86.0.70 02:00:00:00:00:01"
    server.get(FILE, User_Agent=agent, source="10.20.1.77")
    (found,) = server.client.phones().values()
    assert found["agent"] == agent
    assert (found["firmware"], found["agent_model"]) == ("96.86.0.70", "T54W")
    assert (found["source"], found["stage"], found["enrolled"]) == ("10.20.1.77", "second", True)
    assert found["served"] == found["desired"]


@pytest.mark.row("K4")
def test_the_portal_opens_and_revokes(server):
    fresh = dataclasses.replace(PHONE, token=Secret("Fresh" * 5))
    server.put(phone_estate.company(fresh))
    until(lambda: server.get(FILE)[0] == 404)
    opened = server.client.open("phone-1", 300)
    assert opened.url.startswith("http://192.0.2.10/provisioning/e/")
    path = opened.file.removeprefix("http://192.0.2.10")
    (found,) = server.client.phones().values()
    assert found["open_until"] == opened.until
    assert server.get(path)[0] == 200
    assert server.get(path)[0] == 404
    new = FILE.replace(TOKEN, "Fresh" * 5)
    assert server.get(new)[0] == 200
    with pytest.raises(client.Refused, match="new secrets"):
        server.client.open("phone-1", 300)
    server.client.revoke("phone-1")
    assert server.get(new)[0] == 404
    with pytest.raises(client.Refused, match="not in the applied"):
        server.client.open("nobody", 300)
    with pytest.raises(client.Refused, match="small letters"):
        server.client.open("../x", 300)
    server.put(phone_estate.company(PHONE))
    until(lambda: server.get(FILE)[0] == 200)


def test_the_portal_sees_a_file_without_its_secrets_unless_it_asks(server):
    text, problems = server.client.file("phone-1")
    assert problems == []
    assert "account.1.enable = 1" in text
    for secret in (TOKEN, "Line-Secret", phone_estate.WEB):
        assert secret not in text
        assert secret in server.client.file("phone-1", reveal=True)[0]
    crowded = dataclasses.replace(PHONE, keys=(FunctionKey(28, "speed_dial", number="118"),))
    server.put(phone_estate.company(crowded))
    until(lambda: server.client.file("phone-1")[1])
    (problem,) = server.client.file("phone-1")[1]
    assert str(problem) == "key 28 is beyond the 27 of Yealink SIP-T54W"
    server.put(phone_estate.company(PHONE))
    until(lambda: not server.client.file("phone-1")[1])


def test_the_portal_gets_the_lines_for_dhcp(server):
    found = server.client.dhcp()
    assert "http://192.0.2.10/provisioning/e/{mac}.xml" in found["dnsmasq"]
    assert "client-classes" in found["kea"]


def test_without_the_key_nothing_is_opened(server):
    stranger = client.ProvisioningClient(server.socket, Secret("x" * 32))
    with pytest.raises(client.ServerUnreachable, match="404"):
        stranger.open("phone-1", 300)


def test_a_server_that_is_not_there_is_said_so(tmp_path):
    with pytest.raises(client.ServerUnreachable, match="does not answer"):
        client.ProvisioningClient(tmp_path / "none", Secret("x")).phones()


def test_the_log_holds_no_secret(server):
    server.get(FILE)
    server.get(f"/provisioning/p/{'C' * 24}/{mac_of(1)}.cfg", source="203.0.113.9")
    text = server.log.read_text()
    assert "203.0.113.9 refused (token)" in text
    assert "Traceback" not in text
    for secret in (TOKEN, "C" * 24, "Fresh" * 5, "Line-Secret"):
        assert secret not in text
