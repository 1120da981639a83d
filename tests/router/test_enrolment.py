"""From a code at the router's own screen to its line on the portal's pages; then a spare.

Nothing is pretended but the routers' systemd: the console is typed at, HTTPS is nginx with the
engine's file in front of the portal, the tunnel is OpenVPN, the page is read in a browser.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from appliance.system import branch_watch
from appliance.system.machine import Facts
from tests.router.conftest import branch_company
from tests.support import branch_lab, front, router_console
from tests.support.branch_lab import PUBLIC, Ground, Router, answers, cable, connected, until
from tests.support.branch_pages import BranchPages
from tests.support.figures import Figures
from tests.support.network import Network, new_network
from tests.support.owner import browser_in
from tests.support.pbx import ADDRESS, Pbx
from tests.support.portal_site import EMAIL, NAME, PASSWORD, sign_in_at

pytestmark = [pytest.mark.row("I4"), pytest.mark.row("B5"), pytest.mark.timeout(240)]

FACTS = Facts(host_name="pbx.example", addresses=(ADDRESS, PUBLIC))
SPARE_WITHIN_S = 300
"""Row B5: five minutes."""


@dataclass
class Office:
    """The appliance with everything in front, the branch's networks, a browser at the desk."""

    pbx: Pbx
    ground: Ground
    pages: BranchPages


@pytest.fixture(scope="module")
def office(branch_pbx: Pbx) -> Iterator[Office]:
    pbx = branch_pbx
    front.prepare(pbx, FACTS)
    account = (EMAIL, NAME, PASSWORD, "it_manager")
    with (
        branch_lab.ground(pbx, branch_company()) as ground,
        front.engine_socket(pbx, FACTS),
        front.portal_server(pbx, account),
        front.web_server(pbx, lambda: front.serves_tls(pbx, ADDRESS)),
        browser_in(pbx.network) as browser,
    ):
        # The authority of this machine is one that no browser knows.
        context = browser.new_context(locale="it-IT", ignore_https_errors=True)
        page = context.new_page()
        sign_in_at(page, f"https://{ADDRESS}")
        yield Office(pbx, ground, BranchPages(page, f"https://{ADDRESS}", "modena", "Modena"))


def blank(office: Office, network: Network, name: str) -> Router:
    """A router without a profile whose first line has an address, as DHCP would give it."""
    folder = office.pbx.folder / name
    folder.mkdir()
    network.run("ip", "address", "replace", "100.64.1.2/24", "dev", "wan1")
    network.run("ip", "link", "set", "wan1", "up")
    network.run("ip", "route", "replace", "default", "via", "100.64.1.1")
    return Router(network, folder)


def take_place(office: Office, router: Router, code: str) -> None:
    """What happens from the typing of a code until the tunnel is up and a report has come."""
    said = router_console.become(router.network, router.folder, PUBLIC, code)
    assert "Done: this router is in charge now." in said
    told = (router.folder / router_console.TOLD).read_text()
    assert "systemctl restart failover-router.service failover-router-reporter.service" in told
    start(router)
    until(lambda: answers(office.ground.phone, ADDRESS), 30, "the telephone reaches the appliance")


def start(router: Router) -> None:
    router.start("--no-services")
    router.start_reporter()


@pytest.fixture(scope="module")
def code(office: Office) -> str:
    """The code by which the branch's router takes its place."""
    return office.pages.code()


@pytest.fixture(scope="module")
def first(office: Office, code: str, figures: Figures) -> Iterator[Router]:
    """The branch's router, which has taken its place by a code."""
    router = blank(office, office.ground.router, "first")
    began = time.monotonic()
    take_place(office, router, code)
    until(lambda: office.pages.row()[1] == "Wan1", 60, "its report is on the page")
    figures.add("enrolment", "code to report on the page", time.monotonic() - began, "s", 60)
    yield router
    router.stop()


