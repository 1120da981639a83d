"""Two machines that share their bans: on one real fail2ban, its list served over TLS by the real
portal; on the other a real packet filter. Neighbours of both see who is let in."""

import dataclasses
import json
import os
import socket
import subprocess
import threading
import time
from contextlib import ExitStack, contextmanager

import pytest

from appliance.apply.desk import peers_of
from appliance.apply.peer_verbs import PeerVerbs
from appliance.services import registry
from appliance.state.fields import Secret
from appliance.state.machine import Machine
from appliance.system import bans, certificates, edge_facts, firewall, peer_fetch, peer_lists
from appliance.system.alarms import AlarmBook
from appliance.system.bans import Block, PeerMachine
from appliance.system.peer_fetch import Answer
from appliance.system.peer_lists import Entry
from appliance.system.peers import Peers, Wishes
from portal.core.app import create_app
from portal.core.db import db, transaction
from portal.core.upgrade import bring_up_to_date
from portal.peers.models import ListReader, digest_of
from portal.preview import let_go, settings_in
from tests.support import portal_site
from tests.support.edge import WAN, reachable_tcp
from tests.support.network import new_network

pytestmark = pytest.mark.row("S4")

EVERY_S = 0.3
SOON_S = 15.0
TOKEN = "t" * 40
GUESSER, OFFICE = "203.0.114.9", "10.88.1.9"
BETWEEN, OUTSIDE, INSIDE = "192.0.2", "203.0.114", "10.88.1"
MODENA = f"{BETWEEN}.1"


class Parma:
    """The machine that asks: its packet filter, and who asks Modena. `office` is behind it,
    `guesser` outside; its portal is a port that takes connections."""

    def __init__(self, folder, network, office, guesser):
        self.folder, self.network, self.office, self.guesser = folder, network, office, guesser
        self.state = registry.empty_state()

    def put_in_force(self, *peers):
        """Load the rules as the engine does."""
        own = firewall.State(telephones=(f"{INSIDE}.0/24",))
        self.state = self.state.replaced(firewall=own, bans=bans.State(peers=peers))
        known = registry.sound_references(self.state)
        (file,) = firewall.files(self.state["firewall"], known, Machine())
        self.feed(file.content.decode())

    def feed(self, rules):
        path = self.folder / "rules.nft"
        path.write_text(rules)
        self.network.run("nft", "-f", str(path))

    def fetch(self, peer, tag, own):
        with self.network.entered():
            return peer_fetch.fetch(peer, tag, own)

    def asking(self, **more):
        def wishes():
            ours = edge_facts.never_banned(registry.references(self.state))
            return Wishes(self.state["bans"].peers, ours)

        return Peers(
            self.folder / "let-in.json",
            wishes,
            lambda: (f"{BETWEEN}.2",),
            self.feed,
            every_s=EVERY_S,
            fetch=self.fetch,
            **more,
        )

    def lets_in(self, source):
        """Whether a packet of a neighbour gets through to the portal's port."""
        target = f"{OUTSIDE}.1" if source is self.guesser else f"{INSIDE}.1"
        script = f"exec 3<>/dev/tcp/{target}/443"
        command = ("ip", "netns", "exec", source.name, "timeout", "1", "bash", "-c", script)
        return subprocess.run(command, capture_output=True).returncode == 0

    def shut_out(self):
        """Network -> seconds left, as the kernel has them."""
        listed = self.network.run("nft", "-j", "list", "set", "inet", "bans", "peers4")
        table = next(each["set"] for each in json.loads(listed)["nftables"] if "set" in each)
        elements = [each["elem"] for each in table.get("elem", ())]
        return {str(each["val"]): each["expires"] for each in elements}


