"""Numbers the changes, remembers the last ones and hands them to every listener.

What a listener may see depends on the scope of its token; listeners of one scope share
the text that is sent to them.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Objects = dict[str, Any]
Scope = frozenset[str]

REMEMBERED = 2000
"""Changes kept for browsers that come back after a short break."""

LONGEST_QUEUE = 1000
"""Changes that may wait for one browser; one that does not read is cut off then."""

_OUTSIDE_DIGITS = 7
"""A number of at least so many digits is an outside one for masking."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is different since number `seq - 1`."""

    seq: int
    new: Objects
    gone: tuple[str, ...]


@dataclass(eq=False, slots=True)
class Subscription:
    """One listener's queue of texts. `on_cut_off` is called once it is too slow."""

    scope: Scope
    on_cut_off: Callable[[], None] = lambda: None
    queue: asyncio.Queue[str] = field(default_factory=lambda: asyncio.Queue(LONGEST_QUEUE))


class Broadcast:
    """All listeners. `objects` yields everything that holds now."""

    def __init__(self, objects: Callable[[], Objects]) -> None:
        self._objects = objects
        self._run = secrets.token_hex(4)
        self._seq = 0
        self._history: deque[Change] = deque(maxlen=REMEMBERED)
        self._subscriptions: set[Subscription] = set()

    @property
    def seq(self) -> int:
        return self._seq

    @property
    def listeners(self) -> int:
        return len(self._subscriptions)

    def publish(self, new: Objects, gone: list[str]) -> None:
        """Number a change and put it into every queue."""
        self._seq += 1
        change = Change(self._seq, new, tuple(gone))
        self._history.append(change)
        texts: dict[Scope, str] = {}
        for subscription in list(self._subscriptions):
            scope = subscription.scope
            if scope not in texts:
                texts[scope] = self._change_text(change, scope)
            self._put(subscription, texts[scope])

    def beat(self) -> None:
        """Tell everybody the number of the last change, so that a hole is noticed."""
        text = _message("beat", {"seq": self._seq})
        for subscription in list(self._subscriptions):
            self._put(subscription, text)

    def subscribe(self, scope: Scope, last_id: str = "") -> Subscription:
        """A new listener, whose queue begins with what it has missed or with everything."""
        subscription = Subscription(scope)
        missed = self._missed(last_id)
        if missed is None:
            subscription.queue.put_nowait(self._snapshot_text(scope))
        else:
            for change in missed:
                self._put(subscription, self._change_text(change, scope))
        self._subscriptions.add(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        self._subscriptions.discard(subscription)

    def snapshot(self, scope: Scope) -> dict[str, Any]:
        """Everything that `scope` may see."""
        return {"seq": self._seq, "objects": visible(self._objects(), scope)}

    def _missed(self, last_id: str) -> list[Change] | None:
        """The changes after `last_id`; None when they are not all known any more."""
        run, _, number = last_id.partition("-")
        if run != self._run or not (number.isascii() and number.isdigit()):
            return None
        seq = int(number)
        oldest = self._history[0].seq if self._history else self._seq + 1
        if not oldest - 1 <= seq <= self._seq or self._seq - seq >= LONGEST_QUEUE:
            return None
        return [change for change in self._history if change.seq > seq]

    def _put(self, subscription: Subscription, text: str) -> None:
        try:
            subscription.queue.put_nowait(text)
        except asyncio.QueueFull:
            self.unsubscribe(subscription)
            subscription.on_cut_off()

    def _snapshot_text(self, scope: Scope) -> str:
        return _message("snapshot", self.snapshot(scope), f"{self._run}-{self._seq}")

    def _change_text(self, change: Change, scope: Scope) -> str:
        gone = [key for key in change.gone if _shown(key, scope)]
        data = {"seq": change.seq, "set": visible(change.new, scope), "gone": gone}
        return _message("change", data, f"{self._run}-{change.seq}")


def visible(objects: Objects, scope: Scope) -> Objects:
    """The objects that a scope may see, with outside numbers masked where it says so."""
    shown = {key: value for key, value in objects.items() if _shown(key, scope)}
    if "mask" not in scope:
        return shown
    return {
        key: _masked(value) if key.startswith("calls/") else value for key, value in shown.items()
    }


def _shown(key: str, scope: Scope) -> bool:
    kind, slash, _name = key.partition("/")
    return not slash or kind in scope


_NUMBER = re.compile(rf"\+?[0-9]{{{_OUTSIDE_DIGITS},}}")


def _masked(call: Any) -> Any:
    """The call with the last four digits of outside numbers hidden, in names too: where a
    caller has no name, carriers send the number as the name."""
    return {**call, "legs": [_masked_leg(leg) for leg in call["legs"]]}


def _masked_leg(leg: dict[str, Any]) -> dict[str, Any]:
    texts = ("number", "name", "other_number", "other_name")
    return {**leg, **{key: _NUMBER.sub(_hidden, leg[key]) for key in texts}}


def _hidden(found: re.Match[str]) -> str:
    return f"{found[0][:-4]}••••"


def _message(event: str, data: dict[str, Any], id: str = "") -> str:
    """One server-sent event (WHATWG HTML, section 9.2); JSON has no line breaks."""
    head = f"id: {id}\n" if id else ""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return f"{head}event: {event}\ndata: {text}\n\n"
