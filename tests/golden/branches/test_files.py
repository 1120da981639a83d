"""The files for other makers' routers, whole, with names that try to break out of them."""

from __future__ import annotations

import io
import os
import re
import subprocess
import tarfile
from pathlib import Path

import pytest

from appliance.branches import files, openwrt, routeros
from appliance.render.escape import UnsafeValue, routeros_text, uci_value
from appliance.state.fields import Secret
from appliance.system import vpn
from failover_router.router_profile import PhoneClass
from tests.support import branches

pytestmark = pytest.mark.row("I4")

FOLDER = Path(__file__).parent / "files"
HOSTILE = "Fibra d'oro\" $(reboot) `id` \\ [/system reset] ;#è"


def profile_of(case):
    """Profiles of one branch: simple, and with everything that can be said."""
    if case == "simple":
        return branches.profile(branches.state(branches.branch("modena", 1)))
    lines = (
        branches.line("fibra", "eth1", label=HOSTILE, priority=10, carries="voice"),
        branches.line(
            *("radio", "eth2"),
            **{"label": "Radio", "kind": "radio", "priority": 20, "addressing": "static"},
            **{"address": "203.0.113.6/29", "gateway": "203.0.113.1", "carries": "data"},
        ),
        branches.line(
            *("adsl", "eth3"),
            **{"priority": 30, "addressing": "pppoe", "user": "a'b@isp$(x)"},
            password=Secret("p\"w'd;$(rm) -rf"),
        ),
        branches.line(
            *("lte", "wwan0"),
            **{"kind": "4g", "priority": 40, "addressing": "modem", "access_point": "ibox.tim.it"},
            **{"metered": True, "monthly_cap_mb": 5000},
            pin=Secret("0000"),
        ),
    )
    lan = vpn.Lan("10.20.2.0/24", "10.20.2.1", "10.20.2.50", "10.20.2.199", "eth0")
    whole = branches.branch("parma", 2, lines=lines, lan=lan, reaches_branches=True)
    other = branches.branch("bari", 3, reaches_branches=True)
    return branches.profile(branches.state(whole, other), phones=PHONES)


PHONES = (
    PhoneClass("yealink", ("001565",), "yealink", "http://10.99.0.1/provisioning/e/$MAC.cfg"),
)


def made_of(case):
    profile = profile_of(case)
    yield "uci-defaults.sh", openwrt.script(profile).content
    yield "branch.rsc", routeros.script(profile).content


