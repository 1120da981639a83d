"""The image of the branch router: small, read-only, and with one question on its screen."""

from __future__ import annotations

import pytest

from tests.image import builds
from tests.support.virtual_machine import disk_on, started

LARGEST_MB = 250
SECOND_PORT = ("-netdev", "user,id=lan", "-device", "virtio-net-pci,netdev=lan")


@pytest.fixture(scope="module")
def router(built_router, tmp_path_factory, figures):
    """A router fresh from the image, with two ports, and no branch."""
    folder = tmp_path_factory.mktemp("router-machine")
    disk = disk_on(built_router.output("qcow2"), folder)
    with started(folder / "router", disk, builds.bios(), extra=SECOND_PORT) as machine:
        asked = machine.wait("its console", lambda: "belongs to no branch" in machine.serial())
        figures.add("router", "from power-on to the question for the code", asked, "s")
        machine.wait("the agent", machine.agent_answers)
        yield machine


@pytest.mark.row("I4")
@pytest.mark.parametrize("kind", ["qcow2", "raw.zst", "update"])
def test_an_output_of_the_router_is_small(built_router, figures, kind):
    size = built_router.output(kind).stat().st_size / 1e6
    assert figures.add("router", kind, size, "MB", LARGEST_MB).value <= LARGEST_MB


@pytest.mark.row("I4")
def test_a_blank_router_shows_its_ports_and_asks_for_a_code(router):
    assert "C  enter the code of a branch" in router.serial()
    assert "eth0" in router.serial()
    assert "eth1" in router.serial()


def test_its_system_cannot_be_written(router):
    status, _said, errors = router.attempt("touch", "/usr/lib/failover-router/x")
    assert status != 0
    assert "Read-only file system" in errors


def test_nothing_fails_on_a_blank_router(router):
    router.wait("the slot to be kept", lambda: kept(router))
    assert router.run("systemctl", "--failed", "--no-legend", "--plain") == ""


def kept(machine):
    state = machine.run("systemctl", "show", "-P", "ActiveState", "failover-router-slot.service")
    return state.strip() in ("active", "failed")


def test_nothing_but_its_own_answers_is_let_in(router):
    listening = router.run("ss", "-Hltn").splitlines()
    outside = [line for line in listening if "127.0.0." not in line and "[::1]" not in line]
    assert [line for line in outside if ":5355" not in line] == []


def test_a_code_that_cannot_be_one_is_refused_with_words(router):
    script = "from failover_router import console; print(console.become('192.0.2.1', 'AAAA'))"
    said = router.run("env", "PYTHONPATH=/usr/lib/failover-router", "python3", "-c", script)
    assert "code" in said


def test_an_update_for_an_appliance_or_a_stranger_is_refused(router):
    script = "head -c 100000 /dev/zero >/run/x.update; cd /; PYTHONPATH=/usr/lib/failover-router "
    script += "python3 -m appliance.updates.router install /run/x.update"
    status, _said, errors = router.attempt("sh", "-c", script)
    assert status == 1
    assert errors.strip()
