"""Branches in the portal: codes, routers, reports, drills, files, and who may do what."""

import copy
import dataclasses
import datetime
import json
import re

import pytest

from failover_router.door import Refused
from failover_router.report import DrillReport, Switch
from failover_router.spoken_code import read as read_code
from portal.branches import curves, desk
from portal.branches.models import Drill, DrillPlan, LineHour, RouterCode
from portal.core import draft
from portal.core.audit import AuditEntry
from portal.core.db import db, now, transaction
from portal.core.engine import engine
from portal.core.shapes import Place
from portal.preview import add_account
from tests.support import branch_office
from tests.support import branches as made
from tests.support.fake_router import FakeRouter, line, through
from tests.support.portal_accounts import session_of
from tests.unit.portal.conftest import PASSWORD

ENTRY = {"label": "Fibra", "kind": "fibre", "interface": "wan1", "priority": "10"}


@pytest.fixture(autouse=True)
def quick_fingerprint(monkeypatch):
    """The real one takes a second on purpose; `tests/web` has it."""
    monkeypatch.setattr(desk.spoken_code, "fingerprint", lambda _authority: "00000000")


@pytest.fixture
def office(company):
    """The sample company whose site of Parma is a branch with two lines, applied."""
    branch_office.apply(company)
    return company


@pytest.fixture
def manager(office):
    add_account(office, "it@example.com", "Ada Fermi", PASSWORD, "it_manager")
    return session_of(office, "it@example.com")


def code_of(manager):
    """The secret part of a code that the page has just shown."""
    text = manager.send("/branches/parma/code").get_data(as_text=True)
    shown = re.search(r'id="router-code">([^<]+)<', text)[1]
    return read_code(shown).secret


@pytest.fixture
def router(office, manager, tmp_path):
    """A router that has taken its place."""
    return FakeRouter.enrolled(through(office), code_of(manager), tmp_path)


def page(manager, path="/branches/parma"):
    answer = manager.get(path)
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def told(office):
    return {each["name"] for each in office.extensions["engine"].told}


def generations(office):
    with office.app_context():
        return {r.generation: r.ended_at is None for r in desk.routers_of("parma")}


# ── the sound of its calls ────────────────────────────────────────────────────────────


@pytest.mark.row("S5")
def test_the_score_of_calls_over_the_tunnel_stands_beside_the_lines(manager, office):
    assert "Nessuna chiamata di questa sede" in page(manager)
    office.extensions["engine"].silence_pretended()
    text = page(manager)
    assert "Qualità (MOS)" in text
    assert 'class="score-good"' in text
    assert 'class="score-poor"' in text


@pytest.mark.row("S7")
def test_a_telephone_of_a_branch_is_said_to_be_unheard_through_its_tunnel(manager, office):
    office.extensions["engine"].silence_pretended()
    assert "attraverso la VPN della sede" in page(manager, "/alarms/calls")


# ── entering a branch ─────────────────────────────────────────────────────────────────


@pytest.mark.row("I4")
def test_without_a_branch_the_page_says_what_to_do(company):
    add_account(company, "it@example.com", "Ada Fermi", PASSWORD, "it_manager")
    text = page(session_of(company, "it@example.com"), "/branches/")
    assert "/branches/parma/edit" in text
    assert "branch-map" not in text