def test_a_code_at_the_console_makes_a_router_whose_line_and_quality_are_on_the_page(office, first):
    assert connected(office.pbx) == {"branch-1"}
    good = ("Tutte le linee buone", "Wan1")
    until(lambda: office.pages.row() == good, 60, "both lines are good")
    text = office.pages.text()
    assert "Wan1" in text
    assert re.search(r"RITARDO\s*[0-9]+,[0-9] ms", text, re.IGNORECASE)
    assert re.search(r"PERDITE\s*[0-9]+,[0-9] %", text, re.IGNORECASE)


def test_a_code_is_good_once(office, first, code):
    assert_refused(office, code, "used")


def test_a_code_that_was_mistyped_is_refused_and_writes_nothing(office, first):
    code = office.pages.code()
    assert_refused(office, ("0" if code[0] != "0" else "1") + code[1:], "wrong")


def assert_refused(office, code, name):
    folder = office.pbx.folder / name
    with new_network("other") as network:
        cable(office.ground.internet, "desk", "192.0.2.1/24", network, "wan1", "192.0.2.2/24")
        network.run("ip", "route", "add", "default", "via", "192.0.2.1")
        office.pbx.network.run("ip", "route", "replace", "192.0.2.0/24", "via", "203.0.113.254")
        said = router_console.become(network, folder, PUBLIC, code)
        assert "Done" not in said
        assert not (folder / "profile.json").exists()


def test_a_line_that_fails_is_on_the_page_with_its_cause(office, first):
    office.ground.providers[0].silence()
    try:
        until(lambda: office.pages.row()[1] == "Wan2", 40, "the page shows the other line")
        assert re.search(r"Wan1 → Wan2", office.pages.text())
    finally:
        office.ground.providers[0].heal()


def test_a_cold_spare_takes_over_with_one_code_and_the_old_router_is_refused_and_reported(
    office, first, figures
):
    began = time.monotonic()
    first.stop()  # broken: somebody takes the cables and puts them into the spare
    with new_network("spare") as network:
        for name in ("wan1", "wan2", "lan0"):
            first.network.run("ip", "link", "set", name, "netns", network.name)
        spare = blank(office, network, "spare")
        try:
            take_place(office, spare, office.pages.code())
            until(lambda: reported(office, 2), 60, "it reports")
            took = time.monotonic() - began
            figure = figures.add("enrolment", "spare in its place", took, "s", SPARE_WITHIN_S)
            assert figure.value <= figure.limit
            assert connected(office.pbx) == {"branch-1"}
            old_router_is_refused(office, first)
        finally:
            spare.stop()


def reported(office: Office, generation: int) -> bool:
    """Whether the router with this number stands in its place on the page."""
    return re.search(rf"{generation}\s.*al suo posto dal", office.pages.text()) is not None


def old_router_is_refused(office: Office, old: Router) -> None:
    """The broken router runs again, at another provider with the same addresses."""
    layout = office.pbx.machine.layout
    with new_network("elsewhere") as elsewhere:
        elsewhere.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        cable(elsewhere, "wide", "198.51.9.2/30", office.ground.internet, "isp9", "198.51.9.1/30")
        elsewhere.run("ip", "route", "add", "default", "via", "198.51.9.1")
        cable(elsewhere, "lan", "100.64.1.1/24", old.network, "wan1", "")
        nat = "add table ip n; add chain ip n p { type nat hook postrouting priority 100; }"
        elsewhere.run("nft", f'{nat}; add rule ip n p oifname "wide" masquerade')
        log = next(layout.run_of("tunnels").glob("*0.log"))
        before = log.read_text().count("certificate revoked")
        for port in ("lan0", "wan2"):
            far = ["type", "veth", "peer", "name", f"{port}-far"]
            old.network.run("ip", "link", "add", port, *far)
        start(old)
        try:
            refused = lambda: log.read_text().count("certificate revoked") > before  # noqa: E731
            until(refused, 60, "the old router's certificate is refused")
            state = office.pbx.state
            alarms = lambda: [r.name for r in branch_watch.twice(layout, state) or ()]  # noqa: E731
            until(lambda: alarms() == ["router-twice"], 20, "the old router is an alarm")
            assert connected(office.pbx) == {"branch-1"}
            assert answers(office.ground.phone, ADDRESS)
        finally:
            old.stop()
