"""A new machine: what is there before anybody has wished for anything."""

from tests.support.pbx import new_system, running_pbx


def test_the_first_revision_is_in_force_before_asterisk_has_run():
    with new_system() as system:
        (revision,) = system.engine.store.history()
        assert (revision.number, revision.status, revision.parent) == (1, "good", 0)
        assert system.engine.trial() is None
        assert (system.machine.layout.asterisk_etc / "asterisk.conf").is_file()
        system.start_asterisk()
        assert "fully booted" in system.console.ask("core waitfullybooted")


def test_a_machine_with_a_revision_keeps_it(pbx):
    assert pbx.engine.initialise() == pbx.engine.store.current()


def test_two_systems_run_beside_each_other(pbx):
    with running_pbx() as other:
        assert other.console.ask("core show version") == pbx.console.ask("core show version")
        assert other.machine.secrets != pbx.machine.secrets


def test_a_machine_begins_with_the_state_that_first_boot_left():
    with new_system(first_state={"asterisk_core": {"sip_port": 5070}}) as system:
        assert system.state["asterisk_core"].sip_port == 5070