@pytest.mark.row("B1")
def test_a_site_becomes_a_branch_with_lines_and_a_plan(company):
    add_account(company, "it@example.com", "Ada Fermi", PASSWORD, "it_manager")
    manager = session_of(company, "it@example.com")
    form = {
        "version": "0",
        "mode": "protected",
        "calls": "12",
        "codec": "alaw",
        "borrow_kbits": "0",
        "enabled": "y",
        "lan_network": "10.20.1.0/24",
        "lan_address": "10.20.1.1",
        "lan_dhcp_first": "10.20.1.50",
        "lan_dhcp_last": "10.20.1.99",
        "lan_interface": "lan0",
    }
    speeds = {"up_kbits": "2000", "down_kbits": "20000"}
    second = {**ENTRY, "label": "Radio", "interface": "wan2", "kind": "radio", "up_kbits": "1000"}
    form |= {f"lines-0-{name}": value for name, value in {**ENTRY, **speeds}.items()}
    form |= {f"lines-1-{name}": value for name, value in {**speeds, **second}.items()}
    answer = manager.send("/branches/parma/edit", data=form)
    assert answer.status_code == 302
    text = page(manager)
    assert "108 kbit/s" in text
    assert "1.331" in text  # 12 calls of 108 kbit/s, 2 % for signalling, probes
    assert re.search(r'figure-small"><span>[^<]*</span><strong class="tabular">7<', text)


def test_secrets_of_a_line_stay_when_a_line_before_it_goes(office, manager):
    place = Place("vpn", "branches", "parma")
    with office.app_context():
        row = draft.find(place)
        held, version = draft.instance(row), row.version
    form = {"version": str(version), "mode": "floating", "calls": "5", "codec": "alaw"}
    form |= {"borrow_kbits": "0", "enabled": "y", "lan_network": held.lan.network}
    form |= {"lan_address": held.lan.address, "lan_interface": "lan0"}
    pppoe = {"addressing": "pppoe", "user": "u@isp", "password": "s3cret", "id": "radio"}
    two = {**ENTRY, "label": "Radio", "interface": "wan2", **pppoe}
    first = {f"lines-0-{n}": v for n, v in {**ENTRY, "id": "fibra"}.items()}
    with_both = {**form, **first, **{f"lines-1-{n}": v for n, v in two.items()}}
    assert manager.send("/branches/parma/edit", data=with_both).status_code == 302
    alone = {f"lines-1-{n}": v for n, v in {**two, "password": ""}.items()}
    answer = manager.send(
        "/branches/parma/edit", data={**form, **alone, "version": str(version + 1)}
    )
    assert answer.status_code == 302
    with office.app_context():
        (kept,) = draft.instance(draft.find(place)).lines
    assert kept.id == "radio"
    assert kept.password.reveal() == "s3cret"
    assert "s3cret" not in page(manager, "/branches/parma/edit")


def test_a_second_editor_loses_nothing(office, manager):
    with office.app_context():
        held = draft.instance(draft.find(Place("vpn", "branches", "parma")))
    form = {"version": "999", "mode": "floating", "calls": "33", "codec": "alaw"}
    form |= {"borrow_kbits": "0", "enabled": "y", "lan_network": held.lan.network}
    form |= {"lan_address": held.lan.address, "lan_interface": "lan0"}
    form |= {f"lines-0-{name}": value for name, value in ENTRY.items()}
    answer = manager.send("/branches/parma/edit", data=form)
    assert answer.status_code == 412
    assert 'value="33"' in answer.get_data(as_text=True)


# ── enrolment ─────────────────────────────────────────────────────────────────────────


@pytest.mark.row("I4")
def test_a_router_with_a_code_gets_the_whole_profile(office, router):
    profile = router.profile
    assert (profile.site, profile.identity.name) == ("parma", "branch-7")
    assert [each.name for each in profile.lines] == ["fibra", "radio"]
    assert "BEGIN CERTIFICATE" in profile.vpn.certificate
    assert "tls-crypt-v2 client key" in profile.vpn.tls_crypt_v2
    assert profile.portal == "https://10.99.0.1/branch-router"
    assert {each.vendor for each in profile.lan.phones} == {"yealink", "snom", "cisco"}


@pytest.mark.row("B5")
def test_a_code_works_once_and_is_shown_once(office, manager, tmp_path):
    secret = code_of(manager)
    assert secret not in page(manager)
    FakeRouter.enrolled(through(office), secret, tmp_path)
    with pytest.raises(Refused, match="403 code"):
        FakeRouter.enrolled(through(office), secret, tmp_path)


