"""Who is given what: the two stages, their secrets, and what an outsider can learn."""

import dataclasses
import logging
import re
from pathlib import Path

import pytest

from appliance.services.provisioning import SitePhones
from appliance.services.provisioning import State as Provisioning
from appliance.state.fields import Secret
from provisioning import render
from provisioning.server import book
from provisioning.server.desk import REFUSAL, Asked, Desk, NotOpened
from provisioning.server.ledger import Ledger
from provisioning.server.misses import ALLOWED, Misses
from tests.support import phone_estate
from tests.support.phone_estate import device, mac_of

TOKENS = ("A" * 24, "B" * 24)
PHONES = (
    device("yealink-t54w", 1, token=Secret(TOKENS[0])),
    device("snom-d785", 2, token=Secret(TOKENS[1]), lines=()),
)
FILE = f"/provisioning/p/{TOKENS[0]}/{mac_of(1)}.cfg"
AUTHORITY = b"-----BEGIN CERTIFICATE-----\n"


class Clock:
    def __init__(self):
        self.now = 1_800_000_000.0

    def __call__(self):
        return self.now


def take(desk, *devices, networks=()):
    state = phone_estate.company(*devices).replaced(
        provisioning=Provisioning((SitePhones("main", Secret(phone_estate.WEB), networks),))
    )
    new = book.of_state(desk.book.revision + 1, state, phone_estate.FACTS, desk.book)
    for entry in new.unrendered():
        entry.render()
    desk.take(new)


@pytest.fixture
def desk(tmp_path):
    ledger = Ledger(tmp_path / "ledger")
    made = Desk(ledger, AUTHORITY, Clock())
    take(made, *PHONES)
    yield made
    ledger.close()


def ask(desk, path, **values):
    return desk.answer(Asked(path, **{"source": "198.51.100.7", "encrypted": True, **values}))


def open_first(desk, phone="phone-1", seconds=600):
    code, _opened = desk.open(phone, seconds)
    return f"/provisioning/e/{code}/{mac_of(int(phone[-1]))}.cfg"


@pytest.mark.row("K4")
def test_a_phone_with_its_token_gets_its_own_file(desk):
    answer = ask(desk, FILE)
    expected = render.configuration(desk.book.by_id["phone-1"].phone)
    assert (answer.status, answer.content) == (200, expected.content)
    assert answer.content_type == "text/plain; charset=utf-8"
    assert answer.etag == f'"{expected.sha256[:32]}"'
    assert answer.last_modified.endswith("GMT")


def test_names_of_files_are_matched_whatever_their_case(desk):
    assert ask(desk, FILE.replace(mac_of(1), mac_of(1).upper())).status == 200
    assert ask(desk, f"/provisioning/p/{TOKENS[1]}/{mac_of(2).upper()}.xml").status == 200
    assert ask(desk, f"/provisioning/p/{TOKENS[1]}/snomD785-{mac_of(2).upper()}.htm").status == 200


REFUSED = (
    f"/provisioning/p/{'C' * 24}/{mac_of(1)}.cfg",
    f"/provisioning/p/{TOKENS[1]}/{mac_of(1)}.cfg",
    f"/provisioning/p/{TOKENS[0]}/{mac_of(9)}.cfg",
    f"/provisioning/p/{TOKENS[0]}/{mac_of(1)}.xml",
    f"/provisioning/p/{TOKENS[0]}/{mac_of(1)}.boot",
    f"/provisioning/p/{TOKENS[0]}/y000000000096.cfg",
    f"/provisioning/p/{TOKENS[0]}/",
    f"/provisioning/p/{TOKENS[0]}",
    f"/provisioning/p/{TOKENS[0].lower()}/{mac_of(1)}.cfg",
    f"/provisioning/e/{mac_of(1)}.cfg",
    f"/provisioning/e/{'C' * 24}/{mac_of(1)}.cfg",
    f"/provisioning/e/{'C' * 24}/{mac_of(9)}.cfg",
    f"{FILE}%00",
    f"{FILE}%0a",
    f"{FILE}?x=1",
    f"{FILE}/",
    f"{FILE}\0",
    f"{FILE}\n",
    FILE.replace("/p/", "/p/../p/"),
    FILE.replace("/p/", "/p//"),
    FILE.replace("provisioning", "PROVISIONING"),
    "/provisioning/p/../../../etc/passwd",
    "/provisioning/authority.crt/",
    "/provisioning/",
    "/",
    "",
    "/provisioning/p/" + "A" * 100_000 + "/x.cfg",
    "/provisioning/p/" + "A" * 24 + "/" + "0" * 100_000,
)


