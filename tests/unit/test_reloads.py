"""Which console commands a set of reloads becomes."""

import pytest

from appliance.asterisk.reloads import CATALOGUE, RESTART, in_order


def test_commands_come_once_and_in_the_order_of_the_catalogue():
    names = ["dialplan", "pjsip", "logger", "dialplan", RESTART]
    assert in_order(names) == tuple(CATALOGUE[name] for name in ("logger", "pjsip", "dialplan"))


def test_a_reload_that_another_includes_is_not_sent():
    assert in_order(["pjsip_objects"]) == (CATALOGUE["pjsip_objects"],)
    assert in_order(["pjsip_objects", "pjsip"]) == (CATALOGUE["pjsip"],)


def test_an_unknown_reload_is_a_mistake_of_the_program():
    with pytest.raises(ValueError, match="does not know"):
        in_order(["telepathy"])
