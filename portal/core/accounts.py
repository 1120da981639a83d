"""Who may sign in, and what they may do: accounts, permission profiles, passkeys."""

from __future__ import annotations

import datetime
import uuid
from typing import Any

from flask_security import AsaList, RoleMixin, UserMixin, WebAuthnMixin
from sqlalchemy import JSON, ForeignKey, LargeBinary, String, Text
from sqlalchemy.ext.mutable import MutableList
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.core.db import UtcTime, db, now


class PermissionProfile(db.Model, RoleMixin):
    """A named set of permissions. A preset follows the code, the others hold their own list.

    `scope` limits every permission to objects of the account's departments or sites.
    """

    __tablename__ = "permission_profiles"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    preset: Mapped[str] = mapped_column(String(40), default="")
    scope: Mapped[str] = mapped_column(String(20), default="all")
    granted: Mapped[list[str]] = mapped_column(JSON, default=list)


class Account(db.Model, UserMixin):
    """A person who signs in. `person` is the id of the same human in the telephone system."""

    __tablename__ = "accounts"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(255), unique=True)
    name: Mapped[str] = mapped_column(String(80))
    password: Mapped[str | None] = mapped_column(String(255))
    active: Mapped[bool] = mapped_column(default=True)
    person: Mapped[str] = mapped_column(String(63), default="")
    language: Mapped[str] = mapped_column(String(5), default="it")
    departments: Mapped[list[str]] = mapped_column(JSON, default=list)
    sites: Mapped[list[str]] = mapped_column(JSON, default=list)
    profile_id: Mapped[int] = mapped_column(ForeignKey("permission_profiles.id"))
    profile: Mapped[PermissionProfile] = relationship(lazy="joined")
    created_at: Mapped[datetime.datetime] = mapped_column(UtcTime, default=now)
    signed_in_at: Mapped[datetime.datetime | None] = mapped_column(UtcTime)

    # The names below are those that Flask-Security expects.
    fs_uniquifier: Mapped[str] = mapped_column(String(64), unique=True)
    fs_webauthn_user_handle: Mapped[str | None] = mapped_column(String(64), unique=True)
    tf_primary_method: Mapped[str | None] = mapped_column(String(64))
    tf_totp_secret: Mapped[str | None] = mapped_column(Text)
    tf_phone_number: Mapped[str | None] = mapped_column(String(32))
    mf_recovery_codes: Mapped[list[str] | None] = mapped_column(MutableList.as_mutable(AsaList()))
    webauthn: Mapped[list[Passkey]] = relationship(
        back_populates="account", cascade="all, delete-orphan"
    )

    @property
    def roles(self) -> list[PermissionProfile]:
        """The profile in the shape that Flask-Security reads."""
        return [self.profile]

    @property
    def second_factor(self) -> bool:
        """Whether anything beside the password is asked at sign-in."""
        return bool(self.tf_primary_method) or bool(self.webauthn)


class Passkey(db.Model, WebAuthnMixin):
    """One passkey or security key (W3C Web Authentication level 2)."""

    __tablename__ = "passkeys"

    id: Mapped[int] = mapped_column(primary_key=True)
    credential_id: Mapped[bytes] = mapped_column(LargeBinary(1024), unique=True)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    sign_count: Mapped[int | None] = mapped_column(default=0)
    transports: Mapped[list[str] | None] = mapped_column(MutableList.as_mutable(AsaList()))
    backup_state: Mapped[bool] = mapped_column(default=False)
    device_type: Mapped[str] = mapped_column(String(64))
    extensions: Mapped[str | None] = mapped_column(String(255))
    create_datetime: Mapped[datetime.datetime] = mapped_column(UtcTime, default=now)
    lastuse_datetime: Mapped[datetime.datetime] = mapped_column(UtcTime, default=now)
    name: Mapped[str] = mapped_column(String(64))
    usage: Mapped[str] = mapped_column(String(64))
    user_id: Mapped[int] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    account: Mapped[Account] = relationship(back_populates="webauthn")

    def get_user_mapping(self) -> dict[str, Any]:
        """How Flask-Security finds the account of this key."""
        return {"id": self.user_id}


def new_account(email: str, name: str, password_hash: str, preset: str = "employee") -> Account:
    """Add an account with a preset profile to the open transaction."""
    account = Account(
        email=email.strip().lower(),
        name=name.strip(),
        password=password_hash,
        profile=preset_profile(preset),
        fs_uniquifier=uuid.uuid4().hex,
    )
    db.session.add(account)
    return account


def preset_profile(preset: str) -> PermissionProfile:
    """One of the profiles that every portal has."""
    return db.session.scalars(db.select(PermissionProfile).filter_by(preset=preset)).one()


def account_of(email: str) -> Account | None:
    """The account with this address, whatever the case of its letters."""
    query = db.select(Account).where(db.func.lower(Account.email) == email.strip().lower())
    return db.session.scalar(query)


def any_account() -> bool:
    """Whether the portal has been set up."""
    return db.session.scalar(db.select(Account.id).limit(1)) is not None
