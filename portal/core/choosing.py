"""Fields that choose several of a few: any of them, or some of them in an order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from markupsafe import Markup
from wtforms import StringField

from portal.core.fields import Choices, Described
from portal.core.i18n import _

MOST_PLACES = 6
"""Places of an order that a page offers at a time; with one more once they are used up."""


class Chosen(Described, StringField):
    """A list of values. A cell of a CSV file holds them with | between."""

    def __init__(
        self,
        label: Any,
        choices: Choices | Callable[[], Choices],
        *,
        hint: Any = "",
        part: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(label, **kwargs)
        self.pairs = choices if callable(choices) else lambda: choices
        self.hint, self.part = hint, part

    def process_data(self, value: Any) -> None:
        self.data = list(value or ())  # type: ignore[assignment]

    def process_formdata(self, valuelist: list[str]) -> None:
        parts = [part for value in valuelist for part in value.split("|")]
        self.data = [part.strip() for part in parts if part.strip()]  # type: ignore[assignment]

    def plain(self) -> Any:
        return list(self.data or ())

    def text(self) -> str:
        return "|".join(map(str, self.plain()))

    @property
    def choices(self) -> list[tuple[str, Any]]:
        """What can be chosen, and what is chosen although it cannot be (any more)."""
        known = [(str(value), label) for value, label in self.pairs()]
        strange = [each for each in self.plain() if each not in dict(known)]
        return [*known, *((each, each) for each in strange)]


class Several(Chosen):
    """Any of a few, as boxes to tick. A page sends an empty value along, so that nothing
    ticked is told from a field that was not there."""

    def boxes(self) -> list[tuple[str, Any, bool]]:
        """(value, label, ticked) in the order of the choices."""
        chosen = set(self.plain())
        return [(value, label, value in chosen) for value, label in self.choices]


class Sequence(Chosen):
    """Some of a few in an order: as many lists to choose from as there may be places."""

    def places(self) -> list[Markup]:
        """One list for each place."""
        chosen, choices = self.plain(), self.choices
        count = min(len(choices), max(MOST_PLACES, len(chosen) + 1))
        return [
            self._place(index, chosen[index] if index < len(chosen) else "", choices)
            for index in range(max(1, count))
        ]

    def _place(self, index: int, chosen: str, choices: list[tuple[str, Any]]) -> Markup:
        label = _("%(number)d. choice", number=index + 1)
        rows = Markup("").join(
            Markup('<option value="{}"{}>{}</option>').format(
                value, Markup(" selected") if value == chosen else "", text
            )
            for value, text in [("", "–"), *choices]
        )
        return Markup(
            '<select class="form-select" name="{}" aria-label="{}: {}">{}</select>'
        ).format(self.name, self.label.text, label, rows)
