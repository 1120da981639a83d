"""What happened: the server's own small database. Never the state, never a secret.

Times are whole seconds since 1970 (UTC). Tokens and codes are kept as SHA-256 only.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS phones (
    device TEXT PRIMARY KEY,
    desired TEXT NOT NULL DEFAULT '',
    desired_since INTEGER NOT NULL DEFAULT 0,
    served TEXT NOT NULL DEFAULT '',
    served_at INTEGER NOT NULL DEFAULT 0,
    token BLOB NOT NULL DEFAULT x'',
    stage TEXT NOT NULL DEFAULT '',
    agent TEXT NOT NULL DEFAULT '',
    source TEXT NOT NULL DEFAULT '',
    asked_at INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS enrolments (
    device TEXT PRIMARY KEY,
    code BLOB NOT NULL,
    token BLOB NOT NULL,
    opened INTEGER NOT NULL,
    until INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ended (secret BLOB PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS revoked (token BLOB PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
"""


@dataclass(slots=True)
class Record:
    """One phone's history in short.

    `desired` is the hash of the file it should have, `served` of the one it got last,
    `token` which token it used for that. `stage` and the rest tell of its last request
    that was answered with something.
    """

    device: str
    desired: str = ""
    desired_since: int = 0
    served: str = ""
    served_at: int = 0
    token: bytes = b""
    stage: str = ""
    agent: str = ""
    source: str = ""
    asked_at: int = 0


@dataclass(frozen=True, slots=True)
class Enrolment:
    """An open first stage: the code's hash, the token it leads to, and its time."""

    device: str
    code: bytes
    token: bytes
    opened: int
    until: int

    def open_at(self, now: float) -> bool:
        """Whether it is open; a clock that was set back closes it."""
        return self.opened - 60 <= now < self.until


class Ledger:
    """The database, opened once and used from one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.executescript(_SCHEMA)

    def close(self) -> None:
        self._connection.close()

    def records(self) -> dict[str, Record]:
        names = ", ".join(Record.__slots__)
        rows = self._connection.execute(f"SELECT {names} FROM phones")  # noqa: S608 - own names
        return {row[0]: Record(*row) for row in rows}

    def keep(self, records: Iterable[Record]) -> None:
        """Write records, all or none."""
        rows = [tuple(getattr(r, name) for name in Record.__slots__) for r in records]
        marks = ", ".join("?" * len(Record.__slots__))
        self._all(f"REPLACE INTO phones VALUES ({marks})", rows)  # noqa: S608 - only marks

    def forget(self, devices: Iterable[str]) -> None:
        """Drop phones that no longer exist."""
        rows = [(device,) for device in devices]
        self._all("DELETE FROM phones WHERE device = ?", rows)
        self._all("DELETE FROM enrolments WHERE device = ?", rows)

    def enrolments(self) -> dict[str, Enrolment]:
        rows = self._connection.execute("SELECT device, code, token, opened, until FROM enrolments")
        return {row[0]: Enrolment(*row) for row in rows}

    def open(self, each: Enrolment) -> None:
        row = (each.device, each.code, each.token, each.opened, each.until)
        self._all("REPLACE INTO enrolments VALUES (?, ?, ?, ?, ?)", [row])

    def end(self, device: str) -> None:
        """Close an enrolment for good: it was used, or somebody closed it."""
        self._all("DELETE FROM enrolments WHERE device = ?", [(device,)])

    def ended(self, since: int) -> set[bytes]:
        """Codes and tokens that were good once; those that ended before `since` go."""
        self._all("DELETE FROM ended WHERE at < ?", [(since,)])
        return {row[0] for row in self._connection.execute("SELECT secret FROM ended")}

    def remember_ended(self, secrets: Iterable[bytes], now: int) -> None:
        self._all("REPLACE INTO ended VALUES (?, ?)", [(secret, now) for secret in secrets])

    def revoked(self) -> set[bytes]:
        return {row[0] for row in self._connection.execute("SELECT token FROM revoked")}

    def revoke(self, token: bytes, now: int) -> None:
        self._all("REPLACE INTO revoked VALUES (?, ?)", [(token, now)])

    def pardon(self, tokens: Iterable[bytes]) -> None:
        """Drop revocations of tokens that no phone has any more."""
        self._all("DELETE FROM revoked WHERE token = ?", [(token,) for token in tokens])

    def _all(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        if not rows:
            return
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._connection.executemany(statement, rows)
        except sqlite3.Error:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")
