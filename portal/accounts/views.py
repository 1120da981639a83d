"""Accounts and permission profiles: who may sign in, and what each may see and change."""

from __future__ import annotations

import secrets
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, session, url_for
from flask_login import current_user
from flask_security import hash_password
from flask_wtf import FlaskForm
from wtforms import BooleanField, EmailField, PasswordField, SelectField, StringField, TextAreaField
from wtforms.validators import Email, InputRequired, Length

from portal.core import audit, passwords
from portal.core.accounts import Account, PermissionProfile, account_of, new_account
from portal.core.db import db, transaction
from portal.core.forms import options
from portal.core.i18n import LANGUAGES, _, _l
from portal.core.permissions import (
    VERBS,
    Guarded,
    all_permissions,
    guarded,
    permissions_of,
    profile_label,
    requires,
    signed_in,
)
from portal.core.screens import choices
from portal.core.security import give_new_start, personal_words

PAGES = Blueprint("accounts", __name__, url_prefix="/accounts")
GUARDED = (Guarded("accounts", _l("Accounts")),)
SCOPES = (
    ("all", _l("the whole company")),
    ("department", _l("the account's departments")),
    ("site", _l("the account's sites")),
)


class AccountForm(FlaskForm):
    name = StringField(_l("Name"), [InputRequired(_l("Type a name.")), Length(max=80)])
    email = EmailField(
        _l("E-mail"),
        [InputRequired(_l("Type an e-mail address.")), Email(_l("This is no e-mail address."))],
    )
    profile = SelectField(_l("Permission profile"), coerce=int)
    departments = TextAreaField(_l("Departments, one a line"), [Length(max=2000)])
    sites = TextAreaField(_l("Sites, one a line"), [Length(max=2000)])
    language = SelectField(_l("Language"), choices=options(LANGUAGES.items()))
    active = BooleanField(_l("May sign in"), default=True)
    password = PasswordField(_l("First password"), [Length(max=passwords.LONGEST)])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        profiles = db.session.scalars(db.select(PermissionProfile).order_by(PermissionProfile.id))
        self.profile.choices = options((each.id, profile_label(each)) for each in profiles)


class ProfileForm(FlaskForm):
    name = StringField(_l("Name"), [InputRequired(_l("Type a name.")), Length(max=80)])
    scope = SelectField(_l("Reaches over"), choices=options(SCOPES))


@PAGES.get("/")
@requires("accounts.view")
def index() -> str:
    """All accounts and all profiles."""
    accounts = db.session.scalars(db.select(Account).order_by(db.func.lower(Account.name)))
    profiles = db.session.scalars(db.select(PermissionProfile).order_by(PermissionProfile.id))
    return render_template("accounts/index.html", accounts=list(accounts), profiles=list(profiles))


@PAGES.route("/new", methods=["GET", "POST"])
@requires("accounts.edit")
def new() -> Any:
    """Add an account with a first password."""
    form = AccountForm()
    if form.validate_on_submit() and _unused(form, None) and _good_password(form, None):
        with transaction():
            password = hash_password(form.password.data)
            account = new_account(form.email.data, form.name.data, password)
            _fill(form, account)
            audit.record("account.add", account.email, profile=account.profile.name)
        flash(_("The account is there. Its owner sets up a second factor at the first sign-in."))
        return redirect(url_for("accounts.index"))
    return _page(form, None), 422 if form.errors else 200


@PAGES.route("/<int:id>", methods=["GET", "POST"])
@requires("accounts.edit")
def edit(id: int) -> Any:
    """Change an account. Nobody can take their own rights away."""
    account = db.session.get(Account, id) or abort(404)
    form = AccountForm(
        data={
            "name": account.name,
            "email": account.email,
            "profile": account.profile_id,
            "departments": "\n".join(account.departments or ()),
            "sites": "\n".join(account.sites or ()),
            "language": account.language,
            "active": account.active,
        }
    )
    if form.validate_on_submit() and _unused(form, account) and _not_self(form, account):
        with transaction():
            before = _facts(account)
            _fill(form, account)
            audit.record("account.edit", account.email, before=before, after=_facts(account))
        flash(_("Saved."))
        return redirect(url_for("accounts.index"))
    return _page(form, account), 422 if form.errors else 200


@PAGES.post("/<int:id>/restart")
@requires("accounts.edit")
def restart(id: int) -> Any:
    """Give an account a new first password and let it set up its second factor anew."""
    account = db.session.get(Account, id) or abort(404)
    if account.id == current_user.id:
        abort(403)
    password = _spoken_password()
    with transaction():
        give_new_start(account, hash_password(password))
        audit.record("account.restart", account.email)
    return render_template("accounts/restart.html", account=account, password=password)


# ── profiles ──────────────────────────────────────────────────────────────────────────


