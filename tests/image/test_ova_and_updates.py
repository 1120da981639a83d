"""The OVA on VMware's devices, and updates of it: refused, cut off, repeated, kept, left again.

One machine goes through all of it, because a start takes about two minutes in software
emulation: begun from the OVA's disk by UEFI on VMware's devices, gone on by a BIOS on KVM's.
"""

from __future__ import annotations

import json

import pytest

from tests.image import builds, repack
from tests.image.inside import (
    ask,
    asked,
    at_the_desk,
    backup_of,
    identity_of,
    moment,
    ready,
    restarted_by,
)
from tests.image.outside import reached
from tests.support.virtual_machine import disk_on, started
from tools.image import signing

ADDRESS = "10.0.2.77"
ENVIRONMENT = f"""<?xml version="1.0" encoding="UTF-8"?>
<Environment xmlns="http://schemas.dmtf.org/ovf/environment/1"
             xmlns:oe="http://schemas.dmtf.org/ovf/environment/1">
  <PropertySection>
    <Property oe:key="host_name" oe:value="vm.example.com"/>
    <Property oe:key="address" oe:value="{ADDRESS}/24"/>
    <Property oe:key="gateway" oe:value="10.0.2.2"/>
    <Property oe:key="dns" oe:value="10.0.2.3"/>
    <Property oe:key="telephones" oe:value="not a network; rm -rf /"/>
    <Property oe:key="setup_code" oe:value="OVFC-ODE2-3456-789A"/>
  </PropertySection>
</Environment>
"""

RULES_IN_FORCE = "/var/lib/centralino/current/root/etc/nftables.d/50-edge.nft"
NEXT = {"kind": "volume", "name": "next.update"}
STRANGER = {"kind": "volume", "name": "stranger.update"}


def record(machine, name):
    """One of the files that updates leave behind, {} while it or the machine is not there.

    To ask the engine takes the machine many seconds of its processor, and it has work to do.
    """
    try:
        status, said, _ = machine.attempt("cat", f"/var/lib/centralino-updates/{name}.json")
        return json.loads(said) if status == 0 else {}
    except (OSError, ValueError):
        return {}


def engine_answers(machine):
    """Whether the engine can be asked; it is not before its socket is there."""
    try:
        there = machine.attempt("test", "-S", "/run/centralino/engine.sock")[0] == 0
    except (OSError, ValueError):
        return False
    return there and asked(machine, "updates()") is not None


def wait_for_work(machine, verb, within_s=900):
    """The work as the portal would show it, once it has ended."""

    def ended():
        waiting, work = record(machine, "request"), record(machine, "work")
        return not waiting and work.get("verb") == verb and work.get("done")

    machine.wait(f"the end of {verb}", ended, within_s, every_s=2)
    return ask(machine, "updates()")["work"]


def checked(machine, source):
    device = machine.run("blkid", "-L", "STICK").strip().removeprefix("/dev/")
    ask(machine, f"check_update({ {**source, 'device': device} }, 'ada')")
    return wait_for_work(machine, "check")


def begin_to_install(machine):
    device = machine.run("blkid", "-L", "STICK").strip().removeprefix("/dev/")
    ask(machine, f"install_update({ {**NEXT, 'device': device} }, 'ada')")


def events(machine):
    """What has become of updates, newest first; nothing while it cannot be read."""
    return record(machine, "history").get("events", [])


def event(machine, what, after=0):
    """The newest event as the engine tells it, once it is of this kind and there are more than
    `after`."""

    def happened():
        found = events(machine)
        return len(found) > after and found[0]["what"] == what

    machine.wait(f"an event {what}", happened, 900, every_s=2)
    return at_the_desk(machine, "state()")["history"][0]


