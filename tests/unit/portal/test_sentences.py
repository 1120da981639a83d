"""Differences as sentences: nothing in them is called as the program calls it."""

import dataclasses
import typing

import pytest

from appliance.services.pickup_groups import PickupGroup
from appliance.services.pickup_groups import State as PickupGroups
from appliance.services.registry import STATE_TYPES
from appliance.services.ring_groups import Member, RingGroup
from appliance.services.ring_groups import State as RingGroups
from appliance.state.changes import Change, changes
from appliance.state.codec import decode, encode, reveal
from appliance.state.faults import Fault
from appliance.state.fields import Country, Language, ObjectId, Secret
from appliance.state.references import Destination
from appliance.system.vpn import Branch
from appliance.system.vpn import State as Vpn
from appliance.system.vpn_lines import Lan, Line
from portal.core import draft
from portal.core.db import transaction
from portal.core.field_names import REFERENCES
from portal.core.screens import screen_of_kind
from portal.core.sentences import sentences, shown_fault
from portal.core.shapes import Place, collections, settings_fields
from portal.core.spots import is_named, root
from portal.core.values import Values

CODES = {Language: ("it", "en"), Country: ("IT", "DE")}
"""Texts that are words of a list all the same."""


def every_field():
    """Each field of each service, those of rows, too."""
    for service in STATE_TYPES:
        settings = root(Place(service)).fields
        tops = [settings[name] for name in settings_fields(service)]
        for collection in collections(service):
            tops += root(Place(service, collection, "x")).fields.values()
        for top in tops:
            yield from below(top)


def below(spot):
    yield spot
    if spot.kind is not Destination:
        for inner in spot.fields.values():
            yield from below(inner)


def words_of(spot):
    """The words that a field can have when they are those of a list."""
    if typing.get_origin(spot.kind) is typing.Literal:
        return typing.get_args(spot.kind)
    return CODES.get(spot.kind, ())


@pytest.fixture(params=["it", "en"])
def reader(request, company):
    with company.test_request_context(headers={"Accept-Language": request.param}):
        yield Values(draft.state())


@pytest.mark.row("N4", "V30")
def test_every_field_of_every_service_has_a_name_for_people(reader):
    bare = {each.path for each in every_field() if not is_named(each)}
    assert {path for path in bare if not path.endswith("/id")} == set()


@pytest.mark.row("N4", "V30")
def test_no_choice_of_any_field_is_told_by_the_program_s_word(company):
    """In Italian, since an English word may well be the program's, too."""
    chosen = [(spot, word) for spot in every_field() for word in words_of(spot)]
    assert len(chosen) > 100
    with company.test_request_context(headers={"Accept-Language": "it"}):
        values = Values(draft.state())
        bare = {f"{spot.path}: {word}" for spot, word in chosen if values.text(spot, word) == word}
    assert bare == set()


NO_OBJECTS = {
    "music_on_hold/classes/pieces": "files on the machine, whose names are made from uploads",
    "trunks/trunks/shape": "carriers, whose names come with the program",
}


@pytest.mark.row("N4")
def test_every_id_in_a_field_is_told_by_the_name_of_its_object(reader):
    ids = {each.path: each for each in every_field() if each.kind == ObjectId}
    named = {path: spot for path, spot in ids.items() if not path.endswith("/id")}
    known = {path for path in REFERENCES if not path.endswith("/id")}
    assert named.keys() - NO_OBJECTS.keys() == known
    for path in named.keys() - NO_OBJECTS.keys():
        state = with_a_stranger(REFERENCES[path])
        told = Values(state).text(named[path], "zz-stranger-9")
        assert "zz-stranger-9" not in told, path
        assert told != "–", path


NEW = {
    "time_window": {"label": "Orario d'ufficio", "openings": []},
    "music_on_hold_class": {"name": "Inverno"},
    "network_interface": {"label": "Uffici"},
}
"""What the sample company has none of."""


def with_a_stranger(kind):
    """The company with one more object of a kind, whose id nobody would guess."""
    service, collection, _owned = screen_of_kind(kind).main
    state = draft.state()
    items = getattr(state[service], collection)
    plain = NEW[kind] if kind in NEW else encode(items[0], reveal)
    stranger = decode(collections(service)[collection], {**plain, "id": "zz-stranger-9"})
    part = dataclasses.replace(state[service], **{collection: (*items, stranger)})
    return state.replaced(**{service: part})


def said(company, part, index=0, **fields):
    """The sentence about an object of a list, some of whose fields change."""
    service, collection = part
    with company.test_request_context(headers={"Accept-Language": "it"}):
        before = draft.state()
        items = list(getattr(before[service], collection))
        items[index] = dataclasses.replace(items[index], **fields)
        state = dataclasses.replace(before[service], **{collection: tuple(items)})
        after = before.replaced(**{service: state})
        (sentence,) = sentences(changes(before, after), before, after)
        return str(sentence)


