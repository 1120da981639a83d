"""Differences as sentences: no field and no choice is called as the program calls it."""

import dataclasses

import pytest

from appliance.services.registry import STATE_TYPES
from appliance.state.changes import changes
from appliance.state.codec import field_types
from portal.core import draft
from portal.core.sentences import field_label, sentences
from portal.core.shapes import Place, collections, settings_fields


def every_field():
    """Each field of each service, with the place of its object."""
    for service in STATE_TYPES:
        yield from ((Place(service), name) for name in settings_fields(service))
        for collection, kind in collections(service).items():
            names = (name for name in field_types(kind) if name != "id")
            yield from ((Place(service, collection, "x"), name) for name in names)


@pytest.mark.row("N4", "V30")
@pytest.mark.parametrize("language", ["it", "en"])
def test_every_field_of_every_service_has_a_name_for_people(app, language):
    with app.test_request_context(headers={"Accept-Language": language}):
        bare = {
            f"{place.service}/{place.collection}/{name}"
            for place, name in every_field()
            if field_label(place, [name]) in {name, name.replace("_", " ")}
        }
    assert bare == set()


def said(company, part, field, value):
    """The sentence about the first object of a list, one of whose fields changes."""
    service, collection = part
    with company.test_request_context(headers={"Accept-Language": "it"}):
        before = draft.state()
        items = getattr(before[service], collection)
        first = dataclasses.replace(items[0], **{field: value})
        state = dataclasses.replace(before[service], **{collection: (first, *items[1:])})
        after = before.replaced(**{service: state})
        (sentence,) = sentences(changes(before, after), before, after)
        return str(sentence)


@pytest.mark.row("N4")
def test_a_site_is_named_as_its_owner_calls_it(company):
    with company.app_context():
        site = next(each for each in draft.state()["organisation"].sites if each.id == "parma")
    told = said(company, ("devices", "devices"), "site", "parma")
    assert site.name in told
    assert " parma" not in told


@pytest.mark.row("N4")
def test_a_choice_is_told_in_its_words(company):
    told = said(company, ("trunks", "trunks"), "did_from", "called_party")
    assert "P-Called-Party-ID" in told
    assert "called_party" not in told
