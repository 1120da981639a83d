"""What is wrong with a state, said so that its owner can mend it.

A fault carries its English text as a template with named placeholders, so that the
portal can translate the template and fill in the values afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that stops a state from being applied.

    `where` names the object and field, e.g. `extensions/215/number`.
    `text` is an English template in %-format; `values` fill its placeholders.
    """

    where: str
    text: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"

    @property
    def message(self) -> str:
        """The English sentence, without the place."""
        return self.text % self.values if self.values else self.text


class StateError(ValueError):
    """A state that cannot be used; `faults` says everything that is wrong with it."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults: tuple[Fault, ...] = tuple(faults)
        super().__init__("; ".join(str(fault) for fault in self.faults))
