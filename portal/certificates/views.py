"""The pages of certificates. Keys go through to the engine and are not kept here."""

from __future__ import annotations

import datetime
import ssl
import time
from typing import Any

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for

from appliance.apply.client import EngineError
from appliance.apply.machine_client import Upload
from appliance.services.certificates import State
from portal.core import audit, draft, engine
from portal.core.db import transaction
from portal.core.draft import Edit
from portal.core.fields import Pem
from portal.core.forms import Lines, StateForm, Switch, Text
from portal.core.i18n import _, _l, fault_text
from portal.core.permissions import Guarded, requires
from portal.core.screen_views import saved
from portal.core.shapes import Place

PAGES = Blueprint("certificates", __name__, url_prefix="/certificates")
GUARDED = (Guarded("certificates", _l("Certificates")),)

LARGEST_FILE = 256 * 1024
SERVERS = {"web": _l("Portal and telephones' files"), "server": _l("Telephony (SIP over TLS)")}
SOURCES = {"own": _l("own authority"), "uploaded": _l("brought"), "acme": _l("automatic")}
SOON_DAYS = 30


class AutomaticForm(StateForm):
    parts = {"": State}  # noqa: RUF012

    automatic = Switch(_l("Ask for certificates automatically"))
    names = Lines(_l("Names"), hint=_l("One a line, each reachable from the internet by port 80."))
    directory = Text(_l("Directory of the authority"), hint=_l("Let's Encrypt unless changed."))
    mail = Text(_l("E-mail address"), hint=_l("For notices of the authority; may be empty."))
    telephony = Switch(_l("Telephony presents it too"))
    authority = Pem(
        _l("Certificate of the directory"),
        hint=_l("Only for an authority inside the company: its certificate in PEM form."),
    )


FORMS = (AutomaticForm,)


@PAGES.get("/")
@requires("certificates.view")
def index() -> Any:
    """What is presented now."""
    return _page()


def _page(*, faults: tuple[str, ...] = (), status: int = 200) -> Any:
    held = engine.engine().certificates()
    shown = [_shown(each) for each in held["installed"]]
    page = render_template(
        "certificates/index.html",
        authority=next((each for each in shown if each["name"] == "authority"), None),
        presented=[each for each in shown if each["name"] in SERVERS],
        host_name=held["host_name"],
        pending_request=held["request"],
        renewal={**held["renewal"], "at": _moment(held["renewal"]["at"])},
        wishes=draft.settings("certificates")[0],
        servers=SERVERS,
        sources=SOURCES,
        faults=faults,
    )
    return page, status


@PAGES.get("/authority.crt")
@requires("certificates.view")
def authority() -> Response:
    """The authority's certificate in PEM, for Linux, macOS, Firefox and telephones."""
    return _download(engine.engine().authority_certificate(), "authority.crt")


@PAGES.get("/authority.cer")
@requires("certificates.view")
def authority_der() -> Response:
    """The same in DER, for Windows, Android and iOS."""
    plain = ssl.PEM_cert_to_DER_cert(engine.engine().authority_certificate())
    return _download(plain, "authority.cer")


@PAGES.get("/trust")
@requires("certificates.view")
def trust() -> str:
    """How to make computers and telephones trust the authority."""
    return render_template("certificates/trust.html")


@PAGES.post("/renew")
@requires("certificates.edit")
def renew() -> Any:
    """A new certificate of our own authority for one server."""
    server = request.form.get("server", "")
    if server not in SERVERS:
        abort(400)
    try:
        engine.engine().renew_certificate(server)
    except EngineError as error:
        return _page(faults=_said(error), status=409)
    _note("certificate.renew", server)
    flash(_("A new certificate is in force."), "info")
    return redirect(url_for("certificates.index"))


