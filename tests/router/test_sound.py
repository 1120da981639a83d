"""How a branch's calls sound: measured by the appliance from the sound itself, over the tunnel."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace

import pytest

from appliance.asterisk import call_sound
from appliance.state.system_state import SystemState
from ari_apps.live.listening import WRITTEN_S
from tests.router.conftest import branch_company, telephones
from tests.support import branch_lab
from tests.support.branch_lab import Lab
from tests.support.counted_call import counted_call
from tests.support.live_hub import HubProcess, running_hub, until
from tests.support.pbx import Pbx

pytestmark = [pytest.mark.row("S5"), pytest.mark.timeout(180)]

CALL_S = 12
"""RTCP tells of loss every five seconds."""

LOST_PERCENT = 15


@pytest.fixture(scope="module")
def lab(branch_pbx: Pbx) -> Iterator[Lab]:
    with branch_lab.branch_lab(branch_pbx, at_modena(branch_company()), "--no-services") as lab:
        yield lab


@pytest.fixture(scope="module")
def hub(lab: Lab) -> Iterator[HubProcess]:
    with running_hub(lab.pbx) as hub:
        yield hub


def at_modena(state: SystemState) -> SystemState:
    """The same with the telephone of 201 in the branch, as the portal's page of it says."""
    there = [
        replace(each, site="modena") if each.id == "phone-201-1" else each
        for each in state["devices"].devices
    ]
    return state.replaced(devices=replace(state["devices"], devices=tuple(there)))


def scored(hub: HubProcess) -> tuple[int, int]:
    """(legs, sum of their scores) of the branch over its day."""
    found = call_sound.read(hub.layout.state_of("live") / call_sound.FILE)
    spans = [span for day in found.days if day.site == "modena" for span in day.spans]
    return sum(span.legs for span in spans), sum(span.mos for span in spans)


@contextmanager
def losing(lab: Lab, percent: int) -> Iterator[None]:
    """Both lines of the branch lose packets until the block ends."""
    for provider in lab.providers:
        provider.lose(percent)
    try:
        yield
    finally:
        for provider in lab.providers:
            provider.heal()


def score_of_a_call(lab: Lab, hub: HubProcess, lost_percent: int = 0) -> float:
    """The score of what the appliance has heard of the branch's telephone in one call.

    Lines lose only while both talk: setting a call up sends nothing again here.
    """
    before = scored(hub)
    with (
        telephones(lab) as (phone, desk),
        counted_call(phone, desk, "202", (lab.phone.entered(), lab.pbx.network.entered())) as call,
    ):
        with losing(lab, lost_percent) if lost_percent else nullcontext():
            time.sleep(CALL_S)  # what is measured is a span of time
        assert call.hang_up() == 200
    until(WRITTEN_S + 8, lambda: scored(hub)[0] == before[0] + 1, hub.log)
    return (scored(hub)[1] - before[1]) / 100


def test_loss_on_a_branchs_lines_lowers_the_score_of_its_calls(lab, hub, figures):
    good = score_of_a_call(lab, hub)
    bad = score_of_a_call(lab, hub, LOST_PERCENT)
    figures.add("tunnel", "MOS of a call", good, "")
    figures.add("tunnel", f"MOS with {LOST_PERCENT} % lost on both lines", bad, "")
    assert good > 4.3
    assert 1.5 < bad < 3.9
