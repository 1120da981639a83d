"""The images on emulated machines: started, asked from outside and inside, installed.

Each machine is started once and asked many things, since a start in software emulation
takes about a minute. Times compare only within one run: see the bare machine's beside them.
"""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import yaml

from appliance.state.system_state import SCHEMA_VERSION
from portal.core import yaml_files
from tests.image import branch, builds, outside
from tests.image.inside import (
    PYTHON,
    ask,
    identity_of,
    memory_in_use_mb,
    missing_in_support_file,
    moment,
    ready,
    restarted_by,
    restore,
)
from tests.support.branch_pages import BranchPages
from tests.support.owner import browser_in
from tests.support.portal_site import EMAIL, NAME, PASSWORD, sign_in_at
from tests.support.rtp import SoundEnd, talk
from tests.support.virtual_machine import empty_disk, started
from tools.demo import company

CODE = "TEST-CODE-7KQM-2XWD"
LAN = "10.0.2.0/24"
"""Where forwarded ports seem to come from: QEMU's user network."""

OUTSIDE = (
    22,
    25,
    53,
    80,
    111,
    443,
    631,
    1194,
    3478,
    5038,
    5060,
    5061,
    5432,
    8080,
    8088,
    8089,
    9100,
)
DISK = "installed.qcow2"
MEMORY_AT_REST_MB = 600
PAGE_WITHIN_MS = 240_000
INSTALL_WITHIN_S = 240
CHANGED_IN_ETC = {
    *("machine-id", "hostname", "hosts", "centralino/machine.json", "ssh", "adjtime"),
    *("nftables.d/10-telephones.nft", "systemd/network/05-lan.network", "nullmailer"),
    # What the engine and the first start write.
    *("fail2ban", "centralino/first-state.json"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("machines")


@pytest.fixture(scope="module")
def screen(built, folder, figures):
    """What the installer showed while it put the system onto an empty disk, unattended."""
    seed = built.seed(folder / "installer", install_disk="auto", host_name="pbx.example.com",
                      telephones=LAN, setup_code=CODE)  # fmt: skip
    disk = empty_disk(folder, 40, DISK)
    hardware = builds.vmware_bios(cds=(built.output("iso"), seed), cd_first=True)
    with started(folder / "installing", disk, hardware, extra=("-no-reboot",)) as machine:
        machine.wait_until_off(1200)
        figures.add("install", "from power-on to the restart", machine.age_s, "s", INSTALL_WITHIN_S)
        return machine.serial()


@pytest.fixture(scope="module")
def first(built, folder, screen, example, figures):
    """The first start of the installed disk, by UEFI; later ones are by a BIOS."""
    text, secrets = yaml_files.dump(example)
    files = {"company.yaml": text, "company.secrets.yaml": yaml.safe_dump(secrets)}
    disc = built.disc(folder, "COMPANY", files)
    hardware = builds.uefi(cds=(disc,))
    ports = (5060, *branch.PORTS, *RTP_PORTS)
    with started(folder / "first", folder / DISK, hardware, tcp=OUTSIDE, udp=ports) as machine:
        age = machine.wait("SIP", machine.sip_answers)
        figures.add("start", "first start until SIP answers", age, "s")
        machine.wait("the agent", machine.agent_answers)
        age = machine.wait("every process", lambda: ready(machine))
        figures.add("start", "first start until every process answers", age, "s")
        yield machine


@pytest.mark.row("I3")
def test_an_unattended_installation_shows_how_far_it_is_and_keeps_its_log(screen, first):
    assert "█" in screen
    assert "appliance.slot=A" in first.run("cat", "/proc/cmdline")
    assert {"answers.json", "installer.log"} <= set(first.run("ls", "/data/installer").split())


def test_an_installed_disk_starts_by_uefi(first):
    assert first.run("ls", "/sys/firmware/efi")


@pytest.mark.row("I3")
@pytest.mark.row("K1")
def test_a_new_machine_answers_telephones_and_browsers(first):
    assert first.sip_answers()
    assert outside.reached(first)
    assert first.run("hostname").strip() == "pbx.example.com"


def test_nothing_has_failed_on_a_new_machine(first):
    assert first.run("systemctl", "--failed", "--no-legend", "--plain") == ""
    assert first.run("journalctl", "-b", "-p", "crit", "-q", "--no-pager", "-o", "cat") == ""


def test_the_first_configuration_is_there_before_telephony_starts(first):
    ready_at = moment(first, "centralino-engine.service", "ActiveEnter")
    assert moment(first, "asterisk.service", "ExecMainStart") > ready_at


def test_units_wait_for_each_other_in_one_direction(first):
    said = first.run("journalctl", "-b", "_PID=1", "-q", "--no-pager", "-o", "cat")
    assert "Started" in said
    assert "ordering cycle" not in said


@pytest.fixture(scope="module")
def first_identity(first):
    return identity_of(first)


@pytest.mark.row("S2")
def test_everything_secret_is_made_on_the_machine(first_identity):
    assert len(first_identity) > 10
    assert all(first_identity.values())


@pytest.mark.row("S6")
def test_from_outside_only_the_doors_are_open(first):
    with ThreadPoolExecutor(len(OUTSIDE)) as askers:
        answers = askers.map(first.tcp_open, OUTSIDE)
        reached = {port for port, answer in zip(OUTSIDE, answers, strict=True) if answer}
    assert reached - {5060, 5061} == {80, 443}, "telephones are allowed from this network"


@pytest.mark.row("S2")
def test_the_code_of_the_seed_is_on_the_console_with_the_address(first):
    first.wait(
        "the console", lambda: CODE in first.serial() and "https://10.0.2.15/" in first.serial()
    )
    assert "▀" in first.serial()


def test_the_monitor_shows_what_the_serial_line_shows(first):
    def shown():
        # The kernel's copy of the screen, without colours (vcs(4)).
        screen = first.run("cat", "/dev/vcs1")
        return CODE in screen and "https://10.0.2.15/" in screen

    first.wait("the console of the monitor", shown, every_s=5)


def test_a_machine_works_without_names_and_without_the_internet(first):
    hosts = first.run("getent", "hosts", "pbx.example.com").split()
    assert hosts[0].startswith(("127.", "10.0.2.", "fe", "::1"))
    assert first.run("systemctl", "is-active", "systemd-resolved").strip() == "active"


def test_the_machine_keeps_little_of_its_own_over_the_system(first):
    command = "cd /data/system/etc && find . -type f -o -type l -o -type c"
    changed = {line.removeprefix("./") for line in first.run("sh", "-c", command).split()}
    unexpected = {
        name for name in changed
        if name not in CHANGED_IN_ETC and name.split("/")[0] not in CHANGED_IN_ETC
    }  # fmt: skip
    assert not unexpected


def test_the_owners_partition_fills_the_disk(first):
    said = first.run("df", "--block-size=1", "--output=size", "/data").split()[1]
    assert int(said) > 30 * 2**30


def test_memory_at_rest_leaves_room_on_a_small_machine(first, figures):
    used = memory_in_use_mb(first)
    assert used <= figures.add("memory", "at rest", used, "MB", MEMORY_AT_REST_MB).limit


RTP_PORTS = range(10000, 10012)


@pytest.fixture(scope="module")
def example():
    """The example company with a router at its branch, and with few ports for sound: each is
    forwarded into the machine."""
    state = company.company()
    core = replace(state["asterisk_core"], rtp_first_port=RTP_PORTS[0], rtp_last_port=RTP_PORTS[-1])
    rules = replace(state["firewall"], telephones=(LAN,))
    return state.replaced(asterisk_core=core, firewall=rules, vpn=branch.TUNNELS)


@pytest.fixture(scope="module")
def imported(first, figures):
    """The machine after its own command has taken the company in and applied it."""
    first.run("sh", "-c", "mkdir -p /run/company && mount -L COMPANY -o ro /run/company")
    files = ("/run/company/company.yaml", "--secrets", "/run/company/company.secrets.yaml")
    begin = first.age_s
    taken_in(first, *files, reason="example company")
    figures.add("apply", "the example company, first time", first.age_s - begin, "s")
    first.run("umount", "/run/company")
    return first


def taken_in(machine, *files, reason):
    """Import by the machine's own command, apply, and keep what would go back otherwise: lines
    of a company open the packet filter for their carriers, and addresses may shut people out."""
    program = "/usr/lib/centralino/bin/centralino"
    said = machine.run(program, "import", *files, "--yes", within_s=600)
    assert "Taken into the draft." in said, said
    said = machine.run(program, "apply", "--reason", reason, within_s=900)
    if "goes back" in said:
        machine.run(program, "keep")


@pytest.fixture(scope="module")
def talked(imported, example):
    """How many packets of the other each of two telephones has heard, and the capture of it."""
    with (
        outside.agent_of(imported, example, "phone-201") as caller,
        outside.agent_of(imported, example, "phone-202") as called,
        SoundEnd(0x11, imported.network.entered()) as ear,
        SoundEnd(0x22, imported.network.entered()) as other,
    ):
        assert caller.register().status == 200
        capture = ask(imported, "capture_extension('201', 'ada', audio=True, seconds=120)")
        # Again: nobody has answered for this telephone meanwhile.
        assert caller.register().status == 200
        assert called.register().status == 200
        descriptions = outside.answered(caller, called, ear, other)
        ports = tuple(outside.sound_port(each) for each in descriptions)
        counts = talk((ear, other), ports, 4)
    ask(imported, f"stop_capture({capture!r})")
    return counts, capture


def test_two_telephones_of_the_example_company_hear_each_other(talked):
    counts, _capture = talked
    # A second of sound in each direction, at 50 packets a second.
    assert min(counts) > 50, counts


@pytest.mark.row("D1")
def test_a_call_is_captured_by_the_portals_button(talked, imported):
    _counts, id = talked

    def captured():
        return next(each for each in ask(imported, "captures()") if each["id"] == id)

    imported.wait("the end of the capture", lambda: captured()["state"] == "done", 60)
    assert captured()["packets_bytes"] > 100 * 172, "a hundred packets of sound"


@pytest.mark.row("D1")
def test_the_support_file_of_a_machine_has_everything(imported):
    assert missing_in_support_file(imported) == []


@pytest.mark.row("D1")
def test_logs_are_found_by_process_and_text(imported):
    found = ask(imported, "logs(process='engine', text='in force')")["lines"]
    assert found


@pytest.fixture(scope="module")
def pages(imported):
    """The portal for somebody who has made the first account with the code of the console."""
    address = "https://127.0.0.1"
    branch.lay_cable(imported.network)
    with browser_in(imported.network) as browser:
        context = browser.new_context(locale="it-IT", ignore_https_errors=True)
        context.set_default_timeout(PAGE_WITHIN_MS)
        page = context.new_page()
        page.goto(f"{address}/setup/")
        for name, text in {
            "code": CODE,
            "name": NAME,
            "email": EMAIL,
            "password": PASSWORD,
        }.items():
            page.fill(f"input[name={name}]", text)
        page.click("form button.btn-primary")
        page.wait_for_url("**/login*")
        sign_in_at(page, address)
        yield BranchPages(page, address, branch.SITE, "Parma")


@pytest.fixture(scope="module")
def enrolled(pages, imported, built_router, folder, figures):
    """A router from its image that has become the branch's by a code typed at its console."""
    with branch.router_at(imported.network, built_router, folder) as router:
        router.wait("its console", lambda: "belongs to no branch" in router.serial(), every_s=1)
        begin = router.age_s
        branch.become(router, pages.code())
        router.wait("its report", lambda: pages.row()[1] == "Wan1", every_s=10)
        figures.add("enrolment", "code to report on the page", router.age_s - begin, "s")
        yield router


@pytest.mark.row("I4")
@pytest.mark.row("B5")
def test_a_router_from_its_image_becomes_the_branchs_by_a_code(enrolled, pages):
    good = ("Tutte le linee buone", "Wan1")
    enrolled.wait("both lines", lambda: pages.row() == good, every_s=10)
    enrolled.wait("its console", lambda: "Tunnel:   up" in enrolled.serial(), every_s=1)


@pytest.mark.row("I4")
def test_a_telephone_of_the_branch_registers_through_the_tunnel(enrolled, imported, example):
    far = {"own": branch.TELEPHONE, "server": branch.INNER}
    with outside.agent_of(imported, example, "phone-203", **far) as telephone:
        assert telephone.register().status == 200
    contacts = imported.run("asterisk", "-rx", "pjsip show contacts")
    assert f"@{branch.TELEPHONE}:" in contacts


@pytest.mark.row("B3")
def test_a_cable_that_is_pulled_out_leaves_the_branch_on_its_other_line(
    enrolled, imported, pages, example
):
    enrolled.plug("network", plugged=False)
    enrolled.wait("the other line", lambda: pages.row()[1] == "Wan2", every_s=10)
    far = {"own": branch.TELEPHONE, "server": branch.INNER}
    with outside.agent_of(imported, example, "phone-203", **far) as telephone:
        assert telephone.register().status == 200
    # Nobody needs it any more, and it takes a third of the processors.
    enrolled.cut_power()


NAME_OF_OWN = "voce.example.com"


@pytest.fixture(scope="module")
def addressed(imported):
    """The machine with a name and a fixed address that its owner has given it in the portal."""
    card = re.search(r" dev (\S+)", imported.run("ip", "route", "show", "default"))[1]
    lan = {"id": "lan", "name": card, "ipv4": "static", "address": "10.0.2.15/24", "ipv6": "off"}
    wanted = {"managed": True, "host_name": NAME_OF_OWN, "dns": ["10.0.2.3"]}
    wanted["interfaces"] = [{**lan, "gateway": "10.0.2.2"}]
    text = json.dumps({"schema_version": SCHEMA_VERSION, "services": {"network": wanted}})
    imported.run("sh", "-c", f"printf %s '{text}' >/run/network.yaml")
    taken_in(imported, "/run/network.yaml", reason="own address")
    return imported


@pytest.mark.row("D1")
def test_a_name_and_an_address_of_the_portal_are_the_machines_own(addressed):
    assert addressed.run("hostname").strip() == NAME_OF_OWN
    assert addressed.run("hostnamectl", "hostname").strip() == NAME_OF_OWN
    (route,) = json.loads(addressed.run("ip", "-json", "-4", "route", "show", "default"))
    assert (route["gateway"], route["protocol"]) == ("10.0.2.2", "static")
    links = addressed.run("ip", "-oneline", "-4", "address", "show", "dev", route["dev"])
    assert "10.0.2.15/24" in links
    assert "dynamic" not in links, "the address is still that of DHCP"


@pytest.mark.row("D1")
def test_names_are_asked_of_whom_the_portal_says(addressed):
    assert "10.0.2.3" in addressed.run("resolvectl", "dns")


def test_a_new_address_is_reached_from_outside(addressed):
    assert outside.reached(addressed)


def main_pid(machine, unit):
    return machine.run("systemctl", "show", "-P", "MainPID", unit).strip()


def test_a_process_that_hangs_is_restarted(first):
    pid = main_pid(first, "centralino-provisioning")
    first.run("kill", "-STOP", pid)
    unit = "centralino-provisioning"
    first.wait("a restart", lambda: main_pid(first, unit) not in (pid, "0"), 180, every_s=3)


def test_asterisk_that_crashes_is_back_by_itself(first, figures):
    pid, begin = main_pid(first, "asterisk"), first.age_s
    first.run("kill", "-SEGV", pid)
    first.wait(
        "another Asterisk", lambda: main_pid(first, "asterisk") not in (pid, "0"), 60, every_s=2
    )
    age = first.wait("SIP", first.sip_answers, 120)
    figures.add("start", "Asterisk back after a crash", age - begin, "s")


UNTIL_IT_SWITCHES = """
import time
from pathlib import Path
from appliance.apply.client import EngineClient
client = EngineClient(Path("/run/centralino/engine.sock"))
job = client.return_to(1, "ada")
while "switching" not in (known := client.job(job))["steps"]:
    if known["done"]:
        raise SystemExit(f"ended before it switched: {known}")
    time.sleep(0.1)
"""


@pytest.fixture(scope="module")
def again(imported, folder, figures):
    """The first machine's second start, after its power was cut in the middle of an apply."""
    before = ask(imported, "status()")
    imported.run(PYTHON, "-c", UNTIL_IT_SWITCHES, within_s=300)
    imported.cut_power()
    ports = {"tcp": (443,), "udp": (5060,)}
    with started(folder / "again", folder / DISK, builds.bios(), **ports) as machine:
        age = machine.wait("SIP", machine.sip_answers)
        figures.add("start", "second start until SIP answers", age, "s")
        machine.wait("the agent", machine.agent_answers)
        machine.wait("every process", lambda: ready(machine))
        seen = {"machine": machine, "before": before, "after": ask(machine, "status()")}
        seen["failed"] = machine.run("systemctl", "--failed", "--no-legend", "--plain")
        yield seen


def test_a_power_cut_while_applying_leaves_the_old_or_the_new_revision(again):
    number = again["before"]["current"]
    assert again["after"]["current"] in (number, number + 1)
    assert again["after"]["trial"] is None
    assert again["failed"] == ""


@pytest.mark.row("S2")
def test_two_machines_of_one_image_share_no_key_and_no_secret(again, first_identity, told):
    """The other one is the OVA's, whose tests go on beside these or have gone before."""
    other = told.of("ova")
    assert first_identity.keys() == other.keys()
    shared = [name for name in other if first_identity[name] == other[name]]
    assert not shared


@pytest.fixture(scope="module")
def names():
    """What the machine was called before it was restored."""
    return {}


@pytest.fixture(scope="module")
def restored(again, told, names, figures):
    """The first machine, with the backup of the OVA's in place of its own data."""
    machine = again["machine"]
    names["before"] = machine.run("hostname")
    begin = machine.age_s
    restore(machine, told.of("backup of the ova"))
    # Not at once: the answer to the command would be lost with the machine.
    soon = ("systemd-run", "--on-active=3", "--timer-property=AccuracySec=1s")
    restarted_by(machine, lambda: machine.run(*soon, "systemctl", "reboot"))
    machine.wait("every process", lambda: ready(machine))
    figures.add("restore", "until every process answers", machine.age_s - begin, "s", 600)
    return machine


@pytest.mark.row("D1")
def test_a_backup_of_one_machine_is_restored_on_another(restored, told):
    key = "/var/lib/centralino/certificates/authority.key"
    assert restored.run("cat", key) == told.of("ova")[key]
    state = ask(restored, "state(client.status()['current'])")
    assert state["services"]["extensions"]["extensions"] == []
    assert outside.reached(restored)


def test_a_restored_machine_keeps_its_own_name(restored, names):
    assert names["before"].strip() in ("pbx.example.com", NAME_OF_OWN)
    assert restored.run("hostname") == names["before"]


@pytest.mark.row("S6")
def test_a_restored_machine_lets_those_telephones_in_that_the_backup_names(restored):
    assert not restored.sip_answers()
