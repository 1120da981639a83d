"""The hub's doors: the stream for browsers, health and figures for the machine itself."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

from aiohttp import web

from appliance.state.fields import Secret
from ari_apps.live import tokens
from ari_apps.live.broadcast import Subscription
from ari_apps.live.hub import Hub
from ari_apps.live.tokens import Listener, NotAllowed

log = logging.getLogger("live")

HUB: web.AppKey[Hub] = web.AppKey("hub", Hub)
KEY: web.AppKey[Secret] = web.AppKey("key", Secret)
STREAMS: web.AppKey[set[asyncio.Task[Any]]] = web.AppKey("streams", set[asyncio.Task[Any]])

_STREAM_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
    "X-Content-Type-Options": "nosniff",
}


def application(hub: Hub, key: Secret) -> web.Application:
    """The web application of one hub; `key` is the one that the portal signs with."""
    app = web.Application()
    app[HUB], app[KEY], app[STREAMS] = hub, key, set()
    app.router.add_get("/live/events", _events)
    app.router.add_get("/live/snapshot", _snapshot)
    app.router.add_get("/health", _health)
    app.router.add_get("/metrics", _metrics)
    app.on_shutdown.append(_end_streams)
    return app


async def _events(request: web.Request) -> web.StreamResponse:
    who = _listener(request)
    response = web.StreamResponse(headers=_STREAM_HEADERS)
    await response.prepare(request)
    broadcast = request.app[HUB].broadcast
    subscription = broadcast.subscribe(who.scope, request.headers.get("Last-Event-ID", ""))
    if request.transport is not None:
        subscription.on_cut_off = request.transport.abort
    task = asyncio.current_task()
    assert task is not None
    request.app[STREAMS].add(task)
    try:
        async with asyncio.timeout(max(0.0, who.until - time.time())):
            await _write(response, subscription)
    except TimeoutError:
        pass  # the token has run out: the browser comes back with a new one
    except ConnectionResetError:
        pass  # the browser has gone
    finally:
        request.app[STREAMS].discard(task)
        broadcast.unsubscribe(subscription)
    return response


async def _write(response: web.StreamResponse, subscription: Subscription) -> None:
    """Send what the queue holds, for as long as the connection lasts."""
    while True:
        text = await subscription.queue.get()
        parts = [text]
        while not subscription.queue.empty():
            parts.append(subscription.queue.get_nowait())
        await response.write("".join(parts).encode())


async def _snapshot(request: web.Request) -> web.Response:
    who = _listener(request)
    data = request.app[HUB].broadcast.snapshot(who.scope)
    return web.json_response(data, headers={"Cache-Control": "no-store"})


async def _health(request: web.Request) -> web.Response:
    return web.json_response({"status": "ok", "asterisk": request.app[HUB].machine.up})


async def _metrics(request: web.Request) -> web.Response:
    """Prometheus' text format, version 0.0.4."""
    hub = request.app[HUB]
    kinds = [key.partition("/")[0] for key in hub.machine.objects()]
    figures = {
        "centralino_live_asterisk_up": int(hub.machine.up),
        "centralino_live_connections_total": hub.ami.connections,
        "centralino_live_events_total": hub.events,
        "centralino_live_event_failures_total": hub.failures,
        "centralino_live_missed_channels_total": hub.missed,
        "centralino_live_changes_total": hub.broadcast.seq,
        "centralino_live_listeners": hub.broadcast.listeners,
        "centralino_live_calls": kinds.count("calls"),
        "centralino_live_devices": kinds.count("devices"),
        "centralino_live_legs_not_heard": hub.listening.faulty("silent"),
        "centralino_live_legs_that_do_not_hear": hub.listening.faulty("deaf"),
        "centralino_live_sound_questions_total": hub.listening.asked,
    }
    lines = []
    for name, value in figures.items():
        kind = "counter" if name.endswith("_total") else "gauge"
        lines += [f"# TYPE {name} {kind}", f"{name} {value}"]
    return web.Response(text="\n".join(lines) + "\n", content_type="text/plain")


def _listener(request: web.Request) -> Listener:
    """The listener whom the cookie names; 401 for nobody, 403 for another site's page."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise web.HTTPForbidden
    try:
        return tokens.listener(request.cookies.get(tokens.COOKIE), request.app[KEY])
    except NotAllowed as error:
        log.info("refused a listener: %s", error)
        raise web.HTTPUnauthorized from error


async def _end_streams(app: web.Application) -> None:
    streams = app[STREAMS]
    for task in list(streams):
        task.cancel()
