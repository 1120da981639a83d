"""Partition table, boot code and environment block of the appliance's disk."""

import itertools
import struct

import pytest

from appliance.disk import bios, environment, layout, start


def table(size=40 * layout.GIB):
    return layout.layout_for(size, layout.identities_from("a seed"))


@pytest.mark.row("I3")
def test_partitions_follow_each_other_and_end_before_the_second_table():
    size = 40 * layout.GIB
    parts = table(size).partitions
    assert [p.name for p in parts] == ["bios", "esp", "rootA", "rootB", "data"]
    for left, right in itertools.pairwise(parts):
        assert left.first + left.size == right.first
    assert parts[-1].first + parts[-1].size <= size - 33 * layout.SECTOR


def test_the_same_seed_gives_the_same_table_and_another_seed_another():
    assert table() == table()
    other = layout.layout_for(40 * layout.GIB, layout.identities_from("another"))
    assert other.identity != table().identity


def test_a_disk_below_the_smallest_is_refused():
    layout.layout_for(layout.SMALLEST_DISK, layout.random_identities)
    with pytest.raises(ValueError, match="are needed"):
        layout.layout_for(layout.SMALLEST_DISK - layout.MIB, layout.random_identities)


def test_sfdisk_is_told_every_partition_by_sector_type_and_identity():
    text = layout.sfdisk_script(table())
    data = table()["data"]
    assert f"start={data.first // 512}, size={data.size // 512}, type={layout.DATA_TYPE}" in text
    assert f'uuid={data.identity}, name="data"' in text


def test_first_sector_keeps_partitions_and_points_at_the_core():
    old = b"\xaa" * 512
    new = bios.first_sector(old, b"\x11" * 512, 2048)
    assert new[440:] == old[440:]
    assert struct.unpack_from("<Q", new, 0x5C) == (2048,)
    assert new[0x66:0x68] == b"\x90\x90"


def test_the_core_says_where_its_rest_lies():
    core = bios.core_at(b"\x22" * 1300, 2048, 1024 * 1024)
    assert len(core) == 3 * 512
    assert struct.unpack_from("<QHH", core, 500) == (2049, 2, 0x820)


def test_a_core_without_room_is_refused():
    with pytest.raises(ValueError, match="there is room"):
        bios.core_at(b"\0" * 2048, 2048, 1024)


def test_environment_is_read_as_it_was_written():
    words = {"slot": "A", "try": "B"}
    block = environment.encode(words)
    assert len(block) == 1024
    assert block.startswith(b"# GRUB Environment Block\n")
    assert block.endswith(b"#")
    assert environment.decode(block) == words


@pytest.mark.parametrize("value", ["a\nb=c", "back\\slash", "x" * 1024])
def test_what_cannot_stand_in_an_environment_is_refused(value):
    with pytest.raises(ValueError, match="GRUB environment"):
        environment.encode({"slot": value})


def test_a_damaged_environment_is_not_taken_for_an_empty_one():
    with pytest.raises(environment.DamagedEnvironment):
        environment.decode(b"\0" * 1024)


def test_updating_changes_in_place_and_removes(tmp_path):
    file = tmp_path / "grubenv"
    file.write_bytes(environment.encode({"slot": "A", "try": "B"}))
    before = file.stat().st_ino
    environment.update(file, slot="B", **{"try": None})
    assert environment.read(file) == {"slot": "B"}
    assert (file.stat().st_ino, file.stat().st_size) == (before, 1024)


def test_grub_names_slots_by_the_partitions_of_its_own_disk():
    text = start.grub_configuration("@NAME@ @ROOT_A@ @ROOT_B@ @KERNEL@", table(), "quiet")
    own = [table()[f"root{slot}"].identity.lower() for slot in "AB"]
    assert text == f"Centralino {own[0]} {own[1]} quiet"
