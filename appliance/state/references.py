"""What one service may know of another: which objects exist and how to reach them.

Services do not import each other. Each yields a `Reference` for everything that others
may point at; the registry gathers them, and checks and templates look them up here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from appliance.state.faults import Fault
from appliance.state.fields import ObjectId

EXTERNAL = "external"
"""The kind of destination that is an outside number."""

OUTSIDE_CONTEXT = "to-outside"
"""The dialplan context that takes calls for outside numbers (`names.OUTSIDE`)."""

_E164 = re.compile(r"\+[1-9][0-9]{3,14}")


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a call goes: the kind of object (`extension`, `ring_group` …) and its id.

    For `external` the id is the number in E.164 form.
    """

    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class Reference:
    """One object as others see it.

    `number` reaches it from inside the company ("" when nothing does).
    `entry` is the dialplan place `context,extension,priority` that takes a call for it
    ("" when it cannot be a destination); `{number}` in it is the number of `named_after`.
    `named_after` is another object whose name this one bears when `label` is empty.
    `detail` holds the few further facts that other services' files need, `facts` a
    typed value where texts are not enough (see `appliance.policy.gather`).
    """

    kind: str
    id: str
    label: str
    number: str = ""
    entry: str = ""
    named_after: tuple[str, str] | None = None
    detail: Mapping[str, str] = field(default_factory=dict)
    facts: object = None

    @property
    def where(self) -> str:
        """The object's place in the state, as faults name it."""
        return f"{self.kind}{'es' if self.kind.endswith(('s', 'x')) else 's'}/{self.id}"


@dataclass(frozen=True, slots=True)
class References:
    """All references of one state, by kind and id and by number."""

    by_id: Mapping[tuple[str, str], Reference]
    by_number: Mapping[str, tuple[Reference, ...]]

    @classmethod
    def of(cls, references: Iterable[Reference]) -> References:
        """Index the references; two with one id or one number are kept for `faults()`."""
        by_id: dict[tuple[str, str], Reference] = {}
        by_number: dict[str, tuple[Reference, ...]] = {}
        for reference in references:
            by_id[reference.kind, reference.id] = reference
            if reference.number:
                by_number[reference.number] = (*by_number.get(reference.number, ()), reference)
        return cls(by_id, by_number)

    def get(self, kind: str, id: ObjectId) -> Reference | None:
        """The object, or None. An outside number is its own object of kind `external`."""
        if kind == EXTERNAL and _E164.fullmatch(id):
            return Reference(EXTERNAL, id, id, entry=f"{OUTSIDE_CONTEXT},{id},1")
        return self.by_id.get((kind, id))

    def all(self, kind: str) -> Iterator[Reference]:
        """Every object of one kind, in the order of the state."""
        return (ref for (found, _id), ref in self.by_id.items() if found == kind)

    def label(self, kind: str, id: ObjectId) -> str:
        """The object's name for people; its number or id where it has none."""
        found = self.get(kind, id)
        if found is None:
            return id
        if not found.label and found.named_after and found.named_after in self.by_id:
            other = self.label(*found.named_after)
            if other != found.named_after[1]:
                return other
        return found.label or found.number or id

    def entry(self, destination: Destination) -> str:
        """The dialplan place of a destination; checks have made sure that it exists."""
        found = self.get(destination.kind, destination.id)
        if found is None or not found.entry:
            raise LookupError(f"{destination} has no entry")
        other = self.by_id.get(found.named_after) if found.named_after else None
        return found.entry.replace("{number}", other.number if other else "")

    def missing(self, where: str, kind: str, id: ObjectId) -> Iterator[Fault]:
        """Yield a fault when `id` names nothing of this kind."""
        if self.get(kind, id) is None:
            yield Fault(
                where, "names the %(kind)s “%(id)s”, which does not exist", {"kind": kind, "id": id}
            )

    def unreachable(self, where: str, destination: Destination) -> Iterator[Fault]:
        """Yield a fault when calls cannot be sent to `destination`."""
        found = self.get(destination.kind, destination.id)
        if found is None:
            yield from self.missing(where, destination.kind, destination.id)
        elif not found.entry:
            values = {"kind": destination.kind, "id": destination.id}
            yield Fault(where, "sends calls to the %(kind)s “%(id)s”, which takes none", values)
