"""When telephones register: spread, as their own files tell them, and not all in one second.

The files are read by the independent readers; the clock is counted and not waited for. With one
interval for all, 500 telephones that lost their connections in one moment come back in one second.
"""

import math
import random
import statistics
from collections import Counter

import pytest

from appliance.services.devices import REGISTRATION_S, RETRY_S
from provisioning import catalogue, phones, render
from tests.support.phone_estate import FACTS, company, device, mac_of
from tests.support.vendors.readers import READERS

BRANCHES, EACH = 50, 10
MODELS = ("yealink-t54w", "snom-d785", "snom-d865", "cisco-8851")
OUTAGES_S = range(60, 3600, 7)
TENTH = BRANCHES * EACH / 10


def accounts():
    """(expiry, retry) of every telephone of fifty branches, as it reads them in its file."""
    made = [device(MODELS[n % len(MODELS)], n + 1) for n in range(BRANCHES * EACH)]
    state = company()
    estate, door = phones.Estate(state), phones.door(state, FACTS)
    for each in made:
        wanted = phones.phone_of(estate, each, door)
        read = READERS[wanted.model.vendor](render.configuration(wanted).content, wanted.mac)
        yield read.accounts[0].expires_s, read.accounts[0].retry_s


@pytest.fixture(scope="module")
def told():
    return list(accounts())


def busiest(told, outage_s: int, noticed) -> tuple[int, float]:
    """(most registrations in one second, seconds until the last) once the system is back after
    an outage; each telephone asks from the moment that it `noticed`, in its own rhythm."""
    came = []
    for (_expires, retry), start in zip(told, noticed, strict=True):
        waits = math.ceil((outage_s - start) / retry)
        came.append(start + max(waits, 0) * retry)
    return max(Counter(map(int, came)).values()), max(came) - outage_s


@pytest.mark.row("B3")
def test_telephones_of_fifty_branches_come_back_spread_after_a_power_cut(told, figures):
    """Over UDP a telephone notices when its registration is due, at some time within it."""
    chance = random.Random(50)
    due = [chance.uniform(0, expires) for expires, _retry in told]
    peaks = [busiest(told, outage, due)[0] for outage in OUTAGES_S]
    figures.add("spread", "UDP: most of 500 in a second, any outage", max(peaks), "", TENTH)
    assert max(peaks) <= TENTH


@pytest.mark.row("B3")
def test_telephones_that_all_lost_their_connections_at_once_come_back_spread_too(told, figures):
    """Over TCP and TLS: the worst case, with nothing but their own rhythm to part them."""
    found = [busiest(told, outage, [0] * len(told)) for outage in OUTAGES_S]
    peaks, last = [peak for peak, _last in found], [late for _peak, late in found]
    usual = statistics.median(peaks)
    figures.add("spread", "TLS: most of 500 in a second, usual outage", usual, "", 2 * TENTH)
    figures.add("spread", "TLS: the same, worst of all outages", max(peaks), "", 3 * TENTH)
    figures.add("spread", "the last telephone is back after", max(last), "s", RETRY_S[1])
    assert usual <= 2 * TENTH
    assert max(peaks) <= 3 * TENTH
    assert max(last) <= RETRY_S[1]


@pytest.mark.row("B3")
def test_telephones_that_came_in_one_second_part_at_their_next_registration(told):
    """Such as those of a building whose power came back."""
    came = Counter(expires for expires, _retry in told)
    assert max(came.values()) <= TENTH / 2
    assert len(came) >= (REGISTRATION_S[1] - REGISTRATION_S[0]) * 3 / 4


def test_every_time_is_within_its_limits(told):
    for expires, retry in told:
        assert REGISTRATION_S[0] <= expires <= REGISTRATION_S[1]
        assert RETRY_S[0] <= retry <= RETRY_S[1]


@pytest.mark.row("K4")
@pytest.mark.parametrize("model", MODELS)
def test_a_telephone_keeps_its_times_whatever_else_changes(model):
    """A new file makes telephones start anew: no time may be drawn twice."""
    assert model in catalogue.models()
    one, other = device(model, 7), device(model, 7, transport="tls", label="moved")
    state = company(one)
    first = phones.phone_of(phones.Estate(state), one, phones.door(state, FACTS))
    state = company(other)
    again = phones.phone_of(phones.Estate(state), other, phones.door(state, FACTS))
    assert one.mac == mac_of(7)
    assert (first.expires_s, first.retry_s) == (again.expires_s, again.retry_s)
