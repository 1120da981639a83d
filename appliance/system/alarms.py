"""The list of open alarms: who raised what, since when, and who has seen it.

Each source tells the whole of what is wrong in its eyes; what it does not tell any more
is over. So a source that is asked again needs no memory, and nothing stays open by mistake.

    book.report("disks", [Raised("disk-full", values={"percent": "93"})])

Another process of root leaves a file instead (`drop`), which the engine reads at its next
look. `docs/alarms.md` is the description for those who raise alarms.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

from appliance.apply import atomic
from appliance.state.codec import canonical_json, decode
from appliance.state.faults import Fault, StateError
from appliance.state.fields import Pattern
from appliance.state.machine import Layout
from appliance.system.alarm_kind import AlarmKind
from appliance.system.alarm_kinds import KINDS

log = logging.getLogger("alarms")

LONGEST_VALUE = 200
REMEMBERED = 200
"""How many alarms that are over are kept for looking back."""

LARGEST_FILE = 256 * 1024
MOST_OF_ONE_SOURCE = 500

Name = Annotated[str, Pattern(r"[a-z][a-z-]{1,39}", "the name of an alarm")]
SourceName = Annotated[str, Pattern(r"[a-z][a-z0-9-]{0,39}", "the name of a source of alarms")]


@dataclass(frozen=True, slots=True)
class Raised:
    """One thing that is wrong now. `subject` tells several alarms of one kind apart, e.g. the
    label of a trunk; `values` fill the sentence of its kind."""

    name: Name
    subject: str = ""
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm as it is kept. Moments are seconds since 1970, 0 for never.

    `acknowledged_by` is who has said that they know; the alarm stays open until it is over.
    `mailed` is when it was sent last, `until` when it was over.
    """

    source: str
    name: str
    subject: str
    values: dict[str, str]
    since: int
    acknowledged_by: str = ""
    acknowledged: int = 0
    mailed: int = 0
    until: int = 0

    @property
    def kind(self) -> AlarmKind:
        return KINDS[self.name]

    @property
    def key(self) -> tuple[str, str, str]:
        return self.source, self.name, self.subject

    def text(self, language: str) -> str:
        """What it says, in one sentence."""
        return self.kind.text.in_language(language, {**self.values, "subject": self.subject})

    def advice(self, language: str) -> str:
        """What its reader can do."""
        return self.kind.advice.in_language(language, {**self.values, "subject": self.subject})


