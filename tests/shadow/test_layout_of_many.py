"""What Asterisk holds for a company of two thousand does not grow where it need not.

Hints and lines of dialplan for every extension make a reload take seconds instead of a
millisecond, and a mailbox named at the endpoint makes each registration six times as dear.
"""

import re

import pytest

from appliance.asterisk.reloads import CATALOGUE
from tests.support.companies import company, numbers, secret_of, with_new_password
from tests.support.fleet import Fleet

FEW, MANY = 10, 2000


@pytest.fixture(scope="module")
def many(pbx):
    """The system with two thousand extensions, and what it held with ten."""
    pbx.apply(company(FEW))
    held = sizes(pbx)
    pbx.apply(company(MANY))
    return pbx, held


def sizes(pbx):
    """How much of each kind Asterisk holds, as its console counts."""
    hints = re.search(r"- (\d+) hints registered", pbx.console.ask("core show hints"))
    lines = re.search(r"-= (\d+) extensions \((\d+) priorities\)", pbx.console.ask("dialplan show"))
    return {"hints": int(hints[1]), "extensions": int(lines[1]), "priorities": int(lines[2])}


def test_hints_and_dialplan_are_the_same_for_ten_and_two_thousand(many):
    pbx, held_with_few = many
    assert sizes(pbx) == held_with_few


def test_a_layout_with_a_hint_for_each_extension_would_be_seen(many):
    pbx, _held = many
    before = sizes(pbx)["hints"]
    for number in numbers(MANY)[:3]:
        pbx.console.ask(f"dialplan add extension {number},hint,PJSIP/{number}-1 into naive")
    assert sizes(pbx)["hints"] == before + 3
    pbx.console.ask("dialplan remove context naive")


def test_mailboxes_belong_to_addresses_and_not_to_endpoints(many):
    pbx, _held = many
    number = numbers(MANY)[-1]
    assert mailboxes(pbx, "endpoint", f"{number}-1") == ""
    assert mailboxes(pbx, "aor", f"{number}-1").startswith(number)


def mailboxes(pbx, kind, name):
    """The value of `mailboxes` that an object has in the running Asterisk."""
    answer = pbx.console.ask(f"pjsip show {kind} {name}")
    return re.search(r"^ mailboxes +: *(.*?) *$", answer, re.M)[1]


def test_another_password_among_two_thousand_reloads_objects_alone(many):
    pbx, _held = many
    changed = with_new_password(pbx.state, numbers(MANY)[MANY // 2])
    plan = pbx.engine.plan(changed, pbx.engine.store.current())
    assert plan.reloads == (CATALOGUE["pjsip_objects"],)


def test_two_thousand_telephones_are_let_in(many):
    pbx, _held = many
    passwords = {f"{number}-1": secret_of(number).reveal() for number in numbers(MANY)}
    inside = pbx.network.entered()
    with Fleet(("10.99.2.1", 5062), (pbx.address, 5060), passwords, inside=inside) as fleet:
        fleet.register()
    assert f"Objects found: {MANY}" in pbx.console.ask("pjsip show contacts")