def slot(machine):
    return machine.run("cat", "/proc/cmdline").partition("appliance.slot=")[2][0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("updates")


@pytest.fixture(scope="module")
def stick(built, folder):
    """An update of the next version, and one that a stranger has signed."""
    signing.make_key(folder / "stranger.pem")
    following = repack.update(built, "0.2.0", "next")
    stranger = repack.forged(built, following, folder / "stranger.pem")
    return repack.volume(built, "stick", {"next.update": following, "stranger.update": stranger})


@pytest.fixture(scope="module")
def disk(built, folder):
    return disk_on(built.output("vmdk"), folder, "updated.qcow2")


@pytest.fixture(scope="module")
def vmware(built, folder, disk, stick, told, figures):
    """The OVA by UEFI on VMware's devices, with the properties on a CD."""
    disc = built.disc(folder, "OVF ENV", {"ovf-env.xml": ENVIRONMENT})
    hardware = builds.vmware_uefi(cds=(disc, stick))
    forwarded = {"tcp": (443,), "udp": (5060,), "address": ADDRESS}
    with started(folder / "uefi", disk, hardware, **forwarded) as machine:
        machine.wait("the agent", machine.agent_answers)
        machine.wait("every process", lambda: ready(machine))
        told.tell("ova", identity_of(machine))
        figures.add("start", "UEFI, VMware: until every process answers", machine.age_s, "s")
        told.tell("backup of the ova", backup_of(machine))
        yield machine


@pytest.mark.row("I3")
def test_properties_of_the_ova_are_obeyed_on_vmwares_devices(vmware):
    assert vmware.run("hostname").strip() == "vm.example.com"
    vmware.wait("the address", lambda: "10.0.2.77/24" in vmware.run("ip", "address"))
    assert "default via 10.0.2.2" in vmware.run("ip", "route")
    vmware.wait("the console", lambda: "OVFC-ODE2-3456-789A" in vmware.serial())


@pytest.mark.row("I3")
def test_the_ova_starts_by_uefi_with_vmwares_drivers(vmware):
    assert vmware.run("ls", "/sys/firmware/efi")
    modules = vmware.run("cat", "/proc/modules")
    assert {"vmxnet3", "vmw_pvscsi"} <= {line.split()[0] for line in modules.splitlines()}


def test_a_hostile_property_is_named_and_left_out(vmware):
    mark = json.loads(vmware.run("cat", "/var/lib/centralino/first-boot.json"))
    assert len(mark["refused"]) == 1
    assert mark["refused"][0].startswith("OVF disk: telephones")


@pytest.mark.row("I3")
def test_the_portal_would_take_nothing_of_the_first_start_back(vmware):
    status, said, errors = vmware.attempt("/usr/lib/centralino/bin/centralino", "plan")
    assert (status, said.strip()) == (0, "The draft is what runs."), said + errors


@pytest.mark.row("S4")
def test_bans_are_read_anew_while_the_journal_makes_a_file(vmware):
    empty = "/var/log/journal/$(cat /etc/machine-id)/user-64000.journal"
    try:
        vmware.run("sh", "-c", f": >{empty}; fail2ban-client reload")
    finally:
        vmware.run("sh", "-c", f"rm {empty}")
    assert "portal" in vmware.run("fail2ban-client", "status")


@pytest.mark.row("S6")
def test_rules_that_the_kernel_refuses_leave_those_of_the_first_start(vmware):
    rules = vmware.run("readlink", "-f", RULES_IN_FORCE).strip()
    load = "systemctl restart nftables"
    vmware.run("sh", "-c", f"cp {rules} /run/kept.nft; echo 'no rules' >{rules}; {load}")
    try:
        found = vmware.run("nft", "list", "table", "inet", "edge")
        assert "policy drop" in found
        assert "known_rate" not in found, "the rules of the revision are still there"
        assert reached(vmware)
    finally:
        vmware.run("sh", "-c", f"cat /run/kept.nft >{rules}; {load}")
    assert "known_rate" in vmware.run("nft", "list", "table", "inet", "edge")


@pytest.mark.row("S6")
def test_without_networks_of_telephones_sip_is_closed(vmware):
    assert reached(vmware)
    assert not vmware.sip_answers()


@pytest.mark.row("N12")
def test_a_backup_is_rehearsed_on_the_machine_that_made_it(vmware, told, figures):
    rehearsal = told.of("backup of the ova")["rehearsal"]
    assert rehearsal["faults"] == []
    assert {"whole", "state", "asterisk"} <= set(rehearsal["proved"])
    figures.add("backup", "rehearsal on a new machine", rehearsal["seconds"], "s")


@pytest.fixture(scope="module")
def cut(vmware):
    """Its power is cut while an update is written."""
    seen = {"stranger": checked(vmware, STRANGER), "sound": checked(vmware, NEXT)}
    begin_to_install(vmware)

    def writing():
        work = record(vmware, "work")
        return work.get("step") == "system" and work["percent"] >= 10

    vmware.wait("the writing", writing)
    vmware.cut_power()
    return seen


@pytest.fixture(scope="module")
def notes():
    """What was seen on the way and is gone now."""
    return {}


@pytest.fixture(scope="module")
def updated(folder, disk, stick, cut, notes, figures):
    """The same disk by a BIOS on KVM's devices: the update is repeated, started and kept."""
    hardware = builds.bios(cds=(stick,))
    with started(folder / "bios", disk, hardware, tcp=(443,), address=ADDRESS) as machine:
        machine.wait("the agent", machine.agent_answers)
        machine.wait("the engine", lambda: engine_answers(machine), every_s=2)
        notes["after the cut"] = {"booted": slot(machine), **ask(machine, "updates()")}
        notes["order"] = (
            moment(machine, "asterisk.service", "ExecMainStart"),
            moment(machine, "centralino-engine.service", "ActiveEnter"),
        )
        notes["filter"] = machine.run("systemctl", "show", "-P", "ExecStart", "nftables.service")
        begin = machine.age_s
        begin_to_install(machine)
        notes["installed"] = wait_for_work(machine, "install")
        figures.add("update", "writing and reading back", machine.age_s - begin, "s")
        seconds = restarted_by(machine, lambda: ask(machine, "start_other_system('ada')"))
        figures.add("update", "restart into the new version", seconds, "s")
        event(machine, "kept")
        yield machine


def test_an_update_of_a_stranger_is_refused(cut):
    assert "signature" in cut["stranger"]["error"]["text"]


def test_a_sound_update_is_told_with_its_version(cut):
    assert cut["sound"]["error"] is None
    assert cut["sound"]["result"]["release"]["version"] == "0.2.0"


def test_after_a_power_cut_while_writing_the_old_system_starts(updated, notes):
    found = notes["after the cut"]
    assert (found["booted"], found["running"]["version"]) == ("A", "0.1.0")
    assert found["other"] is None
    assert "interrupted" in found["work"]["error"]["text"]


@pytest.mark.row("I3")
def test_telephony_does_not_wait_for_an_engine_that_has_nothing_to_finish(updated, notes):
    telephony, engine = notes["order"]
    assert 0 < telephony < engine


@pytest.mark.row("S6")
def test_the_rules_in_force_are_loaded_before_there_is_a_network(updated, notes):
    loaded = [each for each in notes["filter"].split("{ ") if "50-edge.nft" in each]
    assert len(loaded) == 1
    assert "status=0" in loaded[0]


@pytest.mark.row("D1")
def test_a_fixed_address_follows_its_machine_to_a_card_of_another_name(updated):
    links = updated.run("ip", "-oneline", "-4", "address")
    assert f"{ADDRESS}/24" in links
    settings = updated.run("sh", "-c", "cat /etc/systemd/network/05-*.network")
    (card,) = [line.split()[1] for line in links.splitlines() if ADDRESS in line]
    assert f"Name={card}" not in settings


@pytest.mark.row("D1")
def test_the_update_is_repeated_started_and_kept(updated, notes):
    assert notes["installed"]["error"] is None
    state = ask(updated, "updates()")
    assert (state["slot"], state["running"]["version"]) == ("B", "0.2.0")
    assert state["other"]["version"] == "0.1.0"
    assert state["trial"] is None
    assert [each["what"] for each in state["history"]] == ["kept", "started", "installed"]


def test_the_data_were_copied_before_the_new_system_started(updated):
    copied = updated.run("ls", "/var/lib/centralino-updates/snapshot").split()
    assert {"centralino", "centralino-portal"} <= set(copied)
    assert reached(updated)


def test_a_service_that_does_not_come_up_leads_back_to_the_other_system(updated, figures):
    drop_in = "[Unit]\\nConditionKernelCommandLine=!appliance.slot=A\\n"
    # One would do; the others would only cost the emulated processor time.
    for name in ("portal", "provisioning", "live"):
        unit = f"/etc/systemd/system/centralino-{name}.service.d"
        updated.run("sh", "-c", f"mkdir -p {unit}; printf '{drop_in}' >{unit}/absent.conf; sync")
    mark = "/var/lib/centralino-portal/changed-in-the-trial"
    begin = updated.age_s
    wanted = "ask(Request('start', by='ada', within_s=60))"
    restarted_by(updated, lambda: at_the_desk(updated, wanted))
    if slot(updated) == "A":
        updated.attempt("touch", mark)
    found = event(updated, "returned")
    figures.add("update", "back from a system that does not come up", updated.age_s - begin, "s")
    assert slot(updated) == "B"
    assert any(line.startswith("portal: ") for line in found["why"])
    assert found["started"]
    assert updated.attempt("ls", mark)[0] != 0, "the data are not as before the trial"


def test_a_destroyed_system_is_left_without_a_hand_on_it(updated, figures):
    root = updated.run("sh", "-c", "ls -l /dev/disk/by-partlabel/rootA | sed 's,.*/,,'").strip()
    erase = f"dd if=/dev/zero of=/dev/{root} bs=4M count=16 conv=fsync status=none"
    updated.run("sh", "-c", erase)
    known = len(events(updated))
    begin = updated.age_s
    restarted_by(updated, lambda: at_the_desk(updated, "ask(Request('start', by='ada'))"))
    found = event(updated, "returned", after=known)
    figures.add("update", "back from a destroyed system", updated.age_s - begin, "s")
    assert slot(updated) == "B"
    assert not found["started"]
