"""The parts of the supervisor that need no processes."""

import subprocess
import sys
from pathlib import Path

import pytest

from appliance.asterisk.runtime import Runtime
from appliance.state.machine import Layout
from appliance.system import records
from appliance.system.machine import Facts
from appliance.system.processes import Site, in_start_order, table
from tools.checkout.keeper import Pause
from tools.checkout.logs import Log
from tools.checkout.place import python_path
from tools.checkout.settings import Settings, SettingsError, settings


@pytest.fixture
def site(tmp_path):
    return Site(Layout(tmp_path), Facts(), Runtime(), tmp_path / "python", checkout=True)


def test_every_process_starts_after_those_it_needs(site):
    started = set()
    for process in in_start_order(table(site)):
        assert set(process.after) <= started
        started.add(process.name)


def test_processes_that_wait_for_each_other_are_refused(site):
    import dataclasses

    engine, asterisk = table(site)[:2]
    with pytest.raises(ValueError, match="wait for each other"):
        in_start_order([dataclasses.replace(engine, after=("asterisk",)), asterisk])


def test_no_two_processes_share_an_account(site):
    accounts = [p.account for p in table(site) if p.account != "root"]
    assert len(set(accounts)) == len(accounts)


def test_only_the_engine_and_programs_that_give_it_up_start_as_root(site):
    assert {p.name for p in table(site) if p.account == "root"} == {"engine", "asterisk", "mail"}


def test_pauses_double_up_to_half_a_minute_and_begin_again_after_a_steady_life():
    pause = Pause()
    assert [pause.after(1) for _ in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert pause.after(61) == 0.5


def test_a_log_keeps_one_old_file_and_shows_control_characters(tmp_path, monkeypatch):
    monkeypatch.setattr("tools.checkout.logs.LARGEST_BYTES", 200)
    log = Log(tmp_path / "x.log")
    for number in range(20):
        log.write(f"line {number}\x1b[31m")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.log", "x.log.1"]
    assert log.last_lines(1)[0].endswith("line 19�[31m")
    assert all(path.stat().st_size < 400 for path in tmp_path.iterdir())


def test_a_record_counts_only_while_its_process_lives(tmp_path):
    with subprocess.Popen(["sleep", "30"]) as child:
        record = records.record_of(child.pid)
        records.write(tmp_path, "x", record)
        assert records.read(tmp_path, "x") == record
        child.kill()
        child.wait()
    assert records.read(tmp_path, "x") is None
    assert not (tmp_path / "x.json").exists()


def test_settings_are_kept_and_the_command_line_comes_first(tmp_path):
    kept = tmp_path / "settings.json"
    kept.write_text('{"web_port": 9443, "sip_port": 5070}')
    assert settings(kept, {"WEB_PORT": "443"}) == Settings(web_port=443, sip_port=5070)


@pytest.mark.parametrize("text", ["x", "70000", "-1", "٤٤٣", "0"])
def test_a_port_that_is_none_is_refused_by_its_name(tmp_path, text):
    with pytest.raises(SettingsError, match="WEB_PORT"):
        settings(tmp_path / "none", {"WEB_PORT": text})


def test_our_packages_are_found_in_the_checkout_itself_wherever_it_is_installed_from():
    top = Path(__file__).resolve().parent.parent.parent
    packages = ("appliance", "ari_apps", "failover_router", "portal", "provisioning")
    script = f"from importlib.util import find_spec as f; print(*(f(n).origin for n in {packages}))"
    # -S: without the note by which an installation leads to the place of the checkout.
    command = [sys.executable, "-S", "-c", script]
    environment = {"PYTHONPATH": python_path(top)}
    said = subprocess.run(command, env=environment, cwd="/", check=True, capture_output=True)
    assert [Path(each).parent.name for each in said.stdout.decode().split()] == list(packages)
