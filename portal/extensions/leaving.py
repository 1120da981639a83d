"""What else changes when extensions go: telephones, groups and voicemail boxes.

Where calls are sent to a number that is gone, somebody must decide: the checks say so.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator
from typing import Any

from portal.core import draft
from portal.core.draft import Edit

DEVICES = ("devices", "devices")
RING_GROUPS = ("ring_groups", "groups")
PICKUP_GROUPS = ("pickup_groups", "groups")
BOXES = ("voicemail_boxes", "boxes")


def without_lines(extensions: Collection[str]) -> Iterator[Edit]:
    """The edits that take the lines of extensions from all devices."""
    yield from _without(DEVICES, "lines", lambda line: line.extension, extensions)


def without(extensions: Collection[str]) -> Iterator[Edit]:
    """The edits that take extensions from everything that is nothing without them."""
    if not extensions:
        return
    yield from without_lines(extensions)
    yield from _without(RING_GROUPS, "members", lambda member: member.extension, extensions)
    yield from _without(PICKUP_GROUPS, "members", str, extensions)
    for row in draft.objects(*BOXES):
        if row.data["extension"] in extensions:
            yield Edit(row.place, None)


def _without(
    where: tuple[str, str], field: str, extension_of: Any, extensions: Collection[str]
) -> Iterator[Edit]:
    if not extensions:
        return
    for row in draft.objects(*where):
        held = draft.instance(row)
        items = getattr(held, field)
        left = tuple(item for item in items if extension_of(item) not in extensions)
        if left != items:
            yield Edit(row.place, dataclasses.replace(held, **{field: left}))
