"""What differs between two states, said without secrets."""

from dataclasses import dataclass

from appliance.state.changes import Change, changes
from appliance.state.fields import Secret
from appliance.state.system_state import SystemState


@dataclass(frozen=True)
class Lamp:
    id: str
    colour: str = "red"
    key: Secret = Secret("")  # noqa: RUF009 - immutable


@dataclass(frozen=True)
class Lamps:
    lamps: tuple[Lamp, ...] = ()
    order: tuple[str, ...] = ()
    bright: bool = False


def difference(old: Lamps, new: Lamps) -> tuple[Change, ...]:
    return changes(SystemState({"lamps": old}), SystemState({"lamps": new}))


def test_equal_states_have_no_difference():
    assert difference(Lamps((Lamp("a"),)), Lamps((Lamp("a"),))) == ()


def test_a_changed_field_is_named_by_its_place():
    assert difference(Lamps((Lamp("a"),)), Lamps((Lamp("a", "blue"),), bright=True)) == (
        Change("changed", "lamps/lamps/a/colour", "red", "blue"),
        Change("changed", "lamps/bright", False, True),
    )


def test_added_and_removed_objects_are_shown_whole():
    (removed, added) = difference(Lamps((Lamp("a"), Lamp("b"))), Lamps((Lamp("b"), Lamp("c"))))
    assert (removed.kind, removed.where) == ("removed", "lamps/lamps/a")
    assert added == Change("added", "lamps/lamps/c", after={"id": "c", "colour": "red", "key": ""})


def test_another_order_of_plain_values_is_a_change():
    assert difference(Lamps(order=("x", "y")), Lamps(order=("y", "x"))) == (
        Change("changed", "lamps/order", ["x", "y"], ["y", "x"]),
    )


def test_a_changed_secret_shows_as_changed_and_never_as_text():
    old = Lamps((Lamp("a", key=Secret("old-secret")),))
    new = Lamps((Lamp("a", key=Secret("new-secret")), Lamp("b", key=Secret("third-secret"))))
    changed, added = difference(old, new)
    assert changed == Change("changed", "lamps/lamps/a/key", "••••••", "••••••")
    assert "third-secret" not in repr(added)


def test_another_order_of_objects_is_a_change():
    assert difference(Lamps((Lamp("a"), Lamp("b"))), Lamps((Lamp("b"), Lamp("a")))) == (
        Change("changed", "lamps/lamps", ["a", "b"], ["b", "a"]),
    )
