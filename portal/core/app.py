"""The application: everything put together, in the order in which it must happen."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from flask import Flask, render_template
from flask_wtf import CSRFProtect
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

from appliance import product
from appliance.apply.client import EngineError, EngineUnreachable
from portal.core import (
    attempts,
    db,
    draft,
    engine,
    headers,
    i18n,
    keys,
    pages,
    permissions,
    security,
    uploads,
)
from portal.core.forms import StateForm
from portal.core.screen_views import blueprint, url_of
from portal.core.screens import Screen
from portal.core.settings import Settings

SCREENS = (
    "people",
    "extensions",
    "devices",
    "sites",
    "phone_sites",
    "ring_groups",
    "pickup_groups",
    "voicemail_boxes",
    "music_on_hold",
    "feature_codes",
    "trunks",
    "dids",
    "inbound_routes",
    "outbound_routes",
    "classes_of_service",
    "time_windows",
    "numbering",
    "number_ranges",
    "call_limits",
    "company",
    "mail",
    "network",
    "network_interfaces",
    "vlans",
    "firewall",
    "bans",
    "blocks",
    "peers",
    "backup_settings",
    "backup_targets",
)
"""Folders with a `screen.SCREEN`: a list of the state, or settings. Their order is that of
the menu."""

VIEWS = (
    "dashboard",
    "changes",
    "lint",
    "accounts",
    "audit",
    "system",
    "alarms",
    "network",
    "bans",
    "peers",
    "updates",
    "certificates",
    "services",
    "captures",
    "support",
    "backups",
    "phone_board",
    "voicemail_boxes",
    "music_on_hold",
    "mail",
    "dialling",
    "branches",
    "branch_router",
    "trunks",
    "dids",
    "setup",
    "restoring",
    "wizard",
    "me",
    "health",
)
"""Folders with `views.PAGES`, and `views.GUARDED` where permissions speak of them. `views.FORMS`
are their forms over the state: differences take the words of fields from there."""

LARGEST_REQUEST = 16 * 1024 * 1024


def create_app(settings: Settings | None = None) -> Flask:
    """The portal. Its database must have been brought up to date, as `upgraded_app` does."""
    settings = settings or Settings.from_environment()
    app = Flask("portal", root_path=_root(), template_folder="core/templates")
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_REQUEST
    app.config["TESTING"] = settings.testing
    app.extensions["settings"] = settings
    app.extensions["sealer"] = keys.Sealer(settings.keys.data)
    if settings.proxies:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=settings.proxies, x_proto=settings.proxies, x_host=settings.proxies
        )
    db.init_app(app, settings.database_url)
    draft.init_app(app)
    security.init_app(app, settings)
    i18n.init_app(app)
    headers.init_app(app)
    # Permission first: only then is the body read, which the form's token stands in.
    app.before_request(permissions.guard)
    uploads.init_app(app)
    CSRFProtect(app)
    app.before_request(attempts.limit)
    engine.init_app(app, settings)
    _register(app)
    pages.init_app(app)
    _errors(app)
    return app


def _root() -> str:
    return str(import_module("portal").__path__[0])


def _register(app: Flask) -> None:
    """Register all screens and pages with what permissions call them."""
    found: dict[str, Screen] = {}
    for name in SCREENS:
        screen = import_module(f"portal.{name}.screen").SCREEN
        found[screen.name] = screen
        permissions.declare(app, screen.guarded)
        app.register_blueprint(blueprint(screen))
        _templates(app, name)
    app.extensions["screens"] = found
    forms: list[type[StateForm]] = [screen.form for screen in found.values()]
    for name in VIEWS:
        views = import_module(f"portal.{name}.views")
        forms.extend(getattr(views, "FORMS", ()))
        permissions.declare(app, *getattr(views, "GUARDED", ()))
        app.register_blueprint(views.PAGES)
        if getattr(views, "SIGNED_BY_ITSELF", False):
            app.extensions["csrf"].exempt(views.PAGES)
        _templates(app, name)
    app.extensions["forms"] = tuple(forms)
    app.jinja_env.globals |= {"url_of": url_of, "product": product}


def _templates(app: Flask, name: str) -> None:
    """Let a folder keep its templates beside its code, as `<name>/x.html`."""
    loader = app.jinja_loader
    loader.searchpath.append(f"{_root()}/{name}/templates")  # type: ignore[union-attr]


def _errors(app: Flask) -> None:
    """Answer every failure with a page that says what to do next."""

    def page(error: HTTPException) -> Any:
        code = error.code or 500
        if 300 <= code < 400:
            return error
        said = error.description if code in {403, 409} else ""
        answer = app.make_response((render_template("core/error.html", code=code, said=said), code))
        if code == 429:
            answer.headers["Retry-After"] = "600"
        return answer

    def busy(_error: OperationalError) -> Any:
        db.db.session.rollback()
        answer = app.make_response((render_template("core/error.html", code=503, said=""), 503))
        answer.headers["Retry-After"] = "5"
        return answer

    def engine_fault(error: Exception) -> Any:
        text = render_template("core/engine_error.html", error=error)
        return text, 503 if isinstance(error, EngineUnreachable) else 409

    app.register_error_handler(HTTPException, page)
    app.register_error_handler(OperationalError, busy)
    app.register_error_handler(EngineUnreachable, engine_fault)
    app.register_error_handler(EngineError, engine_fault)