@pytest.mark.parametrize("path", REFUSED, ids=lambda path: path[:60])
def test_every_refusal_is_the_same(desk, path):
    assert ask(desk, path) == REFUSAL
    assert desk.unsaved.keys() == {"phone-1", "phone-2"}  # what the revision itself noted
    assert not any(record.asked_at for record in desk.records.values())


def test_a_token_that_came_unencrypted_opens_nothing(desk):
    assert ask(desk, FILE, encrypted=False) == REFUSAL


def test_the_authority_is_for_everybody(desk):
    answer = ask(desk, "/provisioning/authority.crt", encrypted=False)
    assert (answer.status, answer.content) == (200, AUTHORITY)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"if_none_match": "ETAG"}, 304),
        ({"if_none_match": 'W/ETAG, "x"'}, 304),
        ({"if_none_match": '"old"'}, 200),
        ({"if_none_match": '"old"', "if_modified_since": "DATE"}, 200),
        ({"if_modified_since": "DATE"}, 304),
        ({"if_modified_since": "Thu, 01 Jan 1970 00:00:00 GMT"}, 200),
        ({"if_modified_since": "nonsense"}, 200),
        ({"if_modified_since": "Thu, 99 Jan 99999 00:00:00 GMT"}, 200),
    ],
)
def test_a_file_is_sent_again_only_when_it_is_another(desk, headers, status):
    first = ask(desk, FILE)
    words = {"ETAG": first.etag, "DATE": first.last_modified}
    for name, word in words.items():
        headers = {key: value.replace(name, word) for key, value in headers.items()}
    again = ask(desk, FILE, **headers)
    assert (again.status, bool(again.content)) == (status, status == 200)
    assert (again.etag, again.last_modified) == (first.etag, first.last_modified)


def test_date_and_hash_stay_over_a_restart_and_change_with_the_file(desk):
    first = ask(desk, FILE)
    desk.save()
    again = Desk(desk.ledger, AUTHORITY, Clock())
    again.clock.now += 1000
    take(again, *PHONES)
    assert ask(again, FILE) == first
    take(again, dataclasses.replace(PHONES[0], keys=phone_estate.KEYS), PHONES[1])
    changed = ask(again, FILE)
    assert changed.etag != first.etag
    assert changed.last_modified != first.last_modified


@pytest.mark.row("K4")
def test_the_first_stage_opens_once_and_tells_where_to_go(desk):
    path = open_first(desk)
    answer = ask(desk, path, encrypted=False)
    assert answer.content == render.introduction(desk.book.by_id["phone-1"].phone).content
    assert ask(desk, path, encrypted=False) == REFUSAL


def test_looking_without_taking_does_not_spend_the_first_stage(desk):
    path = open_first(desk)
    assert ask(desk, path, head=True).status == 200
    assert ask(desk, path).status == 200


def test_the_first_stage_ends_with_its_time(desk):
    path = open_first(desk, seconds=600)
    desk.clock.now += 601
    assert ask(desk, path) == REFUSAL


def test_a_clock_that_was_set_back_does_not_keep_the_first_stage_open(desk):
    path = open_first(desk)
    desk.clock.now -= 3600
    assert ask(desk, path) == REFUSAL


def test_nobody_can_open_the_first_stage_for_longer_than_an_hour(desk):
    path = open_first(desk, seconds=10**9)
    desk.clock.now += 3601
    assert ask(desk, path) == REFUSAL


