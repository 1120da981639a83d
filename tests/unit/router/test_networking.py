"""The router's own network as its profile wants it."""

import dataclasses

import pytest

from failover_router import boot, networking
from failover_router.router_profile import ProfileError, read, write
from failover_router.routes import LINE_TABLE
from tests.support import branches


def profile():
    return branches.profile(branches.state(branches.branch()))


def asking():
    """The same with lines that ask by DHCP."""
    made = profile()
    lines = tuple(dataclasses.replace(line, addressing="dhcp") for line in made.lines)
    return dataclasses.replace(made, lines=lines)


def test_the_route_of_each_line_goes_into_the_table_in_which_the_agent_looks():
    texts = [text for name, text in networking.files(asking()).items() if name.startswith("30-")]
    assert [f"RouteTable={LINE_TABLE + order}" in text for order, text in enumerate(texts)] == [
        True,
        True,
    ]


def test_name_servers_come_from_the_first_line_alone():
    files = networking.files(asking())
    first, second = (text for name, text in files.items() if name.startswith("30-"))
    assert "UseDNS=yes" in first
    assert "UseDNS=no" in second


def test_a_static_line_has_its_address_and_asks_nobody():
    made = profile()
    line = dataclasses.replace(
        made.lines[0], addressing="static", address="198.51.100.7/29", gateway="198.51.100.1"
    )
    text = networking.line_network(line, 0)
    assert "Address=198.51.100.7/29" in text
    assert "DHCP" not in text


def test_a_line_that_this_image_cannot_do_is_named():
    made = profile()
    lines = (dataclasses.replace(made.lines[0], addressing="pppoe"), *made.lines[1:])
    (said,) = networking.cannot(dataclasses.replace(made, lines=lines), ports_of(made))
    assert "pppoe" in said


def test_a_port_that_this_router_lacks_is_named_with_those_it_has():
    made = profile()
    there = ports_of(made) - {made.lines[1].interface}
    (said,) = networking.cannot(made, there)
    assert f"no port {made.lines[1].interface} here" in said
    assert made.lan.interface in said


def test_two_lines_of_one_name_are_both_named():
    made = profile()
    lines = tuple(dataclasses.replace(line, label="Fibra") for line in made.lines)
    said = networking.cannot(dataclasses.replace(made, lines=lines), {made.lan.interface})
    assert len(said) == len(lines)


def ports_of(made):
    return {made.lan.interface, *(line.interface for line in made.lines)}


def test_files_of_an_older_profile_are_taken_away(tmp_path):
    folder = tmp_path / networking.FOLDER
    folder.mkdir(parents=True)
    (folder / "30-gone.network").write_text("[Match]\nName=eth7\n")
    (folder / networking.BLANK).write_text("")
    held = tmp_path / "profile.json"
    held.write_bytes(write(profile()))
    for port in ports_of(profile()):
        (tmp_path / boot.PORTS / port).mkdir(parents=True)
    assert boot.settle(held, tmp_path) == []
    wanted = {*networking.files(read(held.read_bytes())), networking.BLANK}
    assert {file.name for file in folder.iterdir()} == wanted


def test_without_a_profile_every_port_asks_by_dhcp(tmp_path):
    assert boot.settle(tmp_path / "none", tmp_path) == []
    assert list((tmp_path / networking.FOLDER).iterdir()) == []


def test_a_damaged_profile_changes_no_file(tmp_path):
    folder = tmp_path / networking.FOLDER
    folder.mkdir(parents=True)
    (folder / "20-lan.network").write_text("kept")
    held = tmp_path / "profile.json"
    held.write_text("{}")
    with pytest.raises(ProfileError):
        boot.settle(held, tmp_path)
    assert (folder / "20-lan.network").read_text() == "kept"
