"""What routers say and ask, as JSON. Nobody is signed in here: a code or a signature opens it."""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, request

from appliance.apply.client import EngineError, EngineUnreachable
from failover_router import report as wire
from failover_router import router_profile
from failover_router.decoding import DecodingError, decode, encode
from failover_router.door import signature
from portal.branches import alarms, desk, drills
from portal.branches.certificate import certify
from portal.branches.models import Router
from portal.core.db import transaction
from portal.core.engine import engine
from portal.core.permissions import public

PAGES = Blueprint("branch_router", __name__, url_prefix=f"{desk.DOOR}/v1")
SIGNED_BY_ITSELF = True
"""Requests carry their own signature or code, and no cookie: a form's token would mean nothing."""

VOUCHER_LASTS_S = 60.0
LARGEST = 131_072
DRILL_EVERY_S = 2
"""How often a router reports while a drill goes on: so soon it hears of an emergency call."""


def answered(view: Callable[..., Any]) -> Callable[..., Any]:
    """Turn refusals into JSON with a word for the reason."""

    @wraps(view)
    def answer(*args: Any, **kwargs: Any) -> Any:
        try:
            return view(*args, **kwargs)
        except desk.Refused as error:
            return _no(error.reason, error.status)
        except (DecodingError, ValueError, LookupError, TypeError):
            return _no("request", 400)
        except EngineError:
            return _no("request", 409)
        except EngineUnreachable:
            answer = _no("busy", 503)
            answer.headers["Retry-After"] = "5"
            return answer

    return answer


@PAGES.get("/voucher")
@public
@answered
def voucher() -> Any:
    """The VPN authority's word for this web server."""
    known = current_app.extensions.setdefault("voucher", {})
    if not known or time.monotonic() - known["at"] > VOUCHER_LASTS_S:
        known.update(at=time.monotonic(), said=engine().vpn_vouch())
    return jsonify(known["said"])


@PAGES.post("/enrol")
@public
@answered
def enrol() -> Any:
    """A blank router with a code: its profile, without the key that it made itself."""
    asked = json.loads(_body())
    code, text = str(asked["code"]), str(asked["request"])
    hardware = "".join(c for c in str(asked.get("hardware", "")) if c.isprintable())[:80]
    branch = _spend(code)
    with transaction():
        issued = desk.issue(branch, "own", text, hardware)
        data = encode(issued.profile)
    return jsonify({"profile": data})


def _spend(code: str) -> str:
    """Use a code up. A miss is kept as well as a hit: neither is undone by what comes after."""
    refusal: desk.Refused | None = None
    branch = ""
    with transaction():
        try:
            branch = desk.spend(code)
        except desk.Refused as error:
            refusal = error
    if refusal is not None:
        alarms.tell()
        raise refusal
    return branch


@PAGES.post("/enrolled")
@public
@answered
def enrolled() -> Any:
    """A router has its profile on the disk: it takes the place of the one before it."""
    router, said = _signed("enrolled")
    with transaction():
        if router.enrolled_at is None:
            desk.take_place(router)
    return _answer(router, said, {})


@PAGES.post("/profile")
@public
@answered
def profile() -> Any:
    """The profile as it should be now."""
    router, said = _signed("profile")
    return _answer(router, said, {"profile": encode(desk.profile_now(router))})


@PAGES.post("/report")
@public
@answered
def report() -> Any:
    """A router's report; the answer says what to do."""
    router, said = _signed("report")
    told = decode(wire.Report, json.loads(_body()))
    refusal: desk.Refused | None = None
    with transaction():
        try:
            desk.take_report(router, told)
        except desk.Refused as error:
            refusal = error
    if refusal is not None:
        alarms.tell()
        raise refusal
    with transaction():
        if told.drill is not None and (ended := drills.take_news(router, told.drill)):
            certify(ended)
        drills.begin_planned(router.branch)
        emergency = drills.emergency_at(router.branch)
        command = drills.command_for(router, told, emergency=emergency)
        wanted = router_profile.digest(desk.profile_now(router))
        busy = drills.open_drill(router.branch) is not None
    alarms.tell()
    every_s = DRILL_EVERY_S if busy else wire.EVERY_S
    made = wire.Answer(1, every_s, wanted, emergency, command)
    return _answer(router, said, encode(made))


def _signed(verb: str) -> tuple[Router, str]:
    """The router that has signed this request, and its signature."""
    name = request.headers.get("X-Router", "")
    number = request.headers.get("X-Generation", "")
    said = request.headers.get("X-Signature", "")
    known = number.isascii() and number.isdigit() and len(number) < 7
    router = desk.router_named(name, int(number)) if known else None
    if router is None:
        raise desk.Refused("unknown", 401)
    wanted = signature(desk.portal_key(router), verb, _body())
    if not hmac.compare_digest(wanted.encode(), said.encode("utf-8", "replace")):
        raise desk.Refused("unknown", 401)
    if router.ended_at is not None:
        with transaction():
            desk.heard_of_ended(router)
        alarms.tell()
        raise desk.Refused("replaced")
    return router, said


def _answer(router: Router, said: str, data: Any) -> Response:
    body = json.dumps(data, separators=(",", ":")).encode()
    answer = Response(body, mimetype="application/json")
    answer.headers["X-Signature"] = signature(desk.portal_key(router), said, body)
    return answer


def _body() -> bytes:
    body = request.get_data(cache=True)
    if len(body) > LARGEST:
        raise desk.Refused("request", 413)
    return body


def _no(reason: str, status: int) -> Response:
    answer = jsonify({"error": reason})
    answer.status_code = status
    return answer