def test_the_first_good_fetch_ends_the_first_stage(desk):
    path = open_first(desk)
    assert ask(desk, FILE).status == 200
    assert ask(desk, path) == REFUSAL


def test_a_spent_first_stage_stays_spent_over_a_restart(desk):
    path = open_first(desk)
    ask(desk, path)
    again = Desk(desk.ledger, AUTHORITY, desk.clock)
    take(again, *PHONES)
    assert ask(again, path) == REFUSAL


def test_an_open_first_stage_stays_open_over_a_restart(desk):
    path = open_first(desk)
    again = Desk(desk.ledger, AUTHORITY, desk.clock)
    take(again, *PHONES)
    assert ask(again, path).status == 200


def test_the_code_of_one_phone_opens_nothing_for_another(desk):
    open_first(desk, "phone-2")
    path = open_first(desk, "phone-1").replace(mac_of(1), mac_of(2)).replace(".cfg", ".xml")
    assert ask(desk, path) == REFUSAL


def test_a_phone_that_has_used_its_token_needs_a_new_one_before_it_is_enrolled_again(desk):
    ask(desk, FILE)
    with pytest.raises(NotOpened, match="new secrets"):
        desk.open("phone-1", 600)
    take(desk, dataclasses.replace(PHONES[0], token=Secret("N" * 24)), PHONES[1])
    assert ask(desk, FILE) == REFUSAL
    assert ask(desk, open_first(desk)).status == 200


def test_a_code_does_not_outlive_the_token_it_leads_to(desk):
    path = open_first(desk)
    take(desk, dataclasses.replace(PHONES[0], token=Secret("N" * 24)), PHONES[1])
    assert ask(desk, path) == REFUSAL


def test_a_revoked_token_opens_nothing_at_once_and_after_a_restart(desk):
    assert ask(desk, FILE).status == 200
    desk.revoke("phone-1")
    assert ask(desk, FILE) == REFUSAL
    again = Desk(desk.ledger, AUTHORITY, desk.clock)
    take(again, *PHONES)
    assert ask(again, FILE) == REFUSAL
    assert ask(again, f"/provisioning/p/{TOKENS[1]}/{mac_of(2)}.xml").status == 200


def test_without_a_code_the_first_stage_is_for_the_phones_network_alone(desk):
    path = f"/provisioning/e/{mac_of(1)}.cfg"
    open_first(desk)
    assert ask(desk, path, source="10.20.1.5") == REFUSAL
    take(desk, *PHONES, networks=("10.20.1.0/24",))
    assert ask(desk, path, source="10.20.2.5") == REFUSAL
    assert ask(desk, path, source="nonsense") == REFUSAL
    assert ask(desk, path, source="10.20.1.5").status == 200
    assert ask(desk, path, source="10.20.1.5") == REFUSAL


def test_without_an_open_window_nothing_is_for_the_phones_network(desk):
    take(desk, *PHONES, networks=("10.20.1.0/24",))
    assert ask(desk, f"/provisioning/e/{mac_of(1)}.cfg", source="10.20.1.5") == REFUSAL


def test_misses_are_logged_for_fail2ban_without_any_secret(desk, caplog):
    with caplog.at_level(logging.WARNING, "provisioning"):
        for path in REFUSED:
            ask(desk, path, source="203.0.113.9")
    lines = [record.getMessage() for record in caplog.records]
    assert lines
    for line in lines:
        assert re.fullmatch(r"203\.0\.113\.9 refused \([a-z-]+\)", line)


def test_files_that_nobody_has_are_no_misses(desk, caplog):
    for name in (f"{mac_of(1)}.boot", "y000000000000.boot", "y000000000096.cfg"):
        assert ask(desk, f"/provisioning/p/{TOKENS[0]}/{name}") == REFUSAL
    assert not caplog.records


