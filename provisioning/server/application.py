"""The server's HTTP side: requests in, answers out, a new revision noticed by its link."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from appliance.state.faults import StateError
from appliance.state.machine import Layout
from appliance.system.machine import Facts
from provisioning.server import book, control
from provisioning.server.desk import Answer, Asked, Desk, NotOpened

log = logging.getLogger("provisioning")

LOOK_EVERY_S = 1.0
SAVE_EVERY_S = 1.0
RENDERED_AT_ONCE = 20
"""Files rendered before requests get their turn: about 10 ms."""

_NO_CACHE = "private, no-cache"


class Application:
    """Answers requests from the desk, and keeps the desk up to date."""

    def __init__(self, desk: Desk, verbs: control.Control, bearer: str) -> None:
        self.desk = desk
        self._verbs = verbs
        self._authorization = f"Bearer {bearer}".encode()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """One request of a phone, of the portal or of the supervisor."""
        path = request.raw_path
        if path.startswith(control.PREFIX):
            return await self._control(request, path.removeprefix(control.PREFIX))
        if request.method not in ("GET", "HEAD"):
            return web.Response(status=405, headers={"Allow": "GET, HEAD"})
        if path == "/health":
            return web.json_response({"status": "ok"})
        return _response(self.desk.answer(_asked(request, path)))

    async def _control(self, request: web.BaseRequest, verb: str) -> web.Response:
        given = request.headers.get("Authorization", "").encode("utf-8", "replace")
        if request.method != "POST" or not hmac.compare_digest(given, self._authorization):
            return web.Response(status=404)
        try:
            result = self._verbs.ask(verb, _object(await request.read()))
        except (LookupError, NotOpened, StateError, ValueError) as error:
            return web.json_response({"error": str(error)}, status=409)
        return web.json_response({"result": result})

    # ── keeping up to date ────────────────────────────────────────────────────────

    async def follow(self, layout: Layout, facts: Facts) -> None:
        """Take each new revision, and write its files without holding up requests."""
        while True:
            try:
                if book.applied_revision(layout) != self.desk.book.revision:
                    await self.load(layout, facts)
            except (OSError, StateError, ValueError) as error:
                log.error("the applied configuration cannot be read: %s", error)
            await asyncio.sleep(LOOK_EVERY_S)

    async def load(self, layout: Layout, facts: Facts) -> None:
        """Read the revision in force and write the files that it changed."""
        new = await asyncio.to_thread(book.read, layout, facts, self.desk.book)
        waiting = new.unrendered()
        for count, entry in enumerate(waiting):
            entry.render()
            if count % RENDERED_AT_ONCE == RENDERED_AT_ONCE - 1:
                await asyncio.sleep(0)
        self.desk.take(new)
        log.info(
            "revision %d: %d phones, %d new files", new.revision, len(new.by_mac), len(waiting)
        )

    async def keep_saving(self) -> None:
        """Write what phones did about once a second, many rows at a time."""
        while True:
            await asyncio.sleep(SAVE_EVERY_S)
            self.desk.save()


def quiet_server(handle: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> web.Server:
    """An HTTP server that answers what is no HTTP with 400 and keeps it out of the log.

    The library would log the bytes that it did not understand, and they may hold a token.
    """
    logger = logging.getLogger("provisioning.http")
    logger.addFilter(_not_the_senders_fault)
    return web.Server(handle, access_log=None, logger=logger)


def _not_the_senders_fault(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


def _asked(request: web.BaseRequest, path: str) -> Asked:
    headers = request.headers
    return Asked(
        path=path,
        source=headers.get("X-Forwarded-For", "") or request.remote or "unknown",
        encrypted=headers.get("X-Forwarded-Proto") == "https",
        agent=headers.get("User-Agent", ""),
        if_none_match=headers.get("If-None-Match", ""),
        if_modified_since=headers.get("If-Modified-Since", ""),
        head=request.method == "HEAD",
    )


def _response(answer: Answer) -> web.Response:
    if answer.status == 404:
        return web.Response(status=404)
    headers = {"Content-Type": answer.content_type, "Cache-Control": _NO_CACHE}
    if answer.etag:
        headers["ETag"] = answer.etag
        headers["Last-Modified"] = answer.last_modified
    body = None if answer.status == 304 else answer.content
    return web.Response(status=answer.status, body=body, headers=headers)


def _object(body: bytes) -> Mapping[str, Any]:
    data = json.loads(body or b"{}")
    if not isinstance(data, dict):
        raise ValueError("not an object")
    return data
