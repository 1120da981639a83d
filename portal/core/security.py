"""Signing in: Flask-Security's settings, forms and events."""

from __future__ import annotations

import datetime
import importlib.util
from typing import Any

from flask import Flask
from flask_login import user_logged_in
from flask_security import (
    LoginForm,
    PasswordUtil,
    Security,
    SQLAlchemyUserDatastore,
    password_changed,
    tf_profile_changed,
)

from appliance import product
from portal.core import audit, passwords
from portal.core.accounts import Account, Passkey, PermissionProfile
from portal.core.db import db, now
from portal.core.keys import Keys
from portal.core.settings import Settings

PASSKEYS = all(importlib.util.find_spec(name) for name in ("webauthn", "nh3"))
"""Passkeys need libraries that not every system packages; without them they are left out."""

SESSION_LASTS_S = 12 * 3600


class SignInForm(LoginForm):
    """The form without "remember me": a session ends with the browser or the working day."""

    remember = None


class Passwords(PasswordUtil):
    """Our rule in the place where Flask-Security asks for one."""

    def validate(self, password: str, is_register: bool, **facts: Any) -> tuple[Any, str | None]:
        normal = self.normalize(password)
        return passwords.problems(normal, personal_words(facts.get("user"))) or None, normal


def personal_words(account: Account | None) -> set[str]:
    """The words that a guesser would try for this person and company."""
    from portal.core import draft

    company = draft.settings("organisation")[0].name
    words = set(company.split())
    if account is not None:
        words |= {*account.name.split(), *account.email.replace("@", ".").split(".")}
    return words


datastore = SQLAlchemyUserDatastore(db, Account, PermissionProfile, Passkey)


def give_new_start(account: Account, password_hash: str) -> None:
    """A new password and no second factor yet; whoever is signed in with the old ones is out."""
    account.password = password_hash
    account.tf_primary_method = account.tf_totp_secret = None
    account.mf_recovery_codes = None
    account.webauthn.clear()
    datastore.set_uniquifier(account)


def init_app(app: Flask, settings: Settings) -> None:
    """Set up sessions, sign-in, second factors and passkeys."""
    keys = settings.keys
    app.config.update(_session(keys), **_sign_in(settings, keys), **_second_factor(keys))
    parts: dict[str, Any] = {"login_form": SignInForm, "password_util_cls": Passwords}
    if PASSKEYS:
        from portal.core.passkeys import PasskeyRules

        parts["webauthn_util_cls"] = PasskeyRules
    Security(app, datastore, **parts)
    user_logged_in.connect(_signed_in, app)
    password_changed.connect(_password_changed, app)
    tf_profile_changed.connect(_second_factor_changed, app)


def _session(keys: Keys) -> dict[str, Any]:
    return {
        "SECRET_KEY": keys.session,
        "SESSION_COOKIE_NAME": "__Host-portal",
        "SESSION_COOKIE_SECURE": True,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_PATH": "/",
        "PERMANENT_SESSION_LIFETIME": SESSION_LASTS_S,
        "REMEMBER_COOKIE_NAME": "__Host-unused",
        "WTF_CSRF_TIME_LIMIT": None,
        "WTF_CSRF_SSL_STRICT": True,
    }


def _sign_in(settings: Settings, keys: Keys) -> dict[str, Any]:
    hashing = {"rounds": 1, "memory_cost": 512} if settings.testing else {}
    return {
        "SECURITY_PASSWORD_HASH": "argon2",
        "SECURITY_PASSWORD_HASH_PASSLIB_OPTIONS": {
            f"argon2__{name}": value for name, value in hashing.items()
        },
        "SECURITY_PASSWORD_SCHEMES": ["argon2"],
        "SECURITY_DEPRECATED_PASSWORD_SCHEMES": [],
        "SECURITY_PASSWORD_SALT": keys.password_salt,
        "SECURITY_PASSWORD_LENGTH_MIN": passwords.SHORTEST,
        "SECURITY_RETURN_GENERIC_RESPONSES": True,
        "SECURITY_CHANGEABLE": True,
        "SECURITY_SEND_PASSWORD_CHANGE_EMAIL": False,
        "SECURITY_POST_LOGIN_VIEW": "/",
        "SECURITY_POST_LOGOUT_VIEW": "/login",
        "SECURITY_POST_CHANGE_VIEW": "/me",
        "SECURITY_POST_VERIFY_VIEW": "/me",
        "SECURITY_LOGOUT_METHODS": ["POST"],
        "SECURITY_FRESHNESS_GRACE_PERIOD": datetime.timedelta(hours=1),
        "SECURITY_EMAIL_VALIDATOR_ARGS": {"check_deliverability": False},
        "SECURITY_URL_PREFIX": None,
        "SECURITY_JOIN_USER_ROLES": False,
        "SECURITY_FLASH_MESSAGES": True,
        "SECURITY_ANONYMOUS_USER_DISABLED": False,
    }


def _second_factor(keys: Keys) -> dict[str, Any]:
    return {
        "SECURITY_TWO_FACTOR": True,
        "SECURITY_TWO_FACTOR_REQUIRED": True,
        "SECURITY_TWO_FACTOR_ENABLED_METHODS": ["authenticator"],
        "SECURITY_TWO_FACTOR_RESCUE_EMAIL": False,
        "SECURITY_TWO_FACTOR_RESCUE_MAIL": "",
        "SECURITY_TWO_FACTOR_ALWAYS_VALIDATE": True,
        "SECURITY_TWO_FACTOR_POST_SETUP_VIEW": "/me",
        "SECURITY_TOTP_SECRETS": {"1": keys.totp},
        "SECURITY_TOTP_ISSUER": product.NAME,
        "SECURITY_MULTI_FACTOR_RECOVERY_CODES": True,
        "SECURITY_MULTI_FACTOR_RECOVERY_CODES_N": 8,
        "SECURITY_MULTI_FACTOR_RECOVERY_CODES_KEYS": [keys.recovery_codes.encode()],
        "SECURITY_WEBAUTHN": PASSKEYS,
        "SECURITY_WAN_RP_NAME": product.NAME,
        "SECURITY_WAN_ALLOW_AS_FIRST_FACTOR": True,
        "SECURITY_WAN_ALLOW_AS_MULTI_FACTOR": True,
        "SECURITY_WAN_POST_REGISTER_VIEW": "/me",
    }


def _signed_in(_app: Flask, user: Account, **_facts: Any) -> None:
    user.signed_in_at = now()
    audit.record("account.sign_in", user.email, author=user.email)


def _password_changed(_app: Flask, user: Account, **_facts: Any) -> None:
    audit.record("account.password", user.email)


def _second_factor_changed(_app: Flask, user: Account, **_facts: Any) -> None:
    audit.record("account.second_factor", user.email)