def test_phones_with_secrets_that_were_good_once_do_not_get_their_branch_banned(desk, caplog):
    spent = open_first(desk)
    ask(desk, spent)
    ask(desk, FILE)
    desk.revoke("phone-1")
    ask(desk, FILE)
    take(desk, dataclasses.replace(PHONES[0], token=Secret("N" * 24)), PHONES[1])
    for path in (spent, FILE, spent.replace(f"{mac_of(1)}.cfg", "y000000000000.boot")):
        for _ in range(30):
            assert ask(desk, path) == REFUSAL
    again = Desk(desk.ledger, AUTHORITY, desk.clock)
    take(again, *PHONES[1:])
    assert ask(again, FILE) == ask(again, spent) == REFUSAL
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert not desk.misses.too_many("198.51.100.7", desk.clock())


def test_a_whole_branch_behind_one_address_can_be_enrolled(desk):
    for _ in range(40):
        path = open_first(desk)
        for name in (f"{mac_of(1)}.boot", "y000000000000.boot", "y000000000096.cfg"):
            assert ask(desk, path.replace(f"{mac_of(1)}.cfg", name)) == REFUSAL
        assert ask(desk, path).status == 200


def test_a_flood_of_guesses_does_not_flood_the_log_and_stops_the_first_stage(desk, caplog):
    path = open_first(desk)
    for _ in range(1000):
        ask(desk, REFUSED[0])
    assert len(caplog.records) == ALLOWED + 1
    assert ask(desk, path) == REFUSAL
    # Phones behind the same address that know their secret go on working.
    assert ask(desk, FILE).status == 200
    desk.clock.now += 601
    assert ask(desk, path) == REFUSAL  # ended by the good fetch


def test_misses_of_many_sources_need_bounded_memory():
    misses = Misses()
    for number in range(20_000):
        misses.note(f"source-{number}", 0.0)
    assert len(misses._counts) == 10_000


@pytest.mark.row("N10")
def test_what_a_phone_did_is_remembered(desk):
    agent = "Yealink SIP-T54W 96.86.0.70 02:00:00:00:00:01"
    ask(desk, FILE, agent=agent + "\x1b[31m\u202e" + "x" * 1000, source="10.20.1.5")
    desk.save()
    record = desk.ledger.records()["phone-1"]
    assert record.agent.startswith(agent)
    assert len(record.agent) <= 200
    assert record.agent.isprintable()
    assert record.served == record.desired == desk.book.by_id["phone-1"].sha256
    assert (record.source, record.stage, record.asked_at) == ("10.20.1.5", "second", 1_800_000_000)


@pytest.mark.row("N10")
def test_a_phone_with_an_old_file_is_seen_as_such(desk):
    ask(desk, FILE)
    take(desk, dataclasses.replace(PHONES[0], keys=phone_estate.KEYS), PHONES[1])
    record = desk.records["phone-1"]
    assert record.served
    assert record.served != record.desired


def test_a_phone_that_is_gone_is_forgotten(desk):
    ask(desk, FILE)
    desk.save()
    take(desk, PHONES[1])
    assert ask(desk, FILE) == REFUSAL
    assert "phone-1" not in desk.ledger.records()


def test_the_database_holds_no_token_and_no_code(desk, tmp_path):
    path = open_first(desk)
    ask(desk, FILE)
    desk.save()
    desk.ledger.close()
    data = b"".join(each.read_bytes() for each in tmp_path.glob("ledger*"))
    assert TOKENS[0].encode() not in data
    assert path.split("/")[3].encode() not in data


def test_unchanged_phones_are_not_written_again(desk):
    before = desk.book.by_id["phone-2"]
    take(desk, dataclasses.replace(PHONES[0], keys=phone_estate.KEYS), PHONES[1])
    assert desk.book.by_id["phone-2"] is before


def test_the_documented_pattern_for_fail2ban_matches_what_is_logged(desk, caplog):
    text = (Path(__file__).parents[3] / "docs/provisioning.md").read_text()
    pattern = re.search(r"failregex = (.*)", text)[1].replace("<HOST>", r"(?P<host>\S+)")
    ask(desk, REFUSED[0], source="2001:db8::9")
    (record,) = caplog.records
    line = logging.Formatter("%(name)s %(levelname)s %(message)s").format(record)
    assert re.match(pattern, line)["host"] == "2001:db8::9"