def test_a_code_dies_with_its_hour(office, manager, tmp_path):
    secret = code_of(manager)
    with office.app_context(), transaction():
        code = db.session.get(RouterCode, "parma")
        code.until = now() - datetime.timedelta(seconds=1)
    with pytest.raises(Refused, match="403 code"):
        FakeRouter.enrolled(through(office), secret, tmp_path)


def test_guessing_is_slowed_for_each_address_and_ends_the_code_for_all(office, manager, tmp_path):
    secret = code_of(manager)

    def guess(address):
        asked = json.dumps({"code": "0000000", "request": "x"}).encode()
        with pytest.raises(Refused) as caught:
            through(office, address)("enrol", asked, {})
        return caught.value.status

    answers = [guess("203.0.113.9") for _ in range(21)]
    assert answers == [403] * 20 + [429]
    for number in range(3):
        for _ in range(10):
            guess(f"203.0.113.{20 + number}")
    with pytest.raises(Refused, match="403 code"):
        FakeRouter.enrolled(through(office), secret, tmp_path)
    assert "router-codes-guessed" in told(office)


def test_a_code_is_in_no_log_of_acts_and_not_in_the_database(office, manager):
    secret = code_of(manager)
    with office.app_context():
        found = db.session.scalars(db.select(AuditEntry))
        entries = [str((each.action, each.subject, each.detail)) for each in found]
        code = db.session.get(RouterCode, "parma")
        assert any("branch.code" in each for each in entries)
        assert secret not in str(entries) + code.digest


@pytest.mark.row("B5")
def test_a_spare_takes_over_and_the_router_before_it_is_refused_aloud(
    office, manager, router, tmp_path
):
    router.report()
    spare = FakeRouter.enrolled(through(office), code_of(manager), tmp_path)
    assert spare.profile.identity.generation == 2
    assert generations(office) == {1: False, 2: True}
    with pytest.raises(Refused, match="403 replaced"):
        router.report()
    assert "router-twice" in told(office)
    spare.report()


@pytest.mark.row("B5")
def test_an_answer_that_is_lost_leaves_the_former_router_in_charge(
    office, manager, router, tmp_path
):
    FakeRouter.enrolled(through(office), code_of(manager), tmp_path, come=False)
    router.report()
    assert generations(office) == {1: True, 2: True}


@pytest.mark.row("B5")
def test_two_live_routers_with_one_identity_are_refused_and_reported(office, manager, router):
    router.report()
    twin = copy.copy(router)
    twin.restart()
    twin.report()
    with pytest.raises(Refused, match="409 duplicate"):
        router.report()
    assert "router-twice" in told(office)
    assert "notice bad" in page(manager)


def test_a_router_that_starts_again_is_no_second_one(office, router):
    for _ in range(5):
        router.report()
        router.restart()
    router.report()
    assert "router-twice" not in told(office)


def test_a_report_with_a_wrong_signature_is_refused(office, router):
    router.profile = dataclasses.replace(router.profile, portal_key="0" * 64)
    with pytest.raises(Refused, match="401 unknown"):
        router.report()


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"code": 1}', b"\xff" * 100, b"0" * 200_000])
def test_nonsense_at_the_door_is_refused_and_breaks_nothing(office, body):
    for verb in ("enrol", "report", "enrolled", "profile"):
        with pytest.raises(Refused) as caught:
            through(office)(verb, body, {})
        assert caught.value.status in (400, 401, 413)


@pytest.mark.row("S5")
def test_a_stolen_router_is_shut_out_by_one_button(office, manager, router):
    assert manager.send("/branches/parma/end", data={"which": "all"}).status_code == 302
    with pytest.raises(Refused, match="403 replaced"):
        router.report()
    assert generations(office) == {1: False}


# ── reports ───────────────────────────────────────────────────────────────────────────


