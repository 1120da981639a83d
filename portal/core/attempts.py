"""Limits on guessing: how often a password or code may be checked.

Counted in the database, so that a restart forgets nothing and several processes share
the count. Only checks from the same address to the same account are counted together:
an attacker elsewhere cannot lock a real person out.
"""

from __future__ import annotations

import datetime
import hashlib
import sys

from flask import abort, request, session
from flask_login import current_user
from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from portal.core import audit
from portal.core.db import UtcTime, db, now, transaction

WINDOW = datetime.timedelta(minutes=10)
PER_ACCOUNT_AND_ADDRESS = 20
PER_ADDRESS = 100
"""Checked guesses within the window; the second is for one address and all accounts."""

CHECKING = frozenset(
    {
        "security.login",
        "security.two_factor_token_validation",
        "security.two_factor_setup_validate",
        "security.mf_recovery",
        "security.verify",
        "security.change_password",
        "security.wan_signin",
        "security.wan_signin_response",
        "security.wan_verify_response",
        "setup.begin",
        "setup.recovery",
        "branch_router.enrol",
    }
)
"""Views that check a password, a code or a key."""


class Attempt(db.Model):
    """One checked guess. `account` is a hash: mistyped passwords land in that field too."""

    __tablename__ = "attempts"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime.datetime] = mapped_column(UtcTime, default=now)
    account: Mapped[str] = mapped_column(String(64))
    address: Mapped[str] = mapped_column(String(64))

    __table_args__ = (Index("ix_attempts_address", "address", "account", "at"),)


def limit() -> None:
    """Count a guess, or answer 429 when too many were checked. Runs before every view."""
    if request.method != "POST" or request.endpoint not in CHECKING:
        return
    address, account = request.remote_addr or "", _account()
    with transaction():
        _forget_old()
        refused = (
            _count(address, account) >= PER_ACCOUNT_AND_ADDRESS or _count(address) >= PER_ADDRESS
        )
        if not refused:
            db.session.add(Attempt(account=account, address=address))
        elif _count(address, account) == PER_ACCOUNT_AND_ADDRESS:
            _note_once(address, account)
    if refused:
        # For fail2ban: the jail “portal” counts these lines (templates/fail2ban).
        sys.stderr.write(f"portal WARNING {address} refused (too-many)\n")
        abort(429)


def _account() -> str:
    if current_user.is_authenticated:
        name = str(current_user.fs_uniquifier)
    elif request.endpoint in {"security.login", "security.wan_signin"}:
        name = (request.form.get("email") or request.form.get("identity") or "").strip().lower()
    else:
        name = str(session.get("tf_user_id", ""))
    return hashlib.sha256(name.encode()).hexdigest()


def _count(address: str, account: str | None = None) -> int:
    query = db.select(db.func.count(Attempt.id)).filter(
        Attempt.address == address, Attempt.at > now() - WINDOW
    )
    if account is not None:
        query = query.filter(Attempt.account == account)
    return db.session.scalar(query) or 0


def _forget_old() -> None:
    db.session.execute(db.delete(Attempt).where(Attempt.at <= now() - WINDOW))


def _note_once(address: str, account: str) -> None:
    """One audit entry for each run of guesses, not one for each guess."""
    latest = db.select(audit.AuditEntry.id).filter(
        audit.AuditEntry.action == "account.guessing",
        audit.AuditEntry.at > now() - WINDOW,
        audit.AuditEntry.address == address,
    )
    if db.session.scalar(latest.limit(1)) is None:
        audit.record("account.guessing", account[:12], author=audit.SYSTEM)