@pytest.fixture(scope="module")
def parma(edge, tmp_path_factory):
    folder = tmp_path_factory.mktemp("parma")
    with ExitStack() as stack:
        made = (stack.enter_context(new_network(name)) for name in ("parma", "office", "guesser"))
        network, office, guesser = made
        edge.pbx.network.join(network, f"{MODENA}/24", f"{BETWEEN}.2/24")
        network.join(office, f"{INSIDE}.1/24", f"{OFFICE}/24")
        network.join(guesser, f"{OUTSIDE}.1/24", f"{GUESSER}/24")
        stack.enter_context(listening(network))
        yield Parma(folder, network, office, guesser)


@contextmanager
def listening(network):
    with network.entered():
        door = socket.create_server(("0.0.0.0", 443), backlog=50)

    def take():
        while True:
            try:
                door.accept()[0].close()
            except OSError:
                return

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    yield
    door.shutdown(socket.SHUT_RDWR)
    door.close()
    thread.join(5)


class OwnList(PeerVerbs):
    """The real engine behind the real portal, as far as the list goes."""

    def __init__(self, engine):
        self._engine = engine

    def own_bans(self):
        return super().own_bans({})


@pytest.fixture(scope="module")
def served(edge, tmp_path_factory):
    """Modena's portal with its list behind TLS; the certificate of its authority."""
    folder = tmp_path_factory.mktemp("modena")
    certificates.ensure_authority(folder)
    certificates.ensure_server(folder, "web", "modena", [MODENA], os.getgid())
    app = create_app(settings_in(folder / "portal", testing=True))
    bring_up_to_date(app)
    app.extensions["engine"] = OwnList(edge.pbx.engine)
    with app.app_context(), transaction():
        db.session.add(ListReader(name="Parma", digest=digest_of(TOKEN), made_by="it"))
    pair = (str(folder / "web.crt"), str(folder / "web.key"))
    with portal_site.served(app, MODENA, 443, inside=edge.pbx.network, ssl_context=pair):
        yield (folder / "authority.crt").read_text()
    let_go(app)


@pytest.fixture
def sharing(edge, applied, parma, served):
    """Both machines, Modena without bans, Parma as it asks Modena every EVERY_S seconds."""
    applied(firewall=firewall.State(trusted=(f"{WAN}.0/24",)))
    modena = PeerMachine("modena", "Modena", MODENA, certificate=served, token=Secret(TOKEN))
    parma.put_in_force(modena)
    asking = parma.asking()
    asking.start()
    yield edge, parma, asking
    asking.stop()
    edge.pbx.engine._actions.ask_bans("unban", "--all")
    parma.put_in_force()
    parma.feed(peer_lists.rules({}))
    (parma.folder / "let-in.json").unlink(missing_ok=True)


def until(asked, within_s=SOON_S):
    """Seconds until something is so; None when it does not come to be."""
    begin = time.monotonic()
    while (seconds := time.monotonic() - begin) < within_s:
        if asked():
            return seconds
        time.sleep(0.05)
    return None


def ban(edge, address, seconds=600):
    actions = edge.pbx.engine._actions
    actions.ask_bans("set", "sip", "bantime", str(seconds))
    actions.ask_bans("set", "sip", "banip", address)


def test_a_ban_of_one_machine_reaches_the_other_and_ends_with_it(sharing):
    edge, parma, _asking = sharing
    assert until(lambda: parma.lets_in(parma.guesser)) is not None
    ban(edge, GUESSER)
    seconds = until(lambda: parma.shut_out())
    assert seconds is not None
    assert seconds < 5
    assert not parma.lets_in(parma.guesser)
    assert 500 < parma.shut_out()[GUESSER] <= 600
    assert parma.lets_in(parma.office)
    edge.pbx.engine.lift("sip", GUESSER)
    assert until(lambda: parma.lets_in(parma.guesser)) is not None
    assert parma.shut_out() == {}


def test_what_one_machine_blocks_by_hand_is_blocked_by_the_other(sharing, applied):
    _edge, parma, _asking = sharing
    applied(bans=bans.State(blocks=(Block("guesser", f"{OUTSIDE}.0/24", "scans"),)))
    assert until(lambda: not parma.lets_in(parma.guesser)) is not None
    assert parma.lets_in(parma.office)
    applied()
    assert until(lambda: parma.lets_in(parma.guesser)) is not None