@PAGES.route("/profiles/new", methods=["GET", "POST"], defaults={"id": None})
@PAGES.route("/profiles/<int:id>", methods=["GET", "POST"])
@requires("accounts.edit")
def profile(id: int | None) -> Any:
    """One profile as a table of objects and verbs. Presets can only be looked at."""
    found = (db.session.get(PermissionProfile, id) or abort(404)) if id else None
    form = ProfileForm(data={"name": found.name, "scope": found.scope} if found else None)
    granted = permissions_of(found) if found else frozenset()
    if request.method == "POST":
        if found and found.preset:
            abort(403)
        granted = frozenset(request.form.getlist("grant")) & set(
            all_permissions(guarded().values())
        )
        if form.validate_on_submit() and _name_free(form, found):
            _save_profile(form, found, granted)
            return redirect(url_for("accounts.index"))
    page = render_template(
        "accounts/profile.html",
        form=form,
        profile=found,
        granted=granted,
        things=list(guarded().values()),
        verbs=VERBS,
        everything=bool(found and found.preset == "it_manager"),
    )
    return page, 422 if form.errors else 200


@PAGES.post("/profiles/<int:id>/delete")
@requires("accounts.edit")
def delete_profile(id: int) -> Any:
    """Delete a profile that no account has."""
    found = db.session.get(PermissionProfile, id) or abort(404)
    used = db.session.scalar(db.select(Account.id).filter_by(profile_id=id).limit(1))
    if found.preset or used:
        flash(_("This profile is in use or belongs to the product."), "warning")
        return redirect(url_for("accounts.index"))
    with transaction():
        audit.record("profile.delete", found.name, granted=found.granted)
        db.session.delete(found)
    return redirect(url_for("accounts.index"))


@PAGES.post("/view-as/<int:id>")
@requires("accounts.edit")
def view_as(id: int) -> Any:
    """See the portal as a profile does; nothing can be changed meanwhile."""
    found = db.session.get(PermissionProfile, id) or abort(404)
    if current_user.profile.preset != "it_manager":
        abort(403)
    session["view_as"] = found.id
    with transaction():
        audit.record("account.view_as", str(profile_label(found)))
    return redirect(url_for("dashboard.home"))


@PAGES.post("/stop")
@signed_in
def stop() -> Any:
    """End viewing as another profile."""
    session.pop("view_as", None)
    return redirect(url_for("accounts.index"))


# ── parts ─────────────────────────────────────────────────────────────────────────────


def _page(form: AccountForm, account: Account | None) -> str:
    sites = choices("site")
    return render_template("accounts/edit.html", form=form, account=account, sites=sites)


def _unused(form: AccountForm, account: Account | None) -> bool:
    other = account_of(form.email.data or "")
    if other is not None and other is not account:
        form.email.errors = [_("Another account has this address.")]
        return False
    return True


def _good_password(form: AccountForm, account: Account | None) -> bool:
    words = personal_words(account) | set((form.name.data or "").split())
    form.password.errors = passwords.problems(form.password.data or "", words)
    return not form.password.errors


def _not_self(form: AccountForm, account: Account) -> bool:
    """Refuse that the signed-in account locks itself out or the last manager leaves."""
    loses = not form.active.data or form.profile.data != account.profile_id
    if account.id == current_user.id and loses:
        form.profile.errors = [_("You cannot take away your own rights.")]
        return False
    return True


def _fill(form: AccountForm, account: Account) -> None:
    account.name, account.email = form.name.data.strip(), form.email.data.strip().lower()
    account.profile = db.session.get(PermissionProfile, form.profile.data)
    account.departments, account.sites = _lines(form.departments), _lines(form.sites)
    account.language, account.active = form.language.data, form.active.data


def _lines(field: Any) -> list[str]:
    return [line.strip()[:80] for line in (field.data or "").splitlines() if line.strip()]


def _facts(account: Account) -> dict[str, Any]:
    return {
        "name": account.name,
        "email": account.email,
        "profile": account.profile.name,
        "departments": account.departments,
        "sites": account.sites,
        "active": account.active,
    }


def _name_free(form: ProfileForm, found: PermissionProfile | None) -> bool:
    query = db.select(PermissionProfile).filter_by(name=(form.name.data or "").strip())
    other = db.session.scalar(query)
    if other is not None and other is not found:
        form.name.errors = [_("Another profile has this name.")]
        return False
    return True


def _save_profile(
    form: ProfileForm, found: PermissionProfile | None, granted: frozenset[str]
) -> None:
    with transaction():
        target = found or PermissionProfile(preset="")
        before = sorted(target.granted or ())
        target.name, target.scope = form.name.data.strip(), form.scope.data
        target.granted = sorted(granted)
        db.session.add(target)
        audit.record("profile.edit", target.name, before=before, after=target.granted)


def _spoken_password() -> str:
    """A password that is easy to read out: five groups of four small letters."""
    signs = "abcdefghjkmnpqrstuvwxyz"
    return "-".join("".join(secrets.choice(signs) for _each in range(4)) for _group in range(5))
