"""States of older versions of the program, read by a newer one."""

import pytest

from appliance.services import registry
from appliance.state import migrations
from appliance.state.faults import StateError


def renamed(services):
    for lamp in services["lamps"]:
        lamp["colour"] = lamp.pop("color")
    return services


def split(services):
    services["lanterns"] = [lamp for lamp in services["lamps"] if lamp["colour"] == "red"]
    return services


STEPS = {1: renamed, 2: split}


def test_every_step_from_the_old_version_on_is_taken():
    data = {"schema_version": 1, "services": {"lamps": [{"color": "red"}]}}
    red = [{"colour": "red"}]
    assert migrations.current(data, STEPS) == {"lamps": red, "lanterns": red}


def test_a_state_between_takes_only_the_steps_that_are_left():
    data = {"schema_version": 2, "services": {"lamps": [{"colour": "blue"}]}}
    assert migrations.current(data, STEPS) == {"lamps": [{"colour": "blue"}], "lanterns": []}


def test_the_old_data_itself_stays_as_it_is():
    data = {"schema_version": 1, "services": {"lamps": [{"color": "red"}]}}
    migrations.current(data, STEPS)
    assert data == {"schema_version": 1, "services": {"lamps": [{"color": "red"}]}}


@pytest.mark.parametrize("version", [4, 10**30])
def test_a_state_of_a_newer_program_is_refused_with_both_versions(version):
    with pytest.raises(StateError, match="newer version") as caught:
        migrations.current({"schema_version": version, "services": {}}, STEPS)
    assert caught.value.faults[0].values == {"found": version, "known": 3}


@pytest.mark.parametrize("version", [0, -1, "1", None, True, 1.0])
def test_what_is_no_version_is_refused(version):
    with pytest.raises(StateError, match="schema_version"):
        migrations.current({"schema_version": version, "services": {}}, STEPS)


def test_data_that_never_was_a_state_of_its_version_is_refused():
    with pytest.raises(StateError, match="not a sound state of version 1"):
        migrations.current({"schema_version": 1, "services": {"lamps": [{}]}}, STEPS)


def test_there_is_one_step_for_every_version_before_this_one():
    assert sorted(migrations.STEPS) == list(range(1, migrations.SCHEMA_VERSION))


def test_the_state_that_this_program_writes_needs_no_step():
    state = registry.empty_state()
    data = {"schema_version": migrations.SCHEMA_VERSION, "services": {}}
    assert registry.decode(data) == state
