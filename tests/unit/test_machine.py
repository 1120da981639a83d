"""What is particular to a machine: ports, own secrets, certificates that renew in time."""

import os
import subprocess

import pytest

from appliance import credentials
from appliance.state.faults import StateError
from appliance.state.machine import Layout
from appliance.system import accounts, certificates
from appliance.system.machine import Facts, GroupNumber, read_facts, write_facts


def test_without_facts_the_appliances_own_ports_hold(tmp_path):
    assert read_facts(Layout(tmp_path)) == Facts(web_port=443, web_plain_port=80)


def test_facts_are_read_as_they_were_written(tmp_path):
    facts = Facts(web_port=8443, addresses=("192.0.2.7",), groups=(GroupNumber("centralino", 5),))
    write_facts(Layout(tmp_path), facts)
    assert read_facts(Layout(tmp_path)) == facts


@pytest.mark.parametrize(
    "wrong",
    [Facts(web_port=70000), Facts(addresses=("x",)), Facts(groups=(GroupNumber("a", 0),))],
)
def test_facts_that_make_no_sense_are_refused(tmp_path, wrong):
    with pytest.raises(StateError):
        write_facts(Layout(tmp_path), wrong)
    assert not Layout(tmp_path).facts.exists()


def test_a_process_reads_its_secrets_from_its_own_folder(tmp_path, monkeypatch):
    (tmp_path / "ami-live").write_text("hush\n")
    monkeypatch.setenv(credentials.VARIABLE, str(tmp_path))
    assert credentials.read(credentials.AMI_LIVE).reveal() == "hush"
    with pytest.raises(credentials.CredentialMissing, match="portal-session"):
        credentials.read(credentials.PORTAL_SESSION)


def test_a_process_started_without_secrets_is_told_how_to_start(monkeypatch):
    monkeypatch.delenv(credentials.VARIABLE, raising=False)
    with pytest.raises(credentials.CredentialMissing, match="by its unit"):
        credentials.read(credentials.AMI_LIVE)


def test_a_checkout_needs_no_accounts_of_the_machine():
    groups = (accounts.WEB_GROUP, accounts.SHARED_GROUP)
    identity = accounts.identity(accounts.PORTAL, groups, checkout=True)
    assert identity.user != 0
    assert identity.groups == (59815, 59810)


def _text(folder, server):
    return (folder / f"{server}.crt").read_bytes()


def test_a_certificate_is_kept_while_it_names_all_addresses(tmp_path):
    certificates.ensure_authority(tmp_path)
    certificates.ensure_server(tmp_path, "web", "pbx", ["192.0.2.7"], os.getgid())
    first = _text(tmp_path, "web")
    certificates.ensure_server(tmp_path, "web", "pbx", ["192.0.2.7"], os.getgid())
    assert _text(tmp_path, "web") == first
    certificates.ensure_server(tmp_path, "web", "pbx", ["192.0.2.8"], os.getgid())
    assert _text(tmp_path, "web") != first


def test_a_certificate_is_signed_by_the_own_authority(tmp_path):
    certificates.ensure_authority(tmp_path)
    certificates.ensure_server(tmp_path, "server", "pbx", [], os.getgid())
    command = ["openssl", "verify", "-CAfile", str(tmp_path / "authority.crt"), "-x509_strict"]
    said = subprocess.run(
        [*command, str(tmp_path / "server.crt")], capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stderr


def test_a_certificate_near_its_end_is_issued_again(tmp_path, monkeypatch):
    certificates.ensure_authority(tmp_path)
    monkeypatch.setattr(certificates, "SERVER_DAYS", 29)
    certificates.ensure_server(tmp_path, "web", "pbx", [], os.getgid())
    first = _text(tmp_path, "web")
    monkeypatch.undo()
    certificates.ensure_server(tmp_path, "web", "pbx", [], os.getgid())
    assert _text(tmp_path, "web") != first