def test_the_kernel_ends_an_entry_by_itself_when_nobody_asks_any_more(sharing):
    edge, parma, asking = sharing
    ban(edge, GUESSER, seconds=10)
    assert until(lambda: parma.shut_out()) is not None
    asking.stop()
    assert until(lambda: parma.shut_out() == {}) is not None
    assert parma.lets_in(parma.guesser)


def test_the_own_office_is_reached_whatever_the_others_say(sharing):
    edge, parma, asking = sharing
    parma.state = parma.state.replaced(
        firewall=dataclasses.replace(parma.state["firewall"], trusted=("198.18.1.0/24",))
    )
    for address in (OFFICE, "198.18.1.7", "198.18.0.77"):
        ban(edge, address)
    assert until(lambda: "198.18.0.77" in parma.shut_out()) is not None
    assert parma.lets_in(parma.office)
    assert set(parma.shut_out()) == {"198.18.0.77"}
    (state,) = asking.shown()["peers"]
    assert state["refused"] == {"private": 1, "ours": 1}
    # Even an element that stands in the set hits nobody of the office.
    parma.feed(f"add element inet bans peers4 {{ {OFFICE} timeout 60s }}")
    assert parma.lets_in(parma.office)


def test_whom_parma_lets_in_stays_in_while_modena_still_bans(sharing):
    edge, parma, asking = sharing
    ban(edge, GUESSER)
    assert until(lambda: not parma.lets_in(parma.guesser)) is not None
    assert asking.let_in(f"{GUESSER}/32", "our consultant", "it@example.com")
    assert parma.lets_in(parma.guesser)
    heard = asking.shown()["peers"][0]["heard_at"]
    assert until(lambda: asking.shown()["peers"][0]["heard_at"] > heard + 1) is not None
    assert parma.lets_in(parma.guesser)


def test_the_engine_shuts_out_whom_the_machines_of_its_state_name_and_gives_that_to_nobody(
    edge, applied
):
    peer = PeerMachine("parma", "Parma", "parma.example.com", token=Secret(TOKEN))
    applied(bans=bans.State(peers=(peer,)))
    body = peer_lists.written([dataclasses.asdict(Entry(f"{WAN}.9/32", "sip"))])
    asking = peers_of(edge.pbx.engine, AlarmBook(edge.pbx.folder / "alarms.json"))
    asking.fetch = lambda _peer, _tag, _own: Answer(f"{BETWEEN}.2", "1", body)
    asking.look()
    assert reachable_tcp(edge.wan, f"{WAN}.1", [443]) == set()
    assert WAN not in OwnList(edge.pbx.engine).own_bans()
    applied()
    asking.look()
    assert reachable_tcp(edge.wan, f"{WAN}.1", [443]) == {443}


def test_answers_to_what_this_machine_asks_come_in_from_whom_the_others_shut_out(sharing):
    _edge, parma, asking = sharing
    asking.stop()
    parma.feed(f"add element inet bans peers4 {{ {GUESSER} timeout 60s }}")
    assert not parma.lets_in(parma.guesser)
    with parma.guesser.entered():
        server = socket.create_server((GUESSER, 25))
    with server, parma.network.entered():
        socket.create_connection((GUESSER, 25), timeout=2).close()


@pytest.mark.parametrize("count", [5000, 100_000])
def test_a_full_list_is_loaded_whole_and_changed_whole(sharing, figures, count):
    _edge, parma, asking = sharing
    asking.stop()
    others = {f"100.{n >> 16}.{n >> 8 & 255}.{n & 255}/32": 3600 for n in range(0, 2 * count, 2)}
    parma.feed(peer_lists.rules({**others, f"{GUESSER}/32": 3600}))
    assert not parma.lets_in(parma.guesser)
    begin = time.monotonic()
    parma.feed(peer_lists.rules(others))
    figures.add("edge", f"{count:,} bans of others changed", time.monotonic() - begin, "s")
    assert parma.lets_in(parma.guesser)
