"""The fields of forms: what is typed, the plain data it means, and its cell in a CSV file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar

from babel.units import format_unit, get_unit_name
from flask_babel import get_locale
from werkzeug.datastructures import MultiDict
from wtforms import BooleanField, FieldList, FormField, SelectField, StringField
from wtforms import Form as PlainForm
from wtforms.validators import ValidationError
from wtforms.widgets import TextArea

from portal.core.i18n import _

try:
    from wtforms.fields.choices import SelectChoice
except ImportError:  # WTForms before 3.3 takes pairs and knows nothing else
    SelectChoice = None

Choices = Iterable[tuple[Any, Any]]


def options(pairs: Choices) -> list[Any]:
    """(value, label) pairs as WTForms wants them."""
    return [SelectChoice(*pair) for pair in pairs] if SelectChoice else list(pairs)


class Described:
    """What our fields know beside WTForms': a hint, the part they belong to, how CSV sees them."""

    part: str = ""
    hint: Any = ""
    in_csv: bool = True

    def plain(self) -> Any:
        """The value as the codec takes it."""
        return self.data  # type: ignore[attr-defined]

    def text(self) -> str:
        """The value as one cell of a CSV file."""
        value = self.plain()
        return "" if value is None else str(value)

    def values(self) -> dict[str, Any]:
        """Field of the State -> plain value; one field may stand for several."""
        return {self.name: self.plain()}  # type: ignore[attr-defined]


class Text(Described, StringField):
    """One line of text; blanks around it are dropped. `empty` is what an empty field means."""

    def __init__(
        self,
        label: Any,
        *,
        hint: Any = "",
        part: str = "",
        empty: Any = "",
        clean: Callable[[str], str] = str.strip,
        **kwargs: Any,
    ) -> None:
        super().__init__(label, **kwargs)
        self.hint, self.part, self.empty, self.clean = hint, part, empty, clean

    def plain(self) -> Any:
        return self.clean(self.data or "") or self.empty


class Number(Text):
    """A whole number. What is no number stays text, and the codec says so."""

    def __init__(self, label: Any, *, unit: Any = "", **kwargs: Any) -> None:
        super().__init__(label, **kwargs)
        self.unit = unit

    def plain(self) -> Any:
        text = (self.data if isinstance(self.data, str) else str(self.data or "")).strip()
        digits = text.removeprefix("-")
        plain = digits.isascii() and digits.isdigit() and len(digits) <= 12
        return int(text) if plain else text

    def process_data(self, value: Any) -> None:
        self.data = "" if value is None else str(value)


