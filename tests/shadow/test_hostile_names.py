"""Names that want to be syntax, read back from an Asterisk that runs with them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from appliance.asterisk import names
from appliance.render.escape import caller_name
from appliance.services import registry
from appliance.state.system_state import SCHEMA_VERSION

CASES = Path(__file__).parents[1] / "golden"


def golden(*case):
    services = json.loads(CASES.joinpath(*case, "state.json").read_text())
    return registry.decode({"schema_version": SCHEMA_VERSION, "services": services})


def looked_up(pbx, map_file, section, key):
    said = pbx.console.ask(f"dialplan eval function AST_CONFIG({map_file},{section},{key})")
    return said.partition("Result: ")[2].strip()


@pytest.fixture(scope="module", autouse=True)
def running(pbx):
    state = golden("voicemail_boxes", "hostile_names")
    devices = golden("devices", "many_lines")["devices"]
    pickup = golden("pickup_groups", "overlapping")["pickup_groups"]
    music = golden("music_on_hold", "own_classes")["music_on_hold"]
    pbx.apply(
        state.replaced(devices=devices, pickup_groups=pickup, music_on_hold=music)
    )  # proved and read back on the way
    return state


def test_each_name_is_what_the_dialplan_reads(pbx, running):
    known = registry.references(running)
    for extension in running["extensions"].extensions:
        wanted = caller_name(known.label("extension", extension.id)).replace("\\;", ";")
        assert looked_up(pbx, names.EXTENSIONS_MAP, extension.number, "name") == wanted


def test_no_section_was_made_by_a_name(pbx):
    assert "Context 'x'" not in pbx.console.ask("dialplan show x")
    assert "Objects found: 4" in pbx.console.ask("pjsip show endpoints")


def test_each_box_has_its_owner_and_nothing_else(pbx):
    said = pbx.console.ask("voicemail show users")
    assert "3 voicemail users configured" in said
