"""The engine as a process of its own, asked over its socket."""

import pytest

from appliance.services import registry
from tests.support.daemon import running_daemon
from tests.support.pbx import new_system


@pytest.fixture(scope="module")
def system():
    with new_system() as system:
        system.start_asterisk()
        yield system


def test_the_daemon_applies_a_state_and_tells_its_steps(system):
    with running_daemon(system) as daemon:
        base = daemon.client.status()["current"]
        core = registry.empty_state()["asterisk_core"]
        state = registry.empty_state().replaced(asterisk_core=type(core)(rtp_last_port=10999))
        steps = []
        job = daemon.client.apply(state, base, "test", "fewer ports")
        assert daemon.client.wait(job, 30, steps.append) == base + 1
        assert steps == ["rendering", "proving", "switching", "reloading", "verifying"]
        assert daemon.client.history()[0]["reason"] == "fewer ports"
