"""`make run` and `make stop`: the whole system from a checkout, as a newcomer starts it."""

import http.client
import os
import signal
import ssl
import subprocess

import pytest

from appliance.apply.client import EngineClient
from tests.support.checkout import new_checkout, until


@pytest.fixture(scope="module")
def checkout():
    with new_checkout() as checkout:
        yield checkout


@pytest.fixture(scope="module")
def said(checkout):
    """What the first start printed; the system runs from here on."""
    return checkout.run()


def _connect(checkout, port, authority):
    context = ssl.create_default_context(cafile=str(authority))
    with checkout.network.entered():
        import socket

        plain = socket.create_connection(("127.0.0.1", port), 5)
    return context.wrap_socket(plain, server_hostname="localhost")


def test_it_prints_the_portals_address(checkout, said):
    assert "https://10.98.0.1:8443/" in said


def test_https_is_served_with_a_certificate_of_the_own_authority(checkout, said):
    authority = checkout.place.layout.certificates / "authority.crt"
    with _connect(checkout, 8443, authority) as tls:
        assert tls.version() == "TLSv1.3"
        names = tls.getpeercert()["subjectAltName"]
    assert ("IP Address", "10.98.0.1") in names


def test_plain_http_leads_to_https(checkout, said):
    answer = checkout.network.run("curl", "-sS", "-o", "/dev/null", "-w", "%{redirect_url}",
                                  "http://127.0.0.1:8080/people?x=1")  # fmt: skip
    assert answer == "https://127.0.0.1:8443/people?x=1"


@pytest.mark.row("K4")
def test_telephones_find_the_provisioning_server(checkout, said):
    def get(path):
        return checkout.network.run(
            "curl", "-sS", "-w", "%{http_code}", f"http://127.0.0.1:8080{path}"
        )

    authority = (checkout.place.layout.certificates / "authority.crt").read_text()
    assert get("/provisioning/authority.crt") == f"{authority}200"
    assert get(f"/provisioning/e/{'a' * 24}/020000000001.cfg") == "404"
    assert checkout.status()["provisioning"]["phase"] == "ready"


def test_a_whole_system_may_be_sent_to_the_page_of_updates_alone(checkout, said):
    """The web server lets it pass; the portal asks who it is before it reads a byte."""
    authority = checkout.place.layout.certificates / "authority.crt"

    def status(path):
        with _connect(checkout, 8443, authority) as tls:
            head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500000000\r\n\r\n"
            tls.sendall(head.encode())
            return int(tls.recv(64).split()[1])

    assert status("/updates/upload") == 401
    assert status("/people/import") == 413


def _statuses(checkout, count, path="/"):
    """The statuses of so many requests, one right after the other on one connection."""
    authority = checkout.place.layout.certificates / "authority.crt"
    found = []
    with _connect(checkout, 8443, authority) as tls:
        for _ in range(count):
            tls.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            answer = http.client.HTTPResponse(tls)
            answer.begin()
            found.append((answer.status, answer.headers))
            answer.read()
    return found


def test_a_flood_from_one_address_is_slowed_down(checkout, said):
    statuses = [status for status, _headers in _statuses(checkout, 400)]
    assert 429 in statuses
    assert statuses[0] != 429


def test_headers_of_safety_stand_once_and_no_version_is_told(checkout, said):
    ((_status, headers),) = _statuses(checkout, 1)
    assert headers.get_all("Strict-Transport-Security") == ["max-age=31536000"]
    assert not [value for value in headers.values() if "nginx/" in value or "gunicorn" in value]


def test_each_process_but_the_engine_gives_up_root(checkout, said):
    for name in set(checkout.status()) - {"engine"}:
        record = checkout.record(name)
        assert os.stat(f"/proc/{record.pid}").st_uid != 0, name


def test_no_process_can_read_anothers_secrets(checkout, said):
    folder = checkout.place.run / "run/centralino-credentials"
    owners = {each.stat().st_uid for each in folder.iterdir()}
    assert len(owners) == len(list(folder.iterdir()))
    assert all(each.stat().st_mode & 0o077 == 0 for each in folder.iterdir())


def test_a_second_run_changes_nothing(checkout, said):
    before = {name: checkout.record(name) for name in checkout.status()}
    assert "runs already" in checkout.run()
    assert {name: checkout.record(name) for name in checkout.status()} == before


def test_a_process_that_is_killed_comes_back(checkout, said):
    first = checkout.record("web")
    os.kill(first.pid, signal.SIGKILL)
    until(
        10,
        lambda: (
            checkout.record("web") not in (None, first)
            and checkout.status()["web"]["phase"] == "ready"
        ),
        "the web server did not come back",
    )


def test_an_asterisk_that_is_killed_answers_again_within_five_seconds(checkout, said):
    first = checkout.record("asterisk")
    os.kill(first.pid, signal.SIGKILL)
    client = EngineClient(checkout.place.layout.engine_socket)
    until(1, lambda: not client.status()["asterisk_running"], "it still answers")
    until(5, lambda: client.status()["asterisk_running"], "it does not answer again")


def test_stop_ends_everything_and_nothing_else(checkout, said):
    pids = [checkout.record(name).pid for name in [*checkout.status(), "supervisor"]]
    with subprocess.Popen(["sleep", "60"]) as other:
        # A number that now belongs to somebody else: the record's start time differs.
        stale = checkout.place.records / "stale.json"
        stale.write_text(f'{{"pid": {other.pid}, "started": 1, "boot": "x"}}')
        assert "Stopped." in checkout.stop()
        assert other.poll() is None
        other.kill()
    assert not [pid for pid in pids if checkout_process(pid)]
    assert checkout.stop().strip() == "Nothing of this checkout is running."


def checkout_process(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_the_next_run_goes_on_with_what_was_configured(checkout, said):
    checkout.stop()
    client = EngineClient(checkout.place.layout.engine_socket)
    checkout.run()
    assert [revision["number"] for revision in client.history()] == [1]


def test_what_a_killed_supervisor_left_is_ended_before_the_next_start(checkout, said):
    checkout.run()
    asterisk = checkout.record("asterisk")
    os.kill(checkout.record("supervisor").pid, signal.SIGKILL)
    checkout.run()
    assert not asterisk.alive()
    assert checkout.record("asterisk") is not None


def test_a_port_that_is_taken_is_named_with_its_owner_and_a_way_out(checkout, said):
    checkout.stop()
    inside = ["ip", "netns", "exec", checkout.network.name, "python3", "-c"]
    listen = "import socket; s = socket.create_server(('', 9443)); print(1, flush=True); input()"
    with subprocess.Popen(
        [*inside, listen], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        other.stdout.readline()
        finished = checkout.command("run", WEB_PORT="9443")
        other.communicate(b"\n")
    assert finished.returncode == 1
    assert f"9443/tcp is taken by python3 (process {other.pid})" in finished.stderr
    assert "make run WEB_PORT=" in finished.stderr


def test_the_first_revision_listens_where_the_settings_say():
    with new_checkout() as checkout:
        checkout.run(SIP_PORT="5070", SIP_TLS_PORT="5071", WEB_PLAIN_PORT="0")
        listening = checkout.network.run("ss", "-Hltun")
        assert ":5070 " in listening
        assert ":5060 " not in listening
        assert ":8080 " not in listening
