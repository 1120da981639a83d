"""From the one-time code to the first account, and on to its second factor."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from flask import Blueprint, abort, current_app, flash, redirect, render_template, request, url_for
from flask_security import hash_password
from flask_wtf import FlaskForm
from wtforms import EmailField, PasswordField, StringField
from wtforms.validators import Email, InputRequired, Length

from portal.core import audit, passwords, setup_code
from portal.core.accounts import account_of, any_account, new_account, preset_profile
from portal.core.db import transaction
from portal.core.i18n import _, _l
from portal.core.permissions import public
from portal.core.security import give_new_start

PAGES = Blueprint("setup", __name__, url_prefix="/setup")

RECOVERY_WITHIN_S = 3600
"""How long a code of the console holds."""


class FirstAccountForm(FlaskForm):
    code = StringField(_l("One-time code"), [InputRequired(_l("Type the code.")), Length(max=40)])
    name = StringField(_l("Your name"), [InputRequired(_l("Type your name.")), Length(max=80)])
    email = EmailField(
        _l("E-mail"),
        [InputRequired(_l("Type your e-mail address.")), Email(_l("This is no e-mail address."))],
    )
    password = PasswordField(_l("Password"), [InputRequired(_l("Choose a password."))])


@PAGES.before_app_request
def _no_sign_in_before() -> Any:
    """Whoever opens a new machine's address comes here, not to a sign-in without accounts.

    The code's file tells most requests apart without a look into the database.
    """
    if request.endpoint != "security.login" or request.method != "GET":
        return None
    if not current_app.extensions["settings"].setup_code.exists() or any_account():
        return None
    return redirect(url_for("setup.begin"))


@PAGES.route("/", methods=["GET", "POST"])
@public
def begin() -> Any:
    """Make the first account; afterwards this page is gone."""
    if any_account():
        return redirect(url_for("security.login"))
    form = FirstAccountForm()
    if form.validate_on_submit() and _good(form, current_app.extensions["settings"].setup_code):
        _make(form)
        flash(_("Sign in now, then set up your second factor."), "info")
        return redirect(url_for("security.login"))
    return render_template("setup/begin.html", form=form), 422 if form.errors else 200


@PAGES.route("/recovery", methods=["GET", "POST"])
@public
def recovery() -> Any:
    """Become administrator with the code of the machine's console; without one it is not there."""
    path: Path = current_app.extensions["settings"].recovery_code
    if not _fresh(path):
        abort(404)
    form = FirstAccountForm()
    if form.validate_on_submit() and _good(form, path):
        _recover(form)
        path.unlink(missing_ok=True)
        flash(_("Sign in now, then set up your second factor."), "info")
        return redirect(url_for("security.login"))
    return render_template("setup/recovery.html", form=form), 422 if form.errors else 200


def _fresh(path: Path) -> bool:
    """Whether there is a code, and it is younger than an hour."""
    try:
        age = time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return False
    return age < RECOVERY_WITHIN_S


def _recover(form: FirstAccountForm) -> None:
    """Make the account, or give the one that is there a new start as administrator."""
    email, password = form.email.data or "", hash_password(form.password.data)
    with transaction():
        account = account_of(email)
        if account is None:
            account = new_account(email, form.name.data or "", password, "it_manager")
        else:
            give_new_start(account, password)
            account.active = True
            account.profile = preset_profile("it_manager")
        audit.record("account.recovery", account.email, author="console")


def _good(form: FirstAccountForm, path: Path) -> bool:
    """Whether code and password are right; the code is told wrong before anything else."""
    if not setup_code.matches(path, form.code.data or ""):
        form.code.errors = [_("This is not the code that the machine shows.")]
        return False
    words = {*(form.name.data or "").split(), *(form.email.data or "").split("@")}
    form.password.errors = passwords.problems(form.password.data or "", words)
    return not form.password.errors


def _make(form: FirstAccountForm) -> None:
    with transaction():
        if any_account():
            abort(409)
        password = hash_password(form.password.data)
        new_account(form.email.data or "", form.name.data or "", password, "it_manager")
        audit.record("account.add", form.email.data or "", author="setup")
    current_app.extensions["settings"].setup_code.unlink(missing_ok=True)
