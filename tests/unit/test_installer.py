"""Which disks the installer offers, and what it refuses to do to them."""

import json
from pathlib import Path

import pytest

from appliance.disk import layout
from appliance.installer import disks, install, medium
from appliance.installer.dialog import Dialog, NotConfirmed
from appliance.installer.disks import Disk
from appliance.installer.plan import PlanRefused, unattended
from appliance.terminal.texts import Texts

BIG = 100 * 10**9


def device(path, **changes):
    fields = {
        "path": path,
        "size": BIG,
        "model": "ACME  Disk",
        "ro": False,
        "type": "disk",
        "mountpoints": [None],
        "fstype": None,
        "partlabel": None,
        "parttype": None,
        "pttype": None,
        "children": [],
    }
    return {**fields, **changes}


def offered(*devices):
    return list(disks.disks_of({"blockdevices": list(devices)}))


def test_cds_floppies_locked_disks_and_the_medium_itself_are_not_offered():
    stick = device("/dev/sdb1", type="part", mountpoints=["/run/live/medium"])
    found = offered(
        device("/dev/sda"),
        device("/dev/sr0", type="rom"),
        device("/dev/fd0", size=1440 * 1024),
        device("/dev/sdc", ro=True),
        device("/dev/sdd", size=0),
        device("/dev/sdb", children=[stick]),
    )
    assert [disk.name for disk in found] == ["sda"]
    assert found[0].model == "ACME Disk"
    assert found[0].empty


def test_what_is_on_a_disk_is_told():
    part = device("/dev/sda1", type="part", fstype="ntfs", pttype="gpt", partlabel="Basic data")
    (disk,) = offered(device("/dev/sda", pttype="gpt", children=[part]))
    assert disk.contents == ("sda: gpt", "sda1: ntfs")
    assert disk.data == ""


def test_an_older_installation_is_known_by_its_own_type_of_partition():
    ours = {"partlabel": "data", "parttype": layout.DATA_TYPE.lower(), "fstype": "ext4"}
    (disk,) = offered(device("/dev/sda", children=[device("/dev/sda5", type="part", **ours)]))
    assert disk.data == "/dev/sda5"
    ours["parttype"] = layout.LINUX_TYPE
    (disk,) = offered(device("/dev/sda", children=[device("/dev/sda5", type="part", **ours)]))
    assert disk.data == ""


def disk(name="sda", **fields):
    return Disk(Path("/dev") / name, fields.pop("size", BIG), "ACME", **fields)


FULL = {"contents": ("sda1: ntfs",)}


@pytest.mark.parametrize(
    ("given", "found", "why"),
    [
        ({"install_disk": "auto"}, [], "0 disks are empty"),
        ({"install_disk": "auto"}, [disk(), disk("sdb")], "2 disks are empty"),
        ({"install_disk": "auto"}, [disk(**FULL)], "0 disks are empty"),
        ({"install_disk": "sdz"}, [disk()], "no disk sdz"),
        ({"install_disk": "sda"}, [disk(size=10**9)], "too small"),
        ({"install_disk": "sda"}, [disk(**FULL)], "holds data"),
        ({"install_disk": "sda", "install_keep": "yes"}, [disk()], "no older installation"),
    ],
)
def test_what_could_lose_data_is_not_done_unattended(given, found, why):
    with pytest.raises(PlanRefused, match=why):
        unattended(given, found)


def test_an_unattended_installation_takes_the_only_empty_disk():
    plan = unattended({"install_disk": "auto"}, [disk(**FULL), disk("sdb")])
    assert plan is not None
    assert (plan.disk.name, plan.keep_data) == ("sdb", False)
    assert unattended({}, [disk()]) is None


class Scripted:
    """A person who types what is written here."""

    def __init__(self, *typed):
        self.typed = list(typed)
        self.said = []

    def show(self, lines):
        self.said += lines

    def say(self, line=""):
        self.said.append(line)

    def line(self, question):
        self.said.append(question)
        return self.typed.pop(0)

    def progress(self, what, share):
        self.said.append(what)


