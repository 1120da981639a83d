"""Keeps secrets out of what people read: plans, differences, errors, logs."""

from __future__ import annotations

import re
from collections.abc import Iterable

DOTS = "••••••"

_SECRET_LINE = re.compile(
    r"^([ +-]?\s*(?:pin|[a-z_]*(?:password|secret|token)[a-z_]*)\s*[=:]>?\s*).+$", re.M
)


class Masker:
    """Replaces secrets in texts, and every value of an option that bears one."""

    def __init__(self, secrets: Iterable[str]) -> None:
        known = {text for text in secrets if text}
        # In Asterisk's files `;` is written escaped.
        known |= {text.replace(";", "\\;") for text in known if ";" in text}
        self._secrets = sorted(known, key=len, reverse=True)
        self._begin = min((len(text) for text in self._secrets), default=1)

    def masked(self, text: str) -> str:
        """The text with dots in place of every secret, also inside a longer word."""
        text = _SECRET_LINE.sub(rf"\1{DOTS}", text)
        # A secret can only be there when its beginning is; so ten thousand secrets
        # cost one look-up each instead of one search through the text each.
        size = self._begin
        begins = {text[at : at + size] for at in range(len(text) - size + 1)}
        for secret in self._secrets:
            if secret[:size] in begins and secret in text:
                text = text.replace(secret, DOTS)
        return text