@pytest.mark.parametrize("case", ["simple", "everything"])
def test_the_files_are_as_they_were_accepted(case):
    for name, content in made_of(case):
        path = FOLDER / case / name
        if os.environ.get("GOLDEN_UPDATE"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        assert path.read_bytes() == content, "look at it; `make golden UPDATE=1` accepts it"


@pytest.mark.parametrize("case", ["simple", "everything"])
def test_every_script_for_openwrt_is_one_that_a_shell_can_read(case, tmp_path):
    parts = openwrt.parts(profile_of(case))
    whole = openwrt.script(profile_of(case)).content
    for number, content in enumerate((whole, parts[openwrt.PROBER], parts[openwrt.SERVICE])):
        path = tmp_path / f"{number}.sh"
        path.write_bytes(content)
        subprocess.run(["sh", "-n", path], check=True)


def test_the_script_for_openwrt_writes_its_files_and_runs_nothing_that_a_name_holds(tmp_path):
    """Run by a real shell in a folder of its own, with uci and the rest as stand-ins that note
    what they are asked: there is no OpenWrt for the test to run on."""
    text = openwrt.script(profile_of("everything")).content.decode()
    for folder in ("/etc/openvpn", "/usr/libexec", "/etc/init.d", "/lib/netifd"):
        text = text.replace(folder, f"{tmp_path}{folder}")
    tools = tmp_path / "bin"
    tools.mkdir()
    (tmp_path / "etc/init.d").mkdir(parents=True)
    (tools / "uci").write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/asked\ncat >>{tmp_path}/batch\n')
    for name in ("uci", "reboot", "id", "x", "rm"):
        path = tools / name
        if name != "uci":
            path.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran-{name}\n")
        path.chmod(0o755)
    text = text.replace(f"{tmp_path}/etc/init.d/branch-prober enable", "true")
    done = subprocess.run(
        ["sh"],
        input=text.encode(),
        env={"PATH": f"{tools}:/usr/bin:/bin"},
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.glob("ran-*"))
    ovpn = (tmp_path / "etc/openvpn/voice.ovpn").read_text()
    assert ovpn == openwrt.parts(profile_of("everything"))[openwrt.OVPN].decode()
    assert (tmp_path / "etc/openvpn/voice.ovpn").stat().st_mode & 0o077 == 0
    assert "password='p\"w'\\''d;$(rm) -rf'" in (tmp_path / "batch").read_text()


def test_openvpn_takes_the_client_file_but_for_papers_that_are_none(tmp_path):
    path = tmp_path / "voice.ovpn"
    path.write_bytes(openwrt.parts(profile_of("simple"))[openwrt.OVPN])
    done = subprocess.run(["openvpn", "--config", path], capture_output=True, text=True, timeout=20)
    said = done.stdout + done.stderr
    assert "Options error" not in said
    assert "Cannot load" in said or "cannot load" in said or "error parsing" in said.lower()


def test_the_archive_holds_the_script_for_the_first_start_alone():
    made = openwrt.archive(profile_of("simple"))
    with tarfile.open(fileobj=io.BytesIO(made.content)) as archive:
        (entry,) = archive.getmembers()
        content = archive.extractfile(entry).read()
    assert (entry.name, entry.mode) == ("etc/uci-defaults/99-branch", 0o700)
    assert content == openwrt.script(profile_of("simple")).content


@pytest.mark.parametrize("case", ["simple", "everything"])
def test_every_quoted_text_of_the_routeros_script_ends_on_its_line(case):
    """After RouterOS's grammar: a quote ends a text unless a backslash stands before it."""
    for line in routeros.script(profile_of(case)).content.decode().splitlines():
        if line.startswith("#"):
            assert re.fullmatch(r"[ -~─…]*", line)
            continue
        rest = re.sub(r'"(?:[^"\\]|\\.)*"', "", line)
        assert '"' not in rest, line
        assert all(sign.isascii() for sign in line)


def test_the_routeros_script_removes_everything_that_it_adds():
    text = routeros.script(profile_of("everything")).content.decode()
    removed = set(re.findall(r'"(/[a-z/-]+)"[;}]', text)) | set(
        re.findall(r"in=\[(/[a-z/-]+) find", text)
    )
    added = set(re.findall(r"^(/[a-z/-]+) add ", text, re.M)) - {"/file"}
    assert added <= removed
    for line in re.findall(r"^/[a-z/-]+ add .*$", text, re.M):
        own = 'comment="branch: ' in line or 'name="branch-' in line
        assert own, line


@pytest.mark.parametrize("text", ["a\x00b", "a\x1bb", "\u2028"])
def test_signs_that_no_file_can_hold_are_refused(text):
    for escaping in (uci_value, routeros_text):
        with pytest.raises(UnsafeValue):
            escaping(text)


@pytest.mark.row("S5")
def test_a_file_does_not_show_its_key_when_it_is_logged():
    for form in files.FORMS.values():
        assert "PRIVATE KEY" not in repr(form(profile_of("simple")))


def test_each_maker_has_an_honest_table_and_every_form_is_offered_once():
    offered = [kind for limits in files.LIMITS for kind, _label in limits.kinds]
    assert sorted(offered) == sorted(files.FORMS)
    assert all(len(limits.rows) >= 7 for limits in files.LIMITS)