def with_group(company):
    """A ring group in the draft."""
    group = RingGroup("sales", "300", "Vendite", (Member("200"), Member("201", 10)))
    with company.app_context(), transaction():
        draft.replace(draft.state().replaced(ring_groups=RingGroups((group,))), "draft.change", "")


@pytest.mark.row("N4")
def test_a_member_of_a_group_is_told_by_number_and_name_with_what_is_unusual(company):
    with_group(company)
    members = (Member("200"), Member("202", 5))
    told = said(company, ("ring_groups", "groups"), members=members)
    assert "200 Niccolò D'Amico, 201 Chiara Nardò (Squilla dopo: 10 secondi)" in told
    assert "200 Niccolò D'Amico, 202 Matteo Rinaldi (Squilla dopo: 5 secondi)" in told


@pytest.mark.row("N4")
def test_an_extension_that_is_gone_is_told_by_the_name_that_it_had(company):
    with company.test_request_context(headers={"Accept-Language": "it"}):
        after = draft.state()
        number = dataclasses.replace(
            after["extensions"].extensions[0], id="zz-gone-9", number="299"
        )
        before = after.replaced(
            extensions=dataclasses.replace(
                after["extensions"], extensions=(*after["extensions"].extensions, number)
            ),
            pickup_groups=PickupGroups((PickupGroup("office", "Ufficio", ("200", "zz-gone-9")),)),
        )
        after = after.replaced(
            pickup_groups=PickupGroups((PickupGroup("office", "Ufficio", ("200",)),))
        )
        told = " ".join(map(str, sentences(changes(before, after), before, after)))
    assert "299" in told
    assert "zz-gone-9" not in told


@pytest.mark.row("N4")
def test_a_destination_is_told_by_what_it_is_and_its_name(company):
    told = said(company, ("extensions", "extensions"), on_no_answer=Destination("extension", "205"))
    assert told.endswith("da – a interno 205 Beatrice Sforza")


@pytest.mark.row("N4")
def test_of_a_long_list_what_differs_is_told(company):
    numbers = tuple(str(200 + each) for each in range(20))
    with company.test_request_context(headers={"Accept-Language": "it"}):
        one = draft.state().replaced(
            pickup_groups=PickupGroups((PickupGroup("office", "Ufficio", numbers),))
        )
        other = one.replaced(
            pickup_groups=PickupGroups((PickupGroup("office", "Ufficio", numbers[:-1]),))
        )
        (sentence,) = sentences(changes(one, other), one, other)
    assert (sentence.before[:4], sentence.after) == ("219 ", "–")


@pytest.mark.row("N4", "S1")
def test_a_new_password_inside_a_row_is_seen_and_not_told(company):
    with company.app_context():
        line = draft.state()["devices"].devices[0].lines[0]
    secret = Secret("nobody-may-read-this-1")
    told = said(company, ("devices", "devices"), lines=(dataclasses.replace(line, secret=secret),))
    assert told.endswith("(nuovo valore)")
    assert secret.reveal() not in told


@pytest.mark.row("N4")
def test_a_field_inside_a_row_is_told_with_the_name_of_the_row(company):
    with company.test_request_context(headers={"Accept-Language": "it"}):
        fibre = Line("tim", "Fibra TIM", "fibre", "wan1")
        before, after = (
            draft.state().replaced(vpn=Vpn(branches=(
                Branch("parma", 1, Lan("10.20.1.0/24", "10.20.1.1"), (line,)),
            )))
            for line in (fibre, dataclasses.replace(fibre, carries="voice"))
        )  # fmt: skip
        (sentence,) = sentences(changes(before, after), before, after)
        site = next(each.name for each in before["organisation"].sites if each.id == "parma")
    assert str(sentence) == (
        f"filiale “{site}”: Linee “Fibra TIM”: Trasporta, da Telefonia e dati a Telefonia"
    )


@pytest.mark.row("N4")
def test_a_field_that_only_an_older_version_had_is_told_as_it_stands(company):
    gone = (Change("changed", "devices/devices/x/ringtone", "loud", {"a": 1}),)
    with company.test_request_context(headers={"Accept-Language": "it"}):
        (sentence,) = sentences(gone, draft.state(), draft.state())
    assert (sentence.before, sentence.after) == ("loud", "1")


def test_a_fault_names_its_object_also_while_the_draft_is_no_state(company):
    with company.test_request_context():
        person = next(draft.objects("users", "users"))
        shown = shown_fault(Fault(f"{person.place}/email", "wrong"))
        assert shown.label == f"{person.data['first_name']} {person.data['last_name']}"
        gone = shown_fault(Fault("users/users/nobody/email", "wrong"))
        assert gone.label == "nobody"
