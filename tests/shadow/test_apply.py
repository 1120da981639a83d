"""A state takes the engine's whole way to a running Asterisk."""

from appliance.services import devices, extensions
from appliance.state.tokens import new_secret


def phone(number: str) -> tuple[extensions.Extension, devices.Device]:
    line = devices.Line(number, 1, new_secret())
    return extensions.Extension(number, number), devices.Device(f"phone-{number}", "t", (line,))


def states(*numbers: str) -> dict[str, object]:
    pairs = [phone(number) for number in numbers]
    return {
        "extensions": extensions.State(tuple(pair[0] for pair in pairs)),
        "devices": devices.State(tuple(pair[1] for pair in pairs)),
    }


def test_an_applied_extension_is_known_to_asterisk_and_a_removed_one_is_not(pbx):
    pbx.apply_services(**states("215", "216"))
    assert "216-1" in pbx.console.ask("pjsip show endpoints")
    pbx.apply_services(**states("215"))
    shown = pbx.console.ask("pjsip show endpoints")
    assert "215-1" in shown
    assert "216-1" not in shown