@pytest.mark.row("B1")
def test_what_a_router_measures_is_shown_beside_what_is_planned(office, manager, router):
    router.report(line("fibra", rtt_us=23_400, up_kbits=777), line("radio"))
    text = page(manager)
    assert "23,4 ms" in text
    assert "777" in text
    assert text.count('class="curve"') == 2


def test_a_days_curve_takes_two_kilobytes_an_hour_and_older_ones_go(office, router):
    with office.app_context(), transaction():
        hour = int(now().timestamp()) // 3600
        for age in (1, 30):
            db.session.add(
                LineHour(branch="parma", line="fibra", hour=hour - age, data=curves.EMPTY_HOUR)
            )
    router.report()
    with office.app_context():
        rows = db.session.scalars(db.select(LineHour).filter_by(line="fibra")).all()
    assert [hour - row.hour for row in sorted(rows, key=lambda r: r.hour)] == [1, 0]
    assert all(len(row.data) == 1140 for row in rows)


@pytest.mark.row("B2")
def test_a_bad_line_and_the_reserve_in_use_are_alarms_that_end(office, router):
    router.report(line("fibra", up=False, good=False), line("radio"), active="radio")
    assert told(office) == {"site-on-reserve", "branch-line-bad"}
    router.report()
    assert told(office) == set()


@pytest.mark.row("B3")
def test_a_switch_stands_in_the_history_once_with_its_cause_and_gap(office, manager, router):
    switch = Switch(1, 4000, "fibra", "radio", "lost", 340)
    router.report(active="radio", switches=(switch,))
    router.report(active="radio", switches=(switch,))
    text = page(manager, "/branches/parma/history")
    assert text.count("Fibra → Radio") == 1
    assert "340" in text


def test_a_changed_line_makes_the_router_fetch_its_profile_without_a_code(office, manager, router):
    before = router.report().profile
    with office.app_context():
        state = draft.state()
        branch = made.branch("parma", 7, calls=3)
        state = state.replaced(vpn=made.state(branch))
        engine().wait(engine().apply(state, engine().status()["current"], "test"), 20)
    wanted = router.report().profile
    assert wanted != before
    fetched = router.ask("profile", {})["profile"]
    assert [each["name"] for each in fetched["lines"]] == ["wan1", "wan2"]
    assert fetched["vpn"]["certificate"] == router.profile.vpn.certificate
    assert "kept by the router" in fetched["vpn"]["key"]


# ── drills ────────────────────────────────────────────────────────────────────────────


def news(command, state, **fields):
    plain = {
        **{"id": command.id, "line": command.line, "state": state},
        "why": "",
        "began_ago_ms": 61_000,
        "lasted_ms": 60_100,
        "outage_ms": 340,
        "back_ms": 61_000,
        "sent": 600,
        "lost": 4,
        "calls": 2,
    }
    return DrillReport(**{**plain, **fields})


@pytest.mark.row("N11")
def test_a_drill_goes_out_with_the_answer_and_comes_back_as_a_record(office, manager, router):
    router.report()
    assert manager.send("/branches/parma/drill", data={"line": "fibra"}).status_code == 302
    answer = router.report()
    assert (answer.command.kind, answer.command.line, answer.command.seconds) == (
        *("drill", "fibra"),
        60,
    )
    assert answer.every_s == 2
    router.report(active="radio", drill=news(answer.command, "running"))
    router.report(drill=news(answer.command, "done"))
    text = page(manager)
    pdf = manager.get(re.search(r'href="(/branches/parma/drills/[^"]+)"', text)[1])
    assert pdf.mimetype == "application/pdf"
    assert pdf.data.startswith(b"%PDF-1.")
    assert pdf.data.rstrip().endswith(b"%%EOF")
    assert "drill-failed" not in told(office)


@pytest.mark.row("N11")
def test_a_drill_in_which_calls_fell_silent_does_not_pass(office, manager, router):
    manager.send("/branches/parma/drill", data={"line": "fibra"})
    command = router.report().command
    router.report(drill=news(command, "done", outage_ms=4200))
    assert "drill-failed" in told(office)
    assert "4200 ms" in page(manager)


