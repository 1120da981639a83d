"""Texts for people: Italian is complete, and placeholders survive translation."""

import re

import pytest

from tools import texts

HOW = "Run `.venv/bin/python -m tools.texts`, then write the Italian into portal/translations/it/"


@pytest.mark.row("V30")
@pytest.mark.parametrize("part", ["portal", "engine"])
def test_nothing_is_missing_fuzzy_or_left_over(part):
    catalogue = texts.read(texts.CATALOGUES / "it" / f"{part}.po")
    assert texts.missing(catalogue, texts.collected()[part]) == [], HOW


@pytest.mark.parametrize("part", ["portal", "engine"])
def test_translations_keep_the_placeholders(part):
    for message in texts.read(texts.CATALOGUES / "it" / f"{part}.po"):
        ids = message.id if isinstance(message.id, (tuple, list)) else [message.id]
        texts_of = message.string if isinstance(message.string, (tuple, list)) else [message.string]
        for id, text in zip(ids, texts_of, strict=True):
            if id:
                wanted = sorted(re.findall(r"%\(\w+\)[sd]|%\(\w+\)04X", id))
                assert sorted(re.findall(r"%\(\w+\)[sd]|%\(\w+\)04X", text)) == wanted, id


def test_a_missing_text_is_noticed():
    wanted = texts.Catalog(locale="it")
    wanted.add("something quite new")
    assert texts.missing(texts.Catalog(locale="it"), wanted) == ["something quite new"]
