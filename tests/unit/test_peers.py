"""Whom other machines shut out: rounds, silence, letting in, and fetching over TLS."""

import dataclasses
import http.server
import socket
import ssl
import threading
import time

import pytest

from appliance.state.fields import Secret
from appliance.system import certificates, peer_fetch
from appliance.system.alarms import AlarmBook
from appliance.system.bans import PeerMachine
from appliance.system.peer_fetch import Answer, NotFetched
from appliance.system.peer_lists import Entry, written
from appliance.system.peers import SILENCE_S, Peers, Wishes

pytestmark = pytest.mark.row("S4")

NOW = 1_800_000_000.0
TOKEN = "t" * 40
GUESSER = "203.0.113.7/32"


class World:
    """Other machines, a clock and a packet filter."""

    def __init__(self, folder):
        self.now, self.lists, self.asked, self.fed = NOW, {}, [], []
        self.wished = Wishes()
        self.folder = folder
        self.book = AlarmBook(folder / "alarms.json")
        self.peers = self.restarted()

    def restarted(self):
        clock = {"clock": lambda: self.now, "steady": lambda: self.now - NOW}
        return Peers(
            self.folder / "let-in.json",
            lambda: self.wished,
            lambda: ("198.51.100.1",),
            self.fed.append,
            self.book,
            fetch=self.fetch,
            **clock,
        )

    def fetch(self, peer, tag, own):
        self.asked.append((peer.id, tag))
        listed = self.lists[peer.id]
        if isinstance(listed, str):
            raise NotFetched(listed)
        body = listed if isinstance(listed, bytes) else _written(listed)
        return Answer("198.51.100.2", body.hex()[-20:], None if tag == body.hex()[-20:] else body)

    def round(self, later_s=0.0):
        self.now += later_s
        self.peers.look()
        return self.fed[-1] if self.fed else ""

    def state(self, id="modena"):
        return next(each for each in self.peers.shown()["peers"] if each["id"] == id)


def _written(entries):
    return written([dataclasses.asdict(each) for each in entries])


def peer(id="modena", **more):
    return PeerMachine(id, id.title(), f"{id}.example.com", token=Secret(TOKEN), **more)


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    made.wished = Wishes((peer(),), ("10.0.0.0/8", "198.51.100.64/26"))
    made.lists = {"modena": [Entry(GUESSER, "sip", int(NOW) + 7200)]}
    return made


def test_what_another_machine_bans_is_shut_out_here_and_shown_with_its_name(world):
    assert f"{GUESSER} timeout 3600s" in world.round()
    (entry,) = world.peers.shown()["entries"]
    assert (entry["network"], entry["why"], entry["peer"]) == (GUESSER, "sip", "modena")
    state = {"id": "modena", "entries": 1, "refused": {}, "heard_at": int(NOW)}
    assert world.state() == {**state, "fault": "", "fault_at": 0}


def test_what_is_lifted_there_is_let_in_here_at_the_next_round(world):
    world.round()
    world.lists["modena"] = []
    assert GUESSER not in world.round(60)
    assert world.peers.shown()["entries"] == []


def test_an_unchanged_list_is_not_sent_again_and_stays_in_force(world):
    world.round()
    assert GUESSER in world.round(60)
    assert world.asked[0] == ("modena", "")
    assert world.asked[1][1]


def test_a_silent_machine_counts_for_an_hour_and_then_no_more(world):
    world.round()
    world.lists["modena"] = "unreachable"
    assert f"{GUESSER} timeout 60s" in world.round(SILENCE_S - 60)
    assert world.book.open() == []
    assert GUESSER not in world.round(60)
    assert [(a.name, a.subject) for a in world.book.open()] == [("peer-silent", "Modena")]
    assert (world.state()["entries"], world.state()["fault"]) == (0, "unreachable")
    world.lists["modena"] = []
    world.round(60)
    assert world.book.open() == []


def test_one_silent_machine_does_not_take_the_others_lists_away(world):
    world.wished = Wishes((peer(), peer("parma")))
    world.lists["parma"] = "late"
    assert GUESSER in world.round()
    assert world.state("parma")["fault"] == "late"


def test_a_machine_that_breaks_the_fetching_itself_does_not_take_the_others_lists_away(world):
    world.wished = Wishes((peer(), peer("parma")))
    world.lists["parma"] = None
    assert GUESSER in world.round()
    assert world.state("parma")["fault"] == "stranger"