class Duration(Number):
    """Seconds, typed as a number of the unit that people count them in.

    A page sends two values: the number, and how many seconds its unit has; a cell of a CSV file
    holds seconds.
    """

    UNITS: ClassVar[Mapping[int, str]] = {86400: "day", 3600: "hour", 60: "minute", 1: "second"}
    """Seconds -> unit, as the Unicode CLDR names it."""

    per = 1

    def process_formdata(self, valuelist: list[str]) -> None:
        super().process_formdata(valuelist)
        units = {str(seconds): seconds for seconds in self.UNITS}
        self.per = units.get(valuelist[1], 1) if len(valuelist) > 1 else 1
        number = self.plain()
        if isinstance(number, int):
            self.data, self.per = str(number * self.per), 1

    @property
    def counted(self) -> tuple[str, int]:
        """(the number as a page shows it, how many seconds its unit has)."""
        number = self.plain()
        if not isinstance(number, int):
            return str(number), self.per
        per = unit_of(number)
        return str(number // per), per

    @classmethod
    def units(cls) -> list[tuple[int, str]]:
        """(seconds, name) of each unit, the shortest first."""
        names = {
            per: get_unit_name(f"duration-{unit}", locale=get_locale() or "en")
            for per, unit in cls.UNITS.items()
        }
        return [(per, str(names[per])) for per in sorted(names)]


def unit_of(seconds: int) -> int:
    """Seconds of the longest unit of which this is a whole number."""
    return next(per for per in Duration.UNITS if per == 1 or (seconds and seconds % per == 0))


def duration(seconds: int) -> str:
    """So many seconds in words, without rounding."""
    per = unit_of(seconds)
    unit = f"duration-{Duration.UNITS[per]}"
    return format_unit(seconds // per, unit, locale=get_locale() or "en")


class Switch(Described, BooleanField):
    """Yes or no."""

    false_values = (False, "false", "", "0", "no")

    def __init__(self, label: Any, *, hint: Any = "", part: str = "", **kwargs: Any) -> None:
        super().__init__(label, **kwargs)
        self.hint, self.part = hint, part

    def text(self) -> str:
        return "yes" if self.data else "no"


class Choice(Described, SelectField):
    """One of a few. `choices` may be a function that is asked at each request."""

    def __init__(
        self,
        label: Any,
        choices: Choices | Callable[[], Choices],
        *,
        hint: Any = "",
        part: str = "",
        empty: Any = "",
        **kwargs: Any,
    ) -> None:
        self.pairs = choices if callable(choices) else lambda: choices
        super().__init__(label, choices=self._options, validate_choice=False, **kwargs)
        self.hint, self.part, self.empty = hint, part, empty

    def _options(self) -> list[Any]:
        return options(self.pairs())

    def plain(self) -> Any:
        return self.data or self.empty

    def process_data(self, value: Any) -> None:
        self.data = "" if value is None else str(value)


class NumberChoice(Choice):
    """One of a few whole numbers."""

    def plain(self) -> Any:
        text = str(self.data or "")
        return int(text) if text.isascii() and text.isdigit() else text


class Joined(Text):
    """One text for several fields of the State (`of`), such as the two ends of a range.

    `join` makes the text from their values, `split` the values from the text.
    """

    def __init__(
        self,
        label: Any,
        of: tuple[str, ...],
        join: Callable[..., str],
        split: Callable[[str], tuple[Any, ...]],
        **kwargs: Any,
    ) -> None:
        super().__init__(label, **kwargs)
        self.of, self.join, self.split = of, join, split

    def process_data(self, value: Any) -> None:
        self.data = self.join(*(value[name] for name in self.of)) if value else ""

    def values(self) -> dict[str, Any]:
        return dict(zip(self.of, self.split(str(self.plain())), strict=True))


class Target(Described, StringField):
    """Where a call goes, or nothing. `kinds` are those of references, plus `external`.

    `data` is `kind:id`. A page sends two values: what was chosen, and the number beside it
    for kinds that are typed.
    """

    def __init__(
        self,
        label: Any,
        kinds: tuple[str, ...] = (),
        *,
        nothing: Any = "",
        hint: Any = "",
        part: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(label, **kwargs)
        self.nothing, self.hint, self.part = nothing, hint, part
        self.kinds = kinds or destinations().USUAL
        self.held = ""

    def process_data(self, value: Any) -> None:
        self.data = self.held = f"{value['kind']}:{value['id']}" if value else ""

    def process_formdata(self, valuelist: list[str]) -> None:
        if not valuelist:
            return
        kind, _colon, id = valuelist[0].strip().partition(":")
        if not id and len(valuelist) > 1:
            id = destinations().typed_id(kind, valuelist[1])
        self.data = f"{kind}:{id}" if kind else ""

    def pre_validate(self, form: Any) -> None:
        """Refuse what does not exist, unless it was there before."""
        kind, _colon, id = (self.data or "").partition(":")
        if not kind or self.data == self.held:
            return
        known = kind in self.kinds
        problem = destinations().problem(kind, id) if known else _("is none of the choices")
        if problem:
            raise ValidationError(problem)

    def plain(self) -> Any:
        kind, _colon, id = (self.data or "").partition(":")
        return {"kind": kind, "id": id} if kind else None

    def text(self) -> str:
        return self.data or ""

    @property
    def offers(self) -> Any:
        """The headings and lines to choose from."""
        return destinations().offers(self.kinds)

    @property
    def chosen(self) -> tuple[str, str]:
        """(the line that is chosen, the number beside it)."""
        kind, _colon, id = (self.data or "").partition(":")
        if destinations().is_typed(kind):
            return f"{kind}:", destinations().number_shown(kind, id)
        return self.data or "", ""


def destinations() -> Any:
    """`portal.core.destinations`, which needs the screens, which need this module."""
    from portal.core import destinations as found

    return found


class Hidden(Described, StringField):
    """A password that the system keeps: shown as set or not set, empty keeps what is there.

    With `erase`, the words of a box to tick, it can also be taken away: the box is sent
    as a second value behind what was typed.
    """

    in_csv = False

    def __init__(
        self, label: Any, *, hint: Any = "", part: str = "", erase: Any = "", **kwargs: Any
    ) -> None:
        super().__init__(label, **kwargs)
        self.hint, self.part, self.erase = hint, part, erase
        self.kept, self.erased = "", False

    def process_formdata(self, valuelist: list[str]) -> None:
        super().process_formdata(valuelist[:1])
        self.erased = bool(self.erase) and len(valuelist) > 1 and not self.data

    def process_data(self, value: Any) -> None:
        self.kept, self.data = value or "", ""

    def plain(self) -> Any:
        return "" if self.erased else self.data or self.kept


class Lines(Described, StringField):
    """Several short texts, one a line."""

    widget = TextArea()

    def __init__(self, label: Any, *, hint: Any = "", part: str = "", **kwargs: Any) -> None:
        super().__init__(label, **kwargs)
        self.hint, self.part = hint, part

    def process_data(self, value: Any) -> None:
        self.data = "\n".join(value or ())

    def plain(self) -> Any:
        lines = (self.data or "").replace("|", "\n").splitlines()
        return [line.strip() for line in lines if line.strip()]

    def text(self) -> str:
        return "|".join(self.plain())


class Pem(Lines):
    """A certificate in PEM form: one text of several lines."""

    def __init__(self, label: Any, **kwargs: Any) -> None:
        super().__init__(label, **kwargs)
        self.type = "Lines"  # templates show it as such

    def process_data(self, value: Any) -> None:
        self.data = value or ""

    def plain(self) -> Any:
        lines = [line.strip() for line in (self.data or "").splitlines() if line.strip()]
        return "".join(f"{line}\n" for line in lines)

    def text(self) -> str:
        return "|".join(self.plain().splitlines())


class NamedNumbers(Described, StringField):
    """Several objects by the numbers people know them by, one a line or with commas.

    A name may stand behind each number, as it is shown: only the number counts.
    """

    widget = TextArea()

    def __init__(
        self,
        label: Any,
        find: Callable[[str], str],
        number: Callable[[str], str],
        *,
        names: Callable[[], Mapping[str, str]] = dict,
        hint: Any = "",
        part: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(label, **kwargs)
        self.find, self.number, self.names = find, number, names
        self.hint, self.part = hint, part

    def process_data(self, value: Any) -> None:
        names = self.names() if value else {}
        lines = [(self.number(id) or id, names.get(id, "")) for id in value or ()]
        self.data = "\n".join(f"{number} {name}".strip() for number, name in lines)

    def _typed(self) -> list[str]:
        parts = re.split(r"[\n,;|]", self.data or "")
        return [part.split()[0] for part in parts if part.strip()]

    def plain(self) -> Any:
        return [self.find(typed) or typed for typed in self._typed()]

    def text(self) -> str:
        return "|".join(self._typed())


class NamedNumber(Text):
    """An object that is chosen by the number people know it by.

    `find` gives the id for a number, `number` the number for an id. What is no number of
    ours stays as typed, and the checks of the draft say that it does not exist.
    """

    def __init__(
        self,
        label: Any,
        find: Callable[[str], str],
        number: Callable[[str], str],
        *,
        suggestions: Callable[[], Choices] = tuple,
        **kwargs: Any,
    ) -> None:
        super().__init__(label, **kwargs)
        self.find, self.number, self.suggestions = find, number, suggestions

    def process_data(self, value: Any) -> None:
        self.data = self.number(value) or value if value else ""

    def plain(self) -> Any:
        typed = super().plain()
        return (self.find(typed) or typed) if typed else typed

    def text(self) -> str:
        return str(super().plain() or "")


class RowForm(PlainForm):
    """One row of a `Rows` field. A row whose `key` fields are all empty is left out.

    `kept` are fields that the row does not show and that begin empty.
    """

    key: ClassVar[tuple[str, ...]] = ()
    csv: ClassVar[tuple[str, ...]] = ()
    """The fields that a cell of a CSV file holds, as `a:b|a:b`; none: not in CSV files."""
    kept: ClassVar[Mapping[str, Any]] = {}

    def plain(self) -> dict[str, Any] | None:
        if not any(str(self[name].data or "").strip() for name in self.key):
            return None
        shown = {field.name.rpartition("-")[2]: field.plain() for field in self}
        return {**self.kept, **shown}


class Rows(Described, FieldList):
    """A list of small objects inside an object, such as the lines of a telephone.

    Without JavaScript there is always one spare row; with it, rows come and go.
    """

    def __init__(
        self,
        label: Any,
        row: type[RowForm],
        *,
        hint: Any = "",
        part: str = "",
        ordered: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(FormField(row), label, min_entries=0, max_entries=200, **kwargs)
        self.row, self.hint, self.part, self.ordered = row, hint, part, ordered
        self.in_csv = bool(row.csv)

    def process(self, formdata: Any, *args: Any, **kwargs: Any) -> None:
        """Rows of a page, or one cell of a CSV file under the field's own name."""
        if formdata and self.name in formdata:
            formdata = MultiDict(self._cells(formdata[self.name]))
        super().process(formdata, *args, **kwargs)

    def _cells(self, text: str) -> Iterator[tuple[str, str]]:
        for index, row in enumerate(part for part in text.split("|") if part.strip()):
            for name, value in zip(self.row.csv, row.split(":"), strict=False):
                yield f"{self.name}{self._separator}{index}{self._separator}{name}", value

    def text(self) -> str:
        rows = (entry.form for entry in self.entries)
        return "|".join(":".join(row[name].text() for name in self.row.csv) for row in rows)

    def plain(self) -> Any:
        return [plain for entry in self.entries if (plain := entry.form.plain()) is not None]

    def spare(self) -> Any:
        """An empty row behind the others, to fill in."""
        return self._empty(str(len(self.entries)))

    def blank(self) -> Any:
        """An empty row whose names hold `__` where the script puts the row's number."""
        return self._empty("__")

    def _empty(self, index: str) -> Any:
        options = {
            "name": f"{self.name}{self._separator}{index}",
            "id": f"{self.id}{self._separator}{index}",
            "_meta": self.meta,
            "translations": self._translations,
        }
        entry = self.meta.bind_field(None, self.unbound_field, options)
        entry.process(None)
        return entry
