"""Plain data to typed state and back, and what is refused on the way."""

from dataclasses import dataclass

import pytest

from appliance.state.codec import decode, encode, mask
from appliance.state.faults import StateError
from appliance.state.fields import InternalNumber, Label, ObjectId, Secret


@dataclass(frozen=True)
class Room:
    id: ObjectId
    name: Label
    number: InternalNumber = "10"
    key: Secret = Secret("")  # noqa: RUF009 - immutable


@dataclass(frozen=True)
class House:
    rooms: tuple[Room, ...] = ()
    owner: Label | None = None


def test_what_is_encoded_decodes_to_the_same_value():
    house = House((Room("a", "Niccolò D'Amico", "215", Secret("x;y")),), "Müller")
    assert decode(House, encode(house)) == house


def test_masked_secrets_do_not_appear():
    assert "x;y" not in str(encode(House((Room("a", "A", "215", Secret("x;y")),)), mask))


@pytest.mark.parametrize(
    ("data", "where"),
    [
        ({"rooms": [{"id": "a", "name": "A", "extra": 1}]}, "rooms/a/extra"),
        ({"rooms": [{"id": "a"}]}, "rooms/a/name"),
        ({"rooms": [{"id": "a", "name": "A\nB"}]}, "rooms/a/name"),
        ({"rooms": [{"id": "a", "name": "A\u202eB"}]}, "rooms/a/name"),
        ({"rooms": [{"id": "a", "name": "x" * 81}]}, "rooms/a/name"),
        ({"rooms": [{"id": "A b", "name": "A"}]}, "rooms/A b/id"),
        ({"rooms": [{"id": "a", "name": "A", "number": "1"}]}, "rooms/a/number"),
        ({"rooms": [{"id": "a", "name": "A", "number": "٢١٥"}]}, "rooms/a/number"),
        ({"rooms": [{"id": "a", "name": "A", "number": 215}]}, "rooms/a/number"),
        ({"rooms": [{"id": "a", "name": "A", "key": 5}]}, "rooms/a/key"),
        ({"rooms": [{"id": "a", "name": "A", "key": "\ud800"}]}, "rooms/a/key"),
        ({"rooms": [{"id": "a", "name": "A", "number": True}]}, "rooms/a/number"),
        ({"rooms": {}}, "rooms"),
        ({"owner": 1}, "owner"),
    ],
)
def test_a_wrong_value_is_refused_by_its_place(data, where):
    with pytest.raises(StateError) as caught:
        decode(House, data)
    assert [fault.where for fault in caught.value.faults] == [where]


def test_every_fault_is_reported_at_once():
    with pytest.raises(StateError) as caught:
        decode(House, {"owner": "", "rooms": [{"id": "a"}, {"name": "B"}]})
    assert len(caught.value.faults) == 3


def test_a_secret_shows_itself_nowhere():
    secret = Secret("very-secret")
    assert "very-secret" not in f"{secret!r} {secret} {[secret]}"
