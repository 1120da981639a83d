"""Which passkeys are asked for. Imported only where the library is installed."""

from __future__ import annotations

from typing import Any

from flask_security import UserMixin, WebauthnUtil
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)


class PasskeyRules(WebauthnUtil):
    """A passkey in place of the password must itself make sure who uses it.

    So it counts as both factors (NIST SP 800-63B-4 section 3.1.7); one beside the
    password need not ask again. Any kind is taken: in the computer, on a mobile phone, a
    key on a ring.
    """

    def authenticator_selection(self, user: UserMixin, usage: str) -> Any:
        """What the browser may offer when a passkey is made."""
        return AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=_verification(usage == "first"),
        )

    def user_verification(self, user: UserMixin | None, usage: list[str]) -> Any:
        """Whether the passkey must ask for finger, face or PIN at sign-in."""
        return _verification("secondary" not in usage)


def _verification(needed: bool) -> Any:
    rules = UserVerificationRequirement
    return rules.REQUIRED if needed else rules.DISCOURAGED
