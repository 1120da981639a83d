"""Why an update is not taken: a sentence for people, and the values in it."""

from __future__ import annotations

from typing import Any


class UpdateRefused(RuntimeError):
    """The update, or what was asked with it, cannot be done; the running system is untouched.

    `text` is an English template in %-format, so that the portal can translate it.
    """

    def __init__(self, text: str, **values: str | int) -> None:
        self.text, self.values = text, values
        super().__init__(text % values if values else text)

    def as_data(self) -> dict[str, Any]:
        """The sentence as it is kept and sent."""
        return {"text": self.text, "values": dict(self.values)}


def from_data(data: dict[str, Any]) -> UpdateRefused:
    """The same sentence again."""
    return UpdateRefused(str(data["text"]), **data["values"])
