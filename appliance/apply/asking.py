"""What the engine's client and its parts have in common: one way to ask."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any


class Asking(ABC):
    """Something that can ask the engine for a verb; its parts add a method for each."""

    __slots__ = ()

    @abstractmethod
    def _ask(self, verb: str, **values: Any) -> Any:
        """The answer to a verb. EngineError for a refusal, EngineUnreachable for silence."""
