"""What the processes have said: the journal of the appliance, or the files of a checkout's
supervisor, behind one question.

Log text is hostile: callers and telephones write into it. Here lines are cut to a length
and stripped of control characters; who shows them escapes them.
"""

from __future__ import annotations

import datetime
import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Protocol

from appliance.state.fields import Between, Printable
from appliance.system.overseer import known
from appliance.system.processes import Site, table
from appliance.system.watch import unit_of

Level = Literal["error", "warning", "info"]
LEVELS: Mapping[str, int] = {"error": 3, "warning": 4, "info": 6}
"""Level -> the highest priority of syslog(3) that counts as it."""

LONGEST_LINE = 1000
MOST_LINES = 2000
READ_BYTES = 8 * 1024 * 1024
WITHIN_S = 20

Needle = Annotated[str, Printable(100, shortest=0)]
Moment = Annotated[int, Between(0, 2**40)]
Cursor = Annotated[str, Printable(300, shortest=0)]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked for. "" or 0 means no limit; `since` and `until` are seconds since 1970;
    `text` must stand in a line, case aside; `after` is the cursor of an earlier answer, for
    what came since."""

    process: str = ""
    level: Level = "info"
    text: Needle = ""
    since: Moment = 0
    until: Moment = 0
    count: Annotated[int, Between(1, MOST_LINES)] = 200
    after: Cursor = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One line. `at` is milliseconds since 1970."""

    at: int
    process: str
    level: Level
    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    """Lines, oldest first; `cursor` asks for what comes after them."""

    lines: tuple[Line, ...]
    cursor: str


class Logs(Protocol):
    def ask(self, question: Question) -> Answer: ...


def logs_of(site: Site) -> Logs:
    """Where this machine's processes write."""
    return LogFiles(site) if site.checkout else Journal(site)


def cleaned(text: str) -> str:
    """A line that can be shown: cut, and without signs that control anything."""
    cut = text if len(text) <= LONGEST_LINE else f"{text[:LONGEST_LINE]} …"
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}"
                   if sign != "\t" else " " for sign in cut)  # fmt: skip


_BAD = re.compile(r"\b(ERROR|CRITICAL|FATAL|emerg|alert|crit|error)\b|\[error\]|Traceback")
_UNSURE = re.compile(r"\b(WARNING|WARN|warn)\b|\[warn\]")


def level_of(text: str) -> Level:
    """The level that a line of our processes, Asterisk's or nginx's names."""
    head = text[:120]
    if _BAD.search(head):
        return "error"
    return "warning" if _UNSURE.search(head) else "info"


# ── the appliance ─────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Journal:
    """systemd's journal, asked by journalctl(1)."""

    site: Site

    def ask(self, question: Question) -> Answer:
        units = {unit_of(each): each.name for each in table(self.site)}
        wanted = [u for u, name in units.items() if question.process in ("", name)]
        if not wanted:
            raise LookupError("there is no such process")
        shown = subprocess.run(
            self._command(question, wanted), capture_output=True, check=False, timeout=WITHIN_S
        )
        entries = [json.loads(line) for line in shown.stdout.splitlines()[: MOST_LINES * 5]]
        lines = [_of_entry(entry, units) for entry in entries]
        if not question.after:
            lines.reverse()  # asked for newest first, so that the limit keeps the newest
        cursors = [entry["__CURSOR"] for entry in entries if "__CURSOR" in entry]
        last = (cursors[-1] if question.after else cursors[0]) if cursors else question.after
        return Answer(tuple(each for each in lines if _wanted(each, question)), last)

    def _command(self, question: Question, units: list[str]) -> list[str]:
        """The level is judged by text as well, so priorities are not left to journalctl."""
        words = ["journalctl", "--quiet", "--output=json", "--all", "--no-pager"]
        words += [f"--unit={unit}" for unit in units]
        words += [f"--since=@{question.since}"] if question.since else []
        words += [f"--until=@{question.until}"] if question.until else []
        if question.after:
            return [*words, f"--lines=+{question.count}", f"--after-cursor={question.after}"]
        if question.text:
            words += [f"--grep={re.escape(question.text)}", "--case-sensitive=no"]
        more = question.count if question.level == "info" else question.count * 5
        return [*words, "--reverse", f"--lines={min(more, MOST_LINES * 5)}"]


def _of_entry(entry: Mapping[str, object], units: Mapping[str, str]) -> Line:
    text = _message(entry.get("MESSAGE"))
    unit = str(entry.get("_SYSTEMD_UNIT") or entry.get("UNIT") or "")
    priority = str(entry.get("PRIORITY", "6"))
    said = level_of(text)
    if priority.isdigit() and int(priority) <= LEVELS["error"]:
        said = "error"
    at = int(str(entry.get("__REALTIME_TIMESTAMP", "0"))) // 1000
    return Line(at, units.get(unit, unit[:40]), said, cleaned(text))


def _message(value: object) -> str:
    """The text of an entry; the journal gives bytes that are no UTF-8 as a list of numbers."""
    if isinstance(value, list):
        return bytes(each & 255 for each in value if isinstance(each, int)).decode(
            "utf-8", "replace"
        )
    return str(value or "")


# ── a checkout ────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class LogFiles:
    """The supervisor's files, one for each process: `2026-11-28 08:21:31.123+01:00 text`."""

    site: Site

    @property
    def _folder(self) -> Path:
        return self.site.layout.prefix / "logs"

    def ask(self, question: Question) -> Answer:
        names = sorted(path.stem for path in self._folder.glob("*.log"))
        wanted = [name for name in names if question.process in ("", name)]
        if question.process and not wanted:
            known(self.site, question.process)  # it may have said nothing yet
        after = int(question.after) if question.after.isdigit() else 0
        lines = sorted(
            (line for name in wanted for line in self._lines(name) if line.at > after),
            key=lambda line: line.at,
        )
        found = [line for line in lines if _wanted(line, question)]
        kept = found[: question.count] if after else found[-question.count :]
        # Going on behind the last line shown, or behind all that was looked at.
        whole = len(kept) == len(found) and lines
        last = lines[-1].at if whole else kept[-1].at if kept else after
        return Answer(tuple(kept), str(last))

    def _lines(self, name: str) -> Iterator[Line]:
        for path in (self._folder / f"{name}.log.1", self._folder / f"{name}.log"):
            if path.exists():
                with path.open("rb") as file:
                    file.seek(max(0, path.stat().st_size - READ_BYTES))
                    text = file.read(READ_BYTES).decode("utf-8", "replace")
                yield from self._of_text(name, text)

    def _of_text(self, name: str, text: str) -> Iterator[Line]:
        for line in text.split("\n"):
            day, _blank, rest = line.partition(" ")
            clock, _blank, said = rest.partition(" ")
            try:
                at = datetime.datetime.fromisoformat(f"{day} {clock}")
            except ValueError:
                continue  # the first line, cut by where reading began
            yield Line(int(at.timestamp() * 1000), name, level_of(said), cleaned(said))


def _wanted(line: Line, question: Question) -> bool:
    return (
        LEVELS[line.level] <= LEVELS[question.level]
        and question.text.casefold() in line.text.casefold()
        and (not question.since or line.at >= question.since * 1000)
        and (not question.until or line.at <= question.until * 1000)
    )