class AlarmBook:
    """All alarms of this machine. Kept in a file, so that a restart forgets nothing."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path, self._clock = path, clock
        self._lock = threading.Lock()
        self._open, self._over = _read(path)

    def report(self, source: str, raised: Iterable[Raised]) -> None:
        """Everything that is wrong in the eyes of one source."""
        wanted = {(source, each.name, each.subject): each for each in _known(source, raised)}
        with self._lock:
            before = {**self._open}
            for key, each in wanted.items():
                self._open[key] = self._opened(key, each)
            ended = [key for key in self._open if key[0] == source and key not in wanted]
            for key in ended:
                alarm = replace(self._open.pop(key), until=self._now())
                log.warning("over name=%s subject=%r", alarm.name, alarm.subject)
                self._over = [alarm, *self._over][:REMEMBERED]
            if self._open != before:
                self._write()

    def _opened(self, key: tuple[str, str, str], raised: Raised) -> Alarm:
        known, values = self._open.get(key), _short(raised.values)
        if known is not None:
            return replace(known, values=values)
        log.warning("raised name=%s subject=%r", raised.name, raised.subject)
        return Alarm(*key, values, self._now())

    def open(self) -> list[Alarm]:
        """What is wrong now: critical ones first, then the newest."""
        with self._lock:
            found = list(self._open.values())
        return sorted(found, key=lambda each: (each.kind.level != "critical", -each.since))

    def counts(self) -> dict[str, int]:
        """Level -> how many are open that nobody has acknowledged."""
        found = {"warning": 0, "critical": 0}
        for alarm in self.open():
            if not alarm.acknowledged:
                found[alarm.kind.level] += 1
        return found

    def over(self) -> list[Alarm]:
        """What is over, the latest first."""
        with self._lock:
            return list(self._over)

    def holds(self, name: str, subject: str = "") -> bool:
        """Whether such an alarm is open; for those who need two thresholds."""
        with self._lock:
            return any(key[1:] == (name, subject) for key in self._open)

    def acknowledge(self, name: str, subject: str, by: str) -> None:
        """Somebody knows: it is not sent again. LookupError when it is over."""
        with self._lock:
            keys = [key for key in self._open if key[1:] == (name, subject)]
            if not keys:
                raise LookupError("this alarm is over already")
            for key in keys:
                self._open[key] = replace(
                    self._open[key], acknowledged_by=by, acknowledged=self._now()
                )
            self._write()

    def mailed(self, keys: Iterable[tuple[str, str, str]]) -> None:
        """These have just been sent."""
        with self._lock:
            for key in set(keys) & self._open.keys():
                self._open[key] = replace(self._open[key], mailed=self._now())
            self._write()

    def _now(self) -> int:
        return int(self._clock())

    def _write(self) -> None:
        listed = {"open": self._open.values(), "over": self._over}
        data = {part: [asdict(alarm) for alarm in alarms] for part, alarms in listed.items()}
        try:
            atomic.write_file(self._path, canonical_json(data), 0o600)
        except OSError as error:
            # A full disk is itself an alarm: it must be seen although it cannot be kept.
            log.error("the list of alarms cannot be written: %s", error.strerror)


def _read(path: Path) -> tuple[dict[tuple[str, str, str], Alarm], list[Alarm]]:
    try:
        data = json.loads(path.read_bytes())
        found = [[Alarm(**each) for each in data[part]] for part in ("open", "over")]
    except FileNotFoundError:
        return {}, []
    except (ValueError, KeyError, TypeError) as error:
        log.error("the list of alarms is damaged and begins anew: %s", type(error).__name__)
        return {}, []
    known = [[each for each in part if each.name in KINDS] for part in found]
    return {each.key: each for each in known[0]}, known[1]


def _known(source: str, raised: Iterable[Raised]) -> Iterable[Raised]:
    for each in list(raised)[:MOST_OF_ONE_SOURCE]:
        if each.name in KINDS:
            yield replace(each, subject=_line(each.subject))
        else:
            log.error("source=%s raises %r, which is no alarm", source, each.name[:40])


def _short(values: Mapping[str, str]) -> dict[str, str]:
    return {name: _line(str(value)) for name, value in values.items()}


def _line(text: str) -> str:
    """A text of one line without signs that control a terminal or a mail."""
    shown = "".join(sign if sign.isprintable() else " " for sign in text[:LONGEST_VALUE])
    return shown.strip()


# ── files that other processes of root leave ──────────────────────────────────────────


def folder(layout: Layout) -> Path:
    """Where they lie; only root may write there."""
    return layout.state / "alarms.d"


def drop(layout: Layout, source: str, raised: Iterable[Raised]) -> None:
    """Leave word of everything that is wrong in the eyes of `source`, a process of root.

    An empty list means that all is well. StateError for a name that is none.
    """
    decode(SourceName, source)
    place = folder(layout)
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    listed = [{"name": r.name, "subject": r.subject, "values": dict(r.values)} for r in raised]
    atomic.write_file(place / f"{source}.json", canonical_json({"alarms": listed}), 0o600)


def dropped(layout: Layout) -> dict[str, tuple[Raised, ...]]:
    """Source -> what its file says. A file that cannot be read counts for nothing."""
    found = {}
    for path in sorted(folder(layout).glob("[a-z]*.json")):
        try:
            found[path.stem] = _dropped(path)
        except (OSError, ValueError, StateError, KeyError, TypeError) as error:
            log.error("file=%s cannot be read: %s", path.name[:60], type(error).__name__)
    return found


def _dropped(path: Path) -> tuple[Raised, ...]:
    with path.open("rb") as file:
        content = file.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise ValueError("too large")
    return tuple(raised_from(each) for each in json.loads(content)["alarms"])


def raised_from(data: Any) -> Raised:
    """What plain data from outside raises; StateError when it is not of this form."""
    parts = dict(data) if isinstance(data, dict) else {}
    values = parts.get("values", {})
    if not isinstance(values, dict):
        raise StateError([Fault("values", "must be an object with named fields")])
    return Raised(
        decode(Name, parts.get("name"), "name"),
        decode(str, parts.get("subject", ""), "subject"),
        {str(name): decode(str, value, "values") for name, value in values.items()},
    )
