"""A backup of a real machine, restored elsewhere: the same, and Asterisk takes it."""

from __future__ import annotations

import dataclasses
import time

import pytest

from appliance.state.codec import canonical_json
from appliance.state.system_state import encode_system
from appliance.system.backup.errors import Refused
from appliance.system.backup.records import Records
from appliance.system.backup.recovery_code import keys_of
from appliance.system.backup.rehearse import rehearse
from appliance.system.backup.restore import order_restore
from appliance.system.backup.write import make
from tests.support.backups import KEYS, forged, resigned
from tests.support.companies import company
from tests.support.daemon import running_daemon
from tests.support.pbx import Pbx, new_system

pytestmark = pytest.mark.row("N12")


@dataclasses.dataclass
class Machine:
    """A machine with a company of twelve, and a way to make backups of it."""

    system: Pbx

    def backup(self):
        layout = self.system.machine.layout
        return make(layout, "pbx", self.system.machine.groups, self.keys).path

    @property
    def keys(self):
        return keys_of(self.code)

    @property
    def code(self):
        return Records(self.system.machine.layout).code()

    def rehearse(self, file, keys=None):
        machine = self.system.machine
        groups, runtime = machine.groups, self.system.runtime
        return rehearse(machine.layout, file, keys or self.keys, runtime, groups)


@pytest.fixture(scope="module")
def old():
    services = encode_system(company(12))["services"]
    with new_system(first_state=services) as system:
        layout = system.machine.layout
        message = layout.asterisk_spool / "voicemail/default/100/INBOX/msg0000.wav"
        message.parent.mkdir(parents=True)
        message.write_bytes(b"RIFF" * 4000)
        records = Records(layout)
        records.accept_code(records.propose_code().reveal()[-4:])
        yield Machine(system)


def test_a_rehearsal_boots_what_was_restored_and_asks_for_all_of_it(old):
    report = old.rehearse(old.backup())
    assert report.passed, report.faults
    assert report.proved == ("whole", "state", "asterisk", "calls")
    assert report.asked > 30
    assert not old.system.machine.layout.rehearsal.exists()


def test_a_rehearsal_leaves_the_machine_as_it_is(old):
    store = old.system.engine.store
    before = store.current(), store.numbers(), old.system.engine.drift()
    old.rehearse(old.backup())
    assert (store.current(), store.numbers(), old.system.engine.drift()) == before
    assert list(old.system.machine.layout.run.glob("shadow-*")) == []


def test_a_backup_with_a_file_that_does_not_boot_fails_its_rehearsal(old, tmp_path):
    file = forged(old.backup(), tmp_path / "broken.backup", without_extensions, old.keys)
    report = old.rehearse(file)
    assert not report.passed
    assert report.faults


def without_extensions(members):
    """The members with a state that names an extension's user who is not there."""
    changed = [
        (header, content.replace(b'"id":"user-100"', b'"id":"user-xxx"'))
        if header.name.endswith("state.json")
        else (header, content)
        for header, content in members
    ]
    return resigned(changed)


def test_a_backup_of_somebody_else_fails_its_rehearsal(old):
    report = old.rehearse(old.backup(), KEYS)
    assert not report.passed
    assert "another recovery code" in report.faults[0]


@pytest.mark.row("D1")
def test_another_machine_runs_with_the_restored_state(old):
    backup = old.backup()
    wanted = canonical_json(encode_system(old.system.state))
    with new_system() as new:
        layout = new.machine.layout
        authority = (layout.certificates / "authority.crt").read_bytes()

        def prove(state):
            if not new.engine.prove(state).passed:
                raise Refused("does not boot")

        order_restore(layout, backup, old.code, "keep", prove=prove)
        with running_daemon(new) as daemon:
            current = daemon.client.status()["current"]
            restored = daemon.client.state(current)
            assert canonical_json(restored) == wanted
            assert daemon.client.drift() == {}
        old_authority = old.system.machine.layout.certificates / "authority.crt"
        assert (layout.certificates / "authority.crt").read_bytes() == old_authority.read_bytes()
        assert (layout.certificates / "authority.crt").read_bytes() != authority
        message = layout.asterisk_spool / "voicemail/default/100/INBOX/msg0000.wav"
        assert message.read_bytes() == b"RIFF" * 4000
        new.start_asterisk()
        assert "111-1" in new.console.ask("pjsip show endpoints")


def test_the_daemon_restores_what_it_is_asked_to_and_says_its_steps(old):
    name = old.backup().name
    with running_daemon(old.system) as daemon:
        steps = []
        source = {"kind": "here", "name": name}
        job = daemon.client.restore_backup(source, old.code.reveal(), "keep")
        result = daemon.client.wait(job, 60, steps.append)
        assert steps == ["unpacking", "checking", "proving", "ordered"]
        assert result["restarts"] is False
    with running_daemon(old.system) as daemon:
        assert daemon.client.status()["current"] == 1
        assert not old.system.machine.layout.restore.exists()


def test_the_daemon_rehearses_and_remembers_how_it_went(old):
    records = Records(old.system.machine.layout)
    with running_daemon(old.system) as daemon:
        from appliance.system.backup.work import Site, run

        def ask(name):
            from appliance.state.codec import decode
            from appliance.system.backup.records import Rehearsal

            return decode(Rehearsal, daemon.client.wait(daemon.client.rehearse_backup(name), 60))

        machine = old.system.machine
        record = run(Site(machine.layout, "pbx", machine.groups, ask), "night")
        assert record.rehearsal.passed
        overview = daemon.client.backups()
        assert overview["backups"][0]["rehearsal"]["passed"]
        assert overview["last"]["kind"] == ""
    assert records.read().find(record.name).rehearsal == record.rehearsal


def test_a_backup_is_made_in_a_process_of_its_own_when_somebody_asks(old):
    with running_daemon(old.system) as daemon:
        before = len(daemon.client.backups()["backups"])
        daemon.client.backup_now()
        deadline = time.monotonic() + 60
        while len((found := daemon.client.backups())["backups"]) == before or found["step"]:
            assert time.monotonic() < deadline, (old.system.folder / "engine.out").read_text()
            time.sleep(0.1)
    newest = found["backups"][0]
    assert newest["rehearsal"]["passed"]
    assert found["last"]["trigger"] == "hand"
