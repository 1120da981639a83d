"""Roles, units, recipe and table of processes say the same."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from appliance.apply.trial import TrialRecord
from appliance.state.machine import Layout
from appliance.system import accounts, processes
from appliance.system.backup import place
from appliance.system.watch import PACKAGED, appliance_site, unit_of
from tools import debian_pool, debian_root
from tools.image import accounts as fixed
from tools.image.edition import APPLIANCE, ROUTER

CHECKOUT = Path(__file__).resolve().parent.parent.parent
ROLES = sorted(path for path in (CHECKOUT / "roles").iterdir() if path.is_dir())
TABLE = {process.name: process for process in processes.table(appliance_site())}


def unit(name):
    """Section and key -> every value of a unit's own file, line by line."""
    (file,) = CHECKOUT.glob(f"roles/*/files/{name}")
    found = {}
    for line in file.read_text().splitlines():
        key, separator, value = line.partition("=")
        if separator and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


@pytest.mark.parametrize("name", [name for name in TABLE if name not in PACKAGED])
def test_a_unit_runs_what_the_table_of_processes_says(name):
    process, said = TABLE[name], unit(f"centralino-{name}.service")
    started = shlex.split(said["ExecStart"][0])
    wanted = list(process.command)
    assert [Path(started[0]).name, *started[1:]] == [Path(wanted[0]).name, *wanted[1:]]
    if process.account != "root":
        assert said["User"] == [process.account]
        groups = [*said["Group"], *said.get("SupplementaryGroups", [])]
        assert tuple(groups) == process.groups
    assert set(said.get("LoadCredential", [])) == {
        f"{each}:{Layout().state / 'secrets' / each}" for each in process.credentials
    }
    assert float(said["TimeoutStopSec"][0]) == process.stop_within_s
    after = " ".join(said["After"])
    assert all(unit_of(TABLE[other]) in after for other in process.after)


def test_the_relay_of_mail_starts_after_the_engine_has_recovered():
    assert "centralino-engine.service" in " ".join(unit("nullmailer.conf")["After"])
    assert unit("centralino-engine.service")["Type"] == ["notify"]


def test_telephony_waits_for_the_engine_only_where_it_has_something_to_finish():
    assert unit("asterisk.conf")["After"] == ["centralino-settled.service"]
    layout = Layout()
    pending = (TrialRecord(layout.state).path, layout.restore, place.restored_file(layout))
    assert set(unit("centralino-settled.service")["ConditionPathExists"]) == {
        f"|!{layout.current}",
        *(f"|{path}" for path in pending),
    }


def test_accounts_of_the_roles_are_those_of_the_code():
    made = yaml.safe_load((CHECKOUT / "roles/base/defaults/main.yml").read_text())
    assert {each["name"] for each in made["base_groups"]} == set(accounts.GROUPS)
    by_name = {each["name"]: tuple(each["groups"]) for each in made["base_accounts"]}
    for process in TABLE.values():
        if process.account != "root":
            assert by_name[process.account] == process.groups
    numbers = [each["number"] for each in made["base_groups"] + made["base_accounts"]]
    packaged = [int(line.split(":")[2]) for line in fixed.files()["group"].splitlines()]
    assert len({*numbers, *packaged}) == len(numbers) + len(packaged)


def test_an_image_holds_the_packages_of_every_role():
    for role in ROLES:
        own = ROUTER if role.name == ROUTER.name else APPLIANCE
        listed = set(debian_pool.read_list(own.packages))
        defaults = role / "defaults/main.yml"
        said = yaml.safe_load(defaults.read_text()) if defaults.exists() else {}
        wanted = set(said.get(f"{role.name}_packages", ()))
        # Jitsi's packages come from an archive that may not be there.
        assert role.name == "jitsi" or wanted <= listed, wanted - listed


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_a_role_declares_its_arguments_and_has_its_defaults(role):
    specified = yaml.safe_load((role / "meta/argument_specs.yml").read_text())
    options = specified["argument_specs"]["main"]["options"]
    defaults = role / "defaults/main.yml"
    said = yaml.safe_load(defaults.read_text()) if defaults.exists() else {}
    assert set(options) == set(said)
    assert all(name.startswith(f"{role.name}_") for name in options)


def test_every_role_is_in_the_playbook():
    plays = yaml.safe_load((CHECKOUT / "site.yml").read_text())
    named = {each["role"] for play in plays for each in play["roles"]}
    assert named | {"image", ROUTER.name} == {role.name for role in ROLES}


def test_no_role_writes_a_file_of_the_engine():
    for file in CHECKOUT.glob("roles/*/tasks/*.yml"):
        destinations = re.findall(r"^\s+(?:dest|path): (\S+)", file.read_text(), re.M)
        bad = [each for each in destinations if each.startswith("/etc/asterisk/")]
        bad += [each for each in destinations if "/var/lib/centralino/" in each]
        assert not bad, f"{file}: {bad}"


def test_vendored_libraries_are_pinned_by_hash():
    text = (CHECKOUT / "appliance/iso/wheels.txt").read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert lines
    for line in lines:
        assert re.fullmatch(r"[a-z0-9-]+==\S+ --hash=sha256:[0-9a-f]{64}", line), line


def test_the_package_list_of_setup_names_every_package_of_ours():
    text = (CHECKOUT / "setup.py").read_text()
    for top in ("appliance",):
        for init in (CHECKOUT / top).rglob("__init__.py"):
            name = ".".join(init.parent.relative_to(CHECKOUT).parts)
            assert f'"{name}"' in text, f"{name} is not in setup.py"


def test_the_root_of_the_tests_has_what_the_portal_of_an_appliance_has():
    said = yaml.safe_load((CHECKOUT / "roles/portal/defaults/main.yml").read_text())
    assert set(said["portal_packages"]) <= set(debian_root.PACKAGES)


def test_data_are_copied_before_any_process_can_change_them():
    before = " ".join(unit("centralino-trial.service")["Before"])
    assert [name for name in TABLE if unit_of(TABLE[name]) not in before] == []
    assert "centralino-first-boot.service" in before