def test_a_fault_is_shown_since_it_began(world):
    world.lists["modena"] = "late"
    world.round()
    world.round(60)
    assert world.state()["fault_at"] == int(NOW)


def test_a_machine_that_is_no_longer_asked_shuts_nobody_out(world):
    world.round()
    world.wished = Wishes()
    assert GUESSER not in world.round(60)
    assert world.peers.shown() == {"peers": [], "entries": []}


def test_another_machine_under_the_same_name_begins_with_nothing(world):
    world.round()
    world.wished = Wishes((dataclasses.replace(peer(), address="new.example.com"),))
    world.lists["modena"] = "untrusted"
    assert GUESSER not in world.round(60)


def test_where_no_machine_is_asked_the_packet_filter_is_left_alone(world):
    world.wished = Wishes()
    world.round()
    assert world.fed == []


def test_a_restart_leaves_in_the_kernel_what_is_there_until_somebody_answers(world):
    world.lists["modena"] = "unreachable"
    world.round()
    assert world.fed == []


def test_the_office_carriers_this_machine_and_the_others_are_never_shut_out(world):
    harmful = ("198.51.100.65/32", "198.51.100.1/32", "198.51.100.2/32", "198.51.0.0/16")
    world.lists["modena"] = [Entry(network, "block") for network in harmful]
    assert "element" not in world.round()
    assert world.state()["refused"] == {"ours": 4}


def test_nonsense_is_a_fault_and_leaves_what_was_known(world):
    world.round()
    world.lists["modena"] = b"<html>"
    assert GUESSER in world.round(60)
    assert world.state()["fault"] == "unreadable"


def test_whom_somebody_lets_in_stays_in_until_the_entry_has_ended_there(world):
    world.round()
    assert world.peers.let_in(GUESSER, "our consultant", "it@example.com")
    assert GUESSER not in world.fed[-1]
    world.peers = world.restarted()
    world.lists["modena"] = [Entry(GUESSER, "sip", int(NOW) + 9000)]
    assert GUESSER not in world.round(60)
    assert world.peers.shown()["entries"][0]["let_in"]["reason"] == "our consultant"
    world.lists["modena"] = "unreachable"
    world.round(60)
    world.lists["modena"] = []
    world.round(60)
    world.lists["modena"] = [Entry(GUESSER, "sip", int(NOW) + 9000)]
    assert GUESSER in world.round(60)


def test_who_is_on_no_list_cannot_be_let_in(world):
    world.round()
    assert not world.peers.let_in("203.0.113.99/32", "a slip", "it@example.com")


def test_a_damaged_file_of_who_was_let_in_stops_nothing(world):
    (world.folder / "let-in.json").write_text('[{"network": 7}]')
    world.peers = world.restarted()
    assert GUESSER in world.round()


# ── fetching ──────────────────────────────────────────────────────────────────────────


class Server(http.server.ThreadingHTTPServer):
    """An HTTPS server with a certificate of an authority of its own; `answer` is how it answers."""

    def __init__(self, folder, name="localhost"):
        super().__init__(("127.0.0.1", 0), _Handler)
        certificates.ensure_authority(folder)
        certificates.ensure_server(folder, "web", name, ["127.0.0.1"], 0)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "web.crt", folder / "web.key")
        self.socket = context.wrap_socket(
            self.socket, server_side=True, do_handshake_on_connect=False
        )
        self.authority = (folder / "authority.crt").read_text()
        self.own = (folder / "web.crt").read_text().split("-----END CERTIFICATE-----")[0]
        self.own += "-----END CERTIFICATE-----\n"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        """Clients that go away are the subject of these tests."""


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.seen.append((self.path, dict(self.headers)))
        self.server.answer(self)

    def say(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args):
        """Quiet."""


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    made = Server(tmp_path_factory.mktemp("there"))
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def server(running, monkeypatch):
    monkeypatch.setattr(peer_fetch, "_local", lambda _address: False)
    running.seen, running.answer = [], lambda handler: handler.say(200, b"{}", ETag='"1"')
    return running


def asked(server, tag="", own=(), **changes):
    there = PeerMachine(
        "there", "There", "localhost", server.server_port, server.authority, Secret(TOKEN)
    )
    return peer_fetch.fetch(dataclasses.replace(there, **changes), tag, own)


def fault(server, **changes):
    with pytest.raises(NotFetched) as caught:
        asked(server, **changes)
    return caught.value.fault


