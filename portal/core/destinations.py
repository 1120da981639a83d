"""Where a call can be sent, as forms offer it and sentences name it.

Groups and the like are chosen from a list. What a company has thousands of (extensions,
voicemail boxes) and outside numbers are typed as the number that people know.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from portal.core import draft
from portal.core.i18n import _, _l
from portal.core.outside_numbers import e164
from portal.core.screens import choices, screen_of_kind
from portal.core.shapes import Place

ENDING, EXTERNAL = "ending", "external"

ENDINGS = {
    "busy": _l("busy tone"),
    "no-answer": _l("announcement: does not answer"),
    "unavailable": _l("announcement: nobody is available"),
    "unknown": _l("announcement: number unknown"),
    "denied": _l("announcement: not allowed"),
    "hangup": _l("hang up"),
}
"""The ends of `appliance.services.dialplan` in words for people."""

USUAL = ("extension", "ring_group", "voicemail_box", EXTERNAL, ENDING)
"""What calls of a company can be sent to; others join with their screens."""


class Offer(NamedTuple):
    """One line to choose. `typed` when a number stands beside it."""

    value: str
    text: str
    typed: bool = False


def is_typed(kind: str) -> bool:
    """Whether objects of a kind are chosen by typing their number."""
    screen = screen_of_kind(kind)
    return kind == EXTERNAL or (screen is not None and screen.by_number is not None)


def offers(kinds: Iterable[str]) -> Iterator[tuple[str, list[Offer]]]:
    """(heading, lines) for a list to choose from; typed kinds stand first, without heading."""
    typed, listed = [], []
    for kind in kinds:
        screen = screen_of_kind(kind)
        if kind == EXTERNAL:
            typed.append(Offer(f"{kind}:", _("outside number …"), typed=True))
        elif kind == ENDING:
            lines = [Offer(f"{kind}:{id}", str(text)) for id, text in ENDINGS.items()]
            listed.append((_("End of the call"), lines))
        elif screen is not None and screen.by_number is not None:
            typed.append(Offer(f"{kind}:", f"{screen.by_number} …", typed=True))
        elif found := choices(kind):
            title = str(screen.title) if screen else kind
            listed.append((title, [Offer(f"{kind}:{id}", name) for id, name in found]))
    if typed:
        yield "", typed
    yield from listed


def typed_id(kind: str, typed: str) -> str:
    """The id of what was typed; what names nothing stays as it was typed."""
    typed = typed.strip()
    if kind == EXTERNAL:
        return e164(typed)
    screen = screen_of_kind(kind)
    return (screen.with_number(typed) if screen else "") or typed


def problem(kind: str, id: str) -> str:
    """Why calls cannot be sent there, "" when they can."""
    screen = screen_of_kind(kind)
    if kind == EXTERNAL:
        fine = re.fullmatch(r"\+[1-9][0-9]{3,14}", id)
        return "" if fine else _("is no outside number: write it as on a card, e.g. 0522 123456")
    if kind == ENDING:
        return "" if id in ENDINGS else _("is none of the choices")
    if screen is None or not id:
        return _("is none of the choices") if screen is None else _("needs a number beside it")
    if draft.find(Place(screen.main.service, screen.main.collection, id)) is None:
        return _("no such number here: “%(id)s”", id=id) if is_typed(kind) else _("is gone")
    return ""


def number_shown(kind: str, id: str) -> str:
    """What stands in the field beside a typed kind."""
    screen = screen_of_kind(kind)
    return (screen.number_of(id) if screen and kind != EXTERNAL else "") or id


def called(kind: str, id: str) -> str:
    """A destination as people name it."""
    if kind == EXTERNAL:
        return id
    if kind == ENDING:
        return str(ENDINGS.get(id, id))
    screen = screen_of_kind(kind)
    if screen is None:
        return f"{kind} {id}"
    name = number_shown(kind, id) if is_typed(kind) else dict(choices(kind)).get(id, id)
    return f"{screen.by_number or screen.noun} {name}"
