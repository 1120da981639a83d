"""Keeps secrets out of what people read: plans, differences, errors, logs."""

from __future__ import annotations

import re
from collections.abc import Iterable

from appliance.state.machine import Machine
from appliance.state.system_state import SystemState

DOTS = "••••••"

_SECRET_LINE = re.compile(
    r"^([ +-]?\s*(?:password|password_digest|secret|outbound_password|pin)\s*[=:]>?\s*).+$", re.M
)


class Masker:
    """Replaces secrets in texts, and every value of an option that bears one."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = sorted({text for text in secrets if text}, key=len, reverse=True)
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


def masker_for(states: Iterable[SystemState], machine: Machine) -> Masker:
    """Hides the secrets of these states and those that the machine made for itself."""
    found = {secret.reveal() for secret in machine.secrets.values()}
    for state in states:
        found |= state.secret_texts
    return Masker(found)
