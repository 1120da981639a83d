"""A branch with a call that is up, for each way to carry it."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from appliance.state.system_state import SystemState
from appliance.system import vpn
from tests.calls.company import company, secret
from tests.support import branch_lab
from tests.support.branch_lab import PHONE, Lab, Provider
from tests.support.counted_call import CountedCall, Heard, counted_call
from tests.support.figures import Figures
from tests.support.pbx import Pbx, running_pbx
from tests.support.sip_agent import SipAgent

CLEAN_S = 4
"""The clean time of these branches. A minute, as branches have it, is waited for on lines
without a network (`tests/unit/router/test_policy.py`)."""

POLICY = vpn.LinePolicy(clean_s=CLEAN_S, longest_hold_s=CLEAN_S)
RENEGOTIATE_S = 20
"""New keys this often: what a renegotiation does to a moved tunnel shows in a minute."""


@dataclass
class Talk:
    """A branch in a call: what is done to its lines, and what was heard meanwhile."""

    lab: Lab
    call: CountedCall
    figures: Figures
    part: str

    @property
    def providers(self) -> list[Provider]:
        return self.lab.providers

    def settled(self) -> None:
        """Wait until the first line carries the call again and every line is trusted."""

        def calm() -> bool:
            status = self.lab.router.status
            good = all(line["state"] == "good" for line in status["lines"])
            return good and self.lab.router.voice_is_on("wan1")

        branch_lab.until(calm, 60, "the lines are all well and the call is on the first one")

    def while_(self, what: str, trouble: Callable[[], None], seconds: float = 3.0) -> Heard:
        """Make trouble, listen for so long, and tell the figures."""
        wall, began = time.time(), self.call.now()
        trouble()
        time.sleep(seconds)
        heard = self.call.heard(began)
        moves = self.lab.router.voice_moves(wall - 0.1)
        self.figures.add(self.part, f"{what}: longest silence", heard.gap_ms, "ms")
        self.figures.add(self.part, f"{what}: packets lost of {heard.sent}", heard.lost, "")
        self.figures.add(self.part, f"{what}: packets twice", heard.twice, "")
        self.figures.add(self.part, f"{what}: changes of line", len(moves), "")
        return heard

    def story(self) -> list[tuple[str, str]]:
        """What everybody has seen, for the report of a failure: by their titles."""
        told = [("Asterisk", self.lab.pbx.log[-4000:]), ("router", self.lab.router.log[-4000:])]
        for name, agent in (("branch", self.call.caller), ("desk", self.call.callee)):
            agent.read_all()
            told.append(
                (f"telephone of the {name}", "\n".join(m.text for m in agent.received[-5:]))
            )
        return told

    def moves(self, since: float) -> list[tuple[str, str, str]]:
        return self.lab.router.voice_moves(since)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Function, call: pytest.CallInfo[None]) -> Iterator[None]:
    """What fails in a call is told with what everybody has seen."""
    report = yield
    talk = getattr(item, "funcargs", {}).get("talk")
    if report.failed and isinstance(talk, Talk):
        report.sections += talk.story()
    return report


def branch_company(
    mode: str = "floating", count: int = 2, others: tuple[vpn.Branch, ...] = (), **fields: object
) -> SystemState:
    """A company with one telephone at the branch, 201, and one at the desk, 202; `others` are
    branches whose routers are not there."""
    state = branch_lab.vpn_state(mode, count, policy=POLICY, **fields)
    state = dataclasses.replace(state, branches=(*state.branches, *others))
    return branch_lab.with_branch(company("201", "202"), state)


@contextmanager
def telephones(lab: Lab) -> Iterator[tuple[SipAgent, SipAgent]]:
    """201 at the branch and 202 at the desk, registered."""
    server = (lab.pbx.address, 5060)
    inside = lab.phone.entered(), lab.pbx.network.entered()
    with (
        SipAgent((PHONE, 5062), server, "201-1", secret("201"), inside=inside[0]) as phone,
        SipAgent(("10.99.1.1", 5070), server, "202-1", secret("202"), inside=inside[1]) as desk,
    ):
        assert phone.register().status == 200
        assert desk.register().status == 200
        yield phone, desk


@contextmanager
def talking(pbx: Pbx, figures: Figures, mode: str, count: int = 2) -> Iterator[Talk]:
    """A call between the branch and the desk, over a branch of this mode."""
    options = ("--no-services", "--renegotiate-s", str(RENEGOTIATE_S))
    with (
        branch_lab.branch_lab(pbx, branch_company(mode, count), *options, count=count) as lab,
        telephones(lab) as (phone, desk),
        counted_call(phone, desk, "202", (lab.phone.entered(), pbx.network.entered())) as call,
    ):
        yield Talk(lab, call, figures, mode)


@pytest.fixture(scope="module")
def branch_pbx() -> Iterator[Pbx]:
    """A telephone system of this module's own: branches change its network."""
    with running_pbx() as pbx:
        yield pbx