@pytest.mark.row("N11")
def test_an_emergency_call_ends_a_drill(office, manager, router):
    manager.send("/branches/parma/drill", data={"line": "fibra"})
    command = router.report().command
    office.extensions["engine"].emergencies = ["parma"]
    assert router.report(drill=news(command, "running")).emergency
    router.report(drill=news(command, "aborted", why="emergency"))
    with office.app_context():
        assert db.session.scalar(db.select(Drill)).why == "emergency"


@pytest.mark.row("N11")
def test_no_drill_begins_while_an_emergency_number_is_called(office, manager, router):
    office.extensions["engine"].emergencies = ["parma"]
    manager.send("/branches/parma/drill", data={"line": "fibra"})
    answer = router.report()
    assert answer.command is None
    assert answer.emergency


@pytest.mark.row("N11")
def test_a_drill_that_nobody_took_in_time_is_given_up(office, manager, router):
    manager.send("/branches/parma/drill", data={"line": "fibra"})
    with office.app_context(), transaction():
        db.session.scalar(db.select(Drill)).not_after = now() - datetime.timedelta(seconds=1)
    assert router.report().command is None
    with office.app_context():
        assert db.session.scalar(db.select(Drill)).state == "missed"


@pytest.mark.row("N11")
def test_somebody_can_end_a_drill(office, manager, router):
    manager.send("/branches/parma/drill", data={"line": "fibra"})
    command = router.report().command
    router.report(drill=news(command, "running"))
    manager.send("/branches/parma/drill/stop")
    assert router.report(drill=news(command, "running")).command.kind == "abort"


@pytest.mark.row("N11")
def test_a_planned_drill_begins_at_its_hour_and_is_planned_again(office, manager, router):
    form = {"every": "4", "line": "radio", "weekday": "6", "hour": "3"}
    assert manager.send("/branches/parma/plan", data=form).status_code == 302
    with office.app_context(), transaction():
        plan = db.session.get(DrillPlan, "parma")
        assert plan.next_at.astimezone(datetime.UTC) > now()
        plan.next_at = now() - datetime.timedelta(minutes=1)
    assert router.report().command.line == "radio"
    with office.app_context():
        ahead = db.session.get(DrillPlan, "parma").next_at - now()
    assert datetime.timedelta(days=21) <= ahead <= datetime.timedelta(days=29)


@pytest.mark.row("N11")
def test_a_plan_whose_hour_was_slept_through_waits_for_the_next(office, manager, router):
    form = {"every": "1", "line": "radio", "weekday": "6", "hour": "3"}
    manager.send("/branches/parma/plan", data=form)
    with office.app_context(), transaction():
        db.session.get(DrillPlan, "parma").next_at = now() - datetime.timedelta(hours=5)
    assert router.report().command is None


# ── who may what ──────────────────────────────────────────────────────────────────────


def test_who_may_look_may_not_take_secrets(office):
    add_account(office, "op@example.com", "Olga", PASSWORD, "operator")
    operator = session_of(office, "op@example.com")
    assert operator.get("/branches/parma").status_code == 200
    for path in ("code", "file/routeros", "end", "drill"):
        assert operator.send(f"/branches/parma/{path}").status_code == 403
    assert generations(office) == {}


def test_a_branch_of_the_draft_gets_no_router_before_it_is_applied(company):
    with company.app_context(), transaction():
        state = draft.state().replaced(vpn=made.state(made.branch("parma", 7)))
        draft.replace(state, "draft.wizard", "test", author="system")
    add_account(company, "it@example.com", "Ada Fermi", PASSWORD, "it_manager")
    manager = session_of(company, "it@example.com")
    assert manager.send("/branches/parma/code").status_code == 409
    assert manager.get("/branches/parma").status_code == 200
