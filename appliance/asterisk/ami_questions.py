"""Asks Asterisk's manager interface a few questions and hangs up: for code that does not live
in an event loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TypeVar

from appliance.asterisk import names
from appliance.asterisk.ami import CONNECTS_WITHIN_S, Ami, AmiError
from appliance.state.fields import Secret

T = TypeVar("T")

WITHIN_S = 15.0


def asked(port: int, secret: Secret, work: Callable[[Ami], Awaitable[T]]) -> T:
    """What `work` makes of a connection; AmiError when Asterisk does not answer in time."""

    async def session() -> T:
        ready = asyncio.Event()

        async def on_ready() -> None:
            ready.set()

        ami = Ami(
            port,
            names.AMI_LIVE,
            secret,
            wanted=frozenset(),
            on_event=lambda _name, _fields: None,
            on_ready=on_ready,
            on_lost=lambda: None,
        )
        running = asyncio.create_task(ami.run())
        try:
            await asyncio.wait_for(ready.wait(), CONNECTS_WITHIN_S)
            return await asyncio.wait_for(work(ami), WITHIN_S)
        except TimeoutError:
            raise AmiError("Asterisk does not answer in time") from None
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running

    return asyncio.run(session())