def dialog(*typed):
    screen = Scripted(*typed)
    screen.key = lambda _within=None: screen.typed.pop(0)
    return Dialog(screen, Texts("en")), screen


def test_a_disk_is_only_erased_after_its_name_was_typed():
    asked, screen = dialog("sda")
    assert asked.disk([disk(**FULL)]).keep_data is False
    assert any("sda1: ntfs" in str(line) for line in screen.said)
    for answer in ("", "yes", "sdb"):
        asked, _ = dialog(answer)
        with pytest.raises(NotConfirmed):
            asked.disk([disk(**FULL)])


def test_a_disk_is_chosen_by_its_number_among_sizes_and_models():
    asked, screen = dialog("3", "2", "sdb")
    assert asked.disk([disk(), disk("sdb", size=200 * 10**9)]).disk.name == "sdb"
    assert any("200 GB" in line and "ACME" in line for line in screen.said)
    assert "There is no such disk." in screen.said


def test_the_data_of_an_older_installation_are_kept_with_one_key():
    asked, _ = dialog("k")
    plan = asked.disk([disk(data="/dev/sda5", contents=("sda5: ext4",))])
    assert plan.keep_data


def test_a_disk_that_is_too_small_is_refused_by_hand_too():
    asked, _ = dialog("sda")
    with pytest.raises(NotConfirmed, match="too small"):
        asked.disk([disk(size=10**9)])


def test_wrong_settings_are_asked_again():
    asked, screen = dialog("short", "correct-horse-battery", "192.0.2.1", "")
    assert asked.settings() == {"setup_code": "correct-horse-battery"}
    assert "At least 12 letters and digits." in screen.said


def sfdisk(**changes):
    sizes = {"bios": 2048, "esp": 786432, "rootA": 2097152, "rootB": 2097152, "data": 9999}
    names = changes.get("names", list(sizes))
    rows = [
        {
            "node": f"/dev/nvme0n1p{number}",
            "start": number * 10000,
            "size": changes.get(name, sizes[name]),
            "type": layout.LINUX_TYPE,
            "uuid": f"ID-{name}",
            "name": name,
        }
        for number, name in enumerate(names, start=1)
    ]
    return {"id": "DISK", "partitions": rows}


def test_an_older_table_is_read_back_as_it_lies():
    table = install.table_of(sfdisk())
    assert table["rootB"].identity == "ID-rootB"
    nvme = disk("nvme0n1")
    assert str(install.partition(nvme, table["data"])) == "/dev/nvme0n1p5"
    assert str(install.partition(disk(), table["data"])) == "/dev/sda5"


@pytest.mark.parametrize("changes", [{"names": ["esp", "data"]}, {"rootA": 1000}])
def test_data_of_another_layout_are_not_kept_by_luck(changes):
    with pytest.raises(install.InstallFailed, match="another layout"):
        install.table_of(sfdisk(**changes))


def a_medium(tmp_path):
    (tmp_path / "installer").mkdir()
    (tmp_path / "live").mkdir()
    (tmp_path / "live/filesystem.squashfs").write_bytes(b"system" * 1000)
    whole = medium.checksum(tmp_path / "live/filesystem.squashfs", 6000)
    data = {"version": "1", "kernel_line": "quiet", "files": {"live/filesystem.squashfs": whole}}
    (tmp_path / "installer/manifest.json").write_text(json.dumps(data))
    return tmp_path


def test_a_whole_medium_passes_and_tells_how_far_it_is(tmp_path):
    told = []
    medium.check(medium.opened(a_medium(tmp_path)), lambda step, share: told.append(share), "x")
    assert told == [1.0]


def test_a_damaged_medium_is_found_before_anything_is_written(tmp_path):
    folder = a_medium(tmp_path)
    (folder / "live/filesystem.squashfs").write_bytes(b"system" * 999 + b"sYstem")
    with pytest.raises(medium.DamagedMedium, match="squashfs"):
        medium.check(medium.opened(folder), lambda *_: None, "x")
    (folder / "installer/manifest.json").unlink()
    with pytest.raises(medium.DamagedMedium):
        medium.opened(folder)
