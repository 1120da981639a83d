"""Who may do what: verbs on objects within a scope, and denial of everything else.

Each view says what it needs with one of the decorators below. A view that says nothing
answers 403 to everybody, and a test walks all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from flask import Flask, abort, current_app, g, redirect, request, session, url_for
from flask_login import current_user

from portal.core.accounts import Account, PermissionProfile
from portal.core.db import db
from portal.core.i18n import _l

View = TypeVar("View", bound=Callable[..., Any])
Scope = Literal["all", "department", "site"]

PUBLIC, SIGNED_IN, NOBODY = "public", "signed in", "nobody"

VERBS = {
    "view": _l("View"),
    "edit": _l("Change"),
    "apply": _l("Apply"),
    "profile": _l("Hand over secrets"),
}
"""What can be allowed on a kind of object; `apply` on changes and updates."""


@dataclass(frozen=True, slots=True)
class Guarded:
    """A kind of object that permissions speak of. `presets` maps a preset to its verbs."""

    name: str
    label: Any
    verbs: tuple[str, ...] = ("view", "edit")
    presets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


PRESETS: Mapping[str, tuple[Any, Scope]] = {
    "it_manager": (_l("IT manager"), "all"),
    "hr": (_l("Personnel office"), "department"),
    "department_head": (_l("Head of department"), "department"),
    "operator": (_l("Operator"), "all"),
    "employee": (_l("Employee"), "all"),
}
"""The profiles that every portal has: name and scope. The IT manager may do everything."""


def requires(permission: str) -> Callable[[View], View]:
    """The view needs `object.verb`, e.g. `people.edit`."""

    def mark(view: View) -> View:
        view.permission = permission  # type: ignore[attr-defined]
        return view

    return mark


def public(view: View) -> View:
    """The view is for everybody, signed in or not."""
    return requires(PUBLIC)(view)


def signed_in(view: View) -> View:
    """The view is for every account, about that account alone."""
    return requires(SIGNED_IN)(view)


OPEN_ENDPOINTS = {
    "static": PUBLIC,
    "security.login": PUBLIC,
    "security.logout": PUBLIC,
    "security.two_factor_setup": PUBLIC,
    "security.two_factor_token_validation": PUBLIC,
    "security.two_factor_setup_validate": SIGNED_IN,
    "security.tf_select": PUBLIC,
    "security.mf_recovery": PUBLIC,
    "security.mf_recovery_codes": SIGNED_IN,
    "security.change_password": SIGNED_IN,
    "security.verify": SIGNED_IN,
    "security.wan_signin": PUBLIC,
    "security.wan_signin_response": PUBLIC,
    "security.wan_register": SIGNED_IN,
    "security.wan_register_response": SIGNED_IN,
    "security.wan_delete": SIGNED_IN,
    "security.wan_verify": SIGNED_IN,
    "security.wan_verify_response": SIGNED_IN,
    "security.static": NOBODY,
    "security.two_factor_rescue": NOBODY,
}
"""Views of Flask-Security. The public ones of the second factor check their own state;
those for nobody are parts that we do not use."""


@dataclass(frozen=True, slots=True)
class Access:
    """What the present request may do. `viewing_as` names the profile that is tried out."""

    permissions: frozenset[str] = frozenset()
    everything: bool = False
    scope: Scope = "all"
    departments: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    viewing_as: str = ""

    def allows(self, permission: str) -> bool:
        """Whether the permission is granted, whatever the object."""
        if permission == PUBLIC:
            return True
        return self.everything or permission in self.permissions

    def covers(self, department: str, site: str) -> bool:
        """Whether an object with this department and site lies in the scope."""
        if self.everything or self.scope == "all":
            return True
        if self.scope == "department":
            return department in self.departments
        return site in self.sites

    def limit(self, query: Any, row: Any) -> Any:
        """A query limited to the rows in the scope."""
        if self.everything or self.scope == "all":
            return query
        if self.scope == "department":
            return query.filter(row.department.in_(self.departments))
        return query.filter(row.site.in_(self.sites))


def guarded() -> dict[str, Guarded]:
    """Every kind of object that the screens have declared."""
    return current_app.extensions["guarded"]


def declare(app: Flask, *things: Guarded) -> None:
    """Make kinds of objects known."""
    app.extensions.setdefault("guarded", {}).update({thing.name: thing for thing in things})


def permissions_of(profile: PermissionProfile) -> frozenset[str]:
    """What a profile grants; presets follow the code."""
    if not profile.preset:
        return frozenset(profile.granted or ())
    return frozenset(
        f"{thing.name}.{verb}"
        for thing in guarded().values()
        for verb in thing.presets.get(profile.preset, ())
    )


def access() -> Access:
    """What the signed-in account may do in this request."""
    if "access" not in g:
        g.access = _access()
    return g.access


def _access() -> Access:
    if not current_user or not current_user.is_authenticated:
        return Access()
    account: Account = current_user
    tried = session.get("view_as")
    profile = db.session.get(PermissionProfile, tried) if tried else None
    if profile is not None and account.profile.preset == "it_manager":
        return _of(profile, account, viewing_as=profile.name)
    return _of(account.profile, account)


def _of(profile: PermissionProfile, account: Account, viewing_as: str = "") -> Access:
    return Access(
        permissions=permissions_of(profile),
        everything=profile.preset == "it_manager",
        scope=profile.scope,  # type: ignore[arg-type]
        departments=tuple(account.departments or ()),
        sites=tuple(account.sites or ()),
        viewing_as=viewing_as,
    )


def needed(app: Flask, endpoint: str) -> str | None:
    """What a view needs; None when nobody has said it, which denies."""
    if endpoint in OPEN_ENDPOINTS:
        return OPEN_ENDPOINTS[endpoint]
    return getattr(app.view_functions.get(endpoint), "permission", None)


def guard() -> Any:
    """Deny the request unless its view's permission is granted. Runs before every view."""
    if request.endpoint is None:
        return None
    permission = needed(current_app, request.endpoint)
    if permission == PUBLIC:
        return None
    if permission == NOBODY:
        abort(404)
    if not current_user.is_authenticated:
        return _to_sign_in()
    allowed = permission == SIGNED_IN or (permission and access().allows(permission))
    if not allowed:
        abort(403)
    if access().viewing_as and request.method != "GET" and request.endpoint != "accounts.stop":
        abort(403, "viewing as another profile changes nothing")
    return None


def _to_sign_in() -> Any:
    if request.method == "GET" and not request.headers.get("HX-Request"):
        return redirect(url_for("security.login", next=request.full_path.rstrip("?")))
    return abort(401)


def ensure_presets() -> None:
    """Create the preset profiles that are missing."""
    known = set(db.session.scalars(db.select(PermissionProfile.preset)))
    for preset, (_label, scope) in PRESETS.items():
        if preset not in known:
            db.session.add(PermissionProfile(name=preset, preset=preset, scope=scope))


def profile_label(profile: PermissionProfile) -> Any:
    """A profile's name for people; presets are translated."""
    return PRESETS[profile.preset][0] if profile.preset else profile.name


def all_permissions(things: Iterable[Guarded]) -> list[str]:
    """Every permission that can be granted."""
    return [f"{thing.name}.{verb}" for thing in things for verb in thing.verbs]