@PAGES.post("/upload")
@requires("certificates.edit")
def upload() -> Any:
    """Bring a certificate; it is in force once clients see it."""
    servers = [name for name in request.form.getlist("servers") if name in SERVERS]
    if not servers:
        return _page(faults=(_("Say who should present it."),), status=422)
    brought = Upload(
        _file("certificate"), _file("key"), _file("chain"), request.form.get("password", "")[:200]
    )
    if not brought.certificate:
        return _page(faults=(_("Choose the file of the certificate."),), status=422)
    any_name = request.form.get("any_name") == "yes"
    try:
        engine.engine().install_certificate(brought, servers, any_name=any_name)
    except EngineError as error:
        return _page(faults=_said(error), status=422)
    _note("certificate.upload", ", ".join(servers))
    flash(_("The certificate is in force: clients see it now."), "info")
    return redirect(url_for("certificates.index"))


@PAGES.post("/request")
@requires("certificates.edit")
def make_request() -> Any:
    """Make a signing request."""
    names = request.form.get("names", "").lower().split()
    try:
        engine.engine().request_certificate(names, request.form.get("organisation", "").strip())
    except EngineError as error:
        return _page(faults=_said(error), status=422)
    _note("certificate.request", ", ".join(names)[:255])
    return redirect(url_for("certificates.index", _anchor="request"))


@PAGES.get("/request.csr")
@requires("certificates.edit")
def request_file() -> Response:
    """The request that waits for an answer."""
    text = engine.engine().certificates()["request"]
    return _download(text, "request.csr") if text else abort(404)


@PAGES.route("/automatic", methods=["GET", "POST"])
@requires("certificates.edit")
def automatic() -> Any:
    """Settings of ACME, in the draft."""
    settings, version = draft.settings("certificates")
    form = AutomaticForm({"": settings})
    if form.validate_on_submit():
        if request.form.get("version", "") != str(version):
            text = _("Somebody else has changed this meanwhile. Look at it and save again.")
            flash(text, "warning")
            return redirect(url_for("certificates.automatic"))
        edit = Edit(Place("certificates"), form.objects[""], version or None)
        with transaction():
            entry = draft.commit([edit], "certificate.automatic", _("Automatic certificates"))
        saved(_("Saved in the draft. It takes effect when it is applied."), entry)
        return redirect(url_for("certificates.index"))
    page = render_template("certificates/automatic.html", form=form, version=version)
    return page, 422 if request.method == "POST" else 200


@PAGES.post("/obtain")
@requires("certificates.edit")
def obtain() -> Any:
    """Ask the authority now."""
    job = engine.engine().obtain_certificate()
    _note("certificate.obtain", "")
    return redirect(url_for("certificates.job", id=job))


@PAGES.get("/job/<id>")
@requires("certificates.view")
def job(id: str) -> Any:
    """How far asking the authority is."""
    try:
        work = engine.engine().job(id)
    except EngineError:
        abort(404)
    if work["done"] and not work["error"]:
        flash(_("The certificate is in force: clients see it now."), "info")
        target = url_for("certificates.index")
        if request.headers.get("HX-Request"):
            return "", 204, {"HX-Redirect": target}
        return redirect(target)
    part = request.headers.get("HX-Request")
    return render_template(f"certificates/{'job_part' if part else 'job'}.html", job=work)


# ── parts ─────────────────────────────────────────────────────────────────────────────


def _file(name: str) -> bytes:
    """An uploaded file, or the text that was pasted instead."""
    brought = request.files.get(name)
    content = brought.read(LARGEST_FILE + 1) if brought and brought.filename else b""
    return content or request.form.get(f"{name}_text", "").strip().encode()


def _shown(facts: dict[str, Any]) -> dict[str, Any]:
    days = int((facts["expires"] - time.time()) // 86400)
    state = "bad" if days < 3 else "warn" if days < SOON_DAYS else "good"
    return {**facts, "days": days, "state": state, "expires": _moment(facts["expires"])}


def _moment(seconds: int) -> datetime.datetime | None:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC) if seconds else None


def _said(error: EngineError) -> tuple[str, ...]:
    """Why the engine refuses, in the reader's language."""
    return tuple(fault_text(fault) for fault in error.faults) or (error.message,)


def _download(content: str | bytes, name: str) -> Response:
    answer = Response(content, mimetype="application/x-x509-ca-cert")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _note(action: str, subject: str) -> None:
    with transaction():
        audit.record(action, subject)