def test_a_list_is_fetched_with_the_token_and_against_the_pinned_authority(server):
    assert asked(server) == Answer("127.0.0.1", '"1"', b"{}")
    ((path, headers),) = server.seen
    assert (path, headers["Authorization"]) == ("/shared-bans/v1", f"Bearer {TOKEN}")


def test_of_several_addresses_the_first_that_answers_is_taken(server, monkeypatch):
    monkeypatch.setattr(peer_fetch, "_addresses_of", lambda _peer, _own: ["::1", "127.0.0.1"])
    assert asked(server).address == "127.0.0.1"


def test_the_servers_own_certificate_may_be_pinned_too(server):
    assert asked(server, certificate=server.own).body == b"{}"


def test_what_has_not_changed_is_not_sent(server):
    server.answer = lambda handler: handler.say(304)
    assert asked(server, tag='"1"') == Answer("127.0.0.1", '"1"', None)
    assert server.seen[0][1]["If-None-Match"] == '"1"'


def test_a_machine_with_another_certificate_gets_no_token(server, tmp_path):
    certificates.ensure_authority(tmp_path / "other")
    other = (tmp_path / "other/authority.crt").read_text()
    assert fault(server, certificate=other) == "untrusted"
    assert fault(server, certificate="") == "untrusted"
    assert server.seen == []


def test_a_certificate_for_another_name_is_named_as_such(server, monkeypatch):
    monkeypatch.setattr(peer_fetch, "_addresses_of", lambda _peer, _own: ["127.0.0.1"])
    assert fault(server, address="elsewhere.example.com") == "other-name"
    assert fault(server, address="192.0.2.9") == "other-name"
    assert server.seen == []


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (401, "token"), (403, "token"), (404, "stranger"), (302, "stranger"), (304, "stranger"),
        (500, "busy"), (503, "busy"), (429, "busy"),
    ],
)  # fmt: skip
def test_each_refusal_has_its_word_and_redirects_are_not_followed(server, status, why):
    server.answer = lambda handler: handler.say(status, Location="https://127.0.0.1/elsewhere")
    assert fault(server) == why
    assert len(server.seen) == 1


def test_more_than_a_megabyte_is_not_read(server):
    server.answer = lambda handler: handler.say(200, b"x" * (1024 * 1024 + 1))
    assert fault(server) == "large"


def drip(handler):
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b" ")
        time.sleep(0.05)


def drip_headers(handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
    drip_raw(handler)


def drip_raw(handler):
    while True:
        handler.wfile.write(b"x")
        time.sleep(0.05)


@pytest.mark.parametrize("answer", [drip, drip_headers])
def test_a_machine_that_sends_a_byte_now_and_then_is_cut_off(server, monkeypatch, answer):
    monkeypatch.setattr(peer_fetch, "WITHIN_S", 0.5)
    server.answer = answer
    begin = time.monotonic()
    assert fault(server) == "late"
    assert time.monotonic() - begin < 5


def test_nobody_at_the_port_is_unreachable(server):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        assert fault(server, port=port) == "unreachable"


def test_what_speaks_no_tls_is_a_stranger(monkeypatch):
    monkeypatch.setattr(peer_fetch, "_local", lambda _address: False)
    plain = http.server.HTTPServer(("127.0.0.1", 0), _Handler)
    plain.seen, plain.answer, plain.authority = [], lambda handler: handler.say(200), ""
    threading.Thread(target=plain.serve_forever, daemon=True).start()
    assert fault(plain) == "stranger"
    plain.shutdown()
    plain.server_close()


INSIDE = ("127.0.0.1", "::1", "localhost", "169.254.169.254", "224.0.0.1", "::", "::ffff:10.0.0.1")


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_that_leads_into_this_machine_is_not_asked(address):
    with pytest.raises(NotFetched, match="itself"):
        peer_fetch.fetch(PeerMachine("a", "A", address), "", ())


def test_this_machines_own_address_is_not_asked():
    with pytest.raises(NotFetched, match="itself"):
        peer_fetch.fetch(PeerMachine("a", "A", "192.0.2.10"), "", ("192.0.2.10",))


def test_a_name_that_nobody_knows_is_named_as_such():
    with pytest.raises(NotFetched, match="name"):
        peer_fetch.fetch(PeerMachine("a", "A", "nowhere.invalid"), "", ())
