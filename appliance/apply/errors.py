"""Why the engine does not do what it was asked: one class for each reason.

The class's name in small letters is the kind that clients see; `details` hold what they
need to offer a way on.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from appliance.apply.revisions import Revision
from appliance.state.faults import Fault


class Refused(RuntimeError):
    """The engine will not do this now; the message says what to do instead."""

    def __init__(self, message: str, details: Mapping[str, Any] | None = None) -> None:
        self.details: dict[str, Any] = dict(details or {})
        super().__init__(message)


class Conflict(Refused):
    """Somebody else has applied a revision since this state was read."""

    def __init__(self, base: int, current: Revision) -> None:
        who = {"author": current.author, "created": current.created, "reason": current.reason}
        super().__init__(
            f"{current.author} applied revision {current.number} at {current.created}; "
            f"this was made from revision {base}",
            {"base": base, "current": current.number, **who},
        )


class Unconfirmed(Refused):
    """A revision still waits to be confirmed."""

    def __init__(self, number: int) -> None:
        super().__init__(f"confirm or undo revision {number} first", {"number": number})


class HandMade(Refused):
    """Files in force were changed by hand; applying would undo that unasked."""

    def __init__(self, paths: Iterable[str]) -> None:
        found = list(paths)
        super().__init__(
            f"changed by hand on the disk, look at them first: {', '.join(found)}",
            {"paths": found},
        )


class NoRoom(Refused):
    """There is not enough space on the disk; nothing was changed."""


@contextmanager
def full_disk_named() -> Iterator[None]:
    """Turn the system's word for a full disk into ours."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoRoom(f"the disk is full ({error.strerror}); nothing was changed") from error
        raise


class NotProved(Refused):
    """The shadow Asterisk found the new configuration wrong; `faults` says where."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(str(fault) for fault in self.faults))


class Undone(Refused):
    """The new revision ran but did not verify, so the former one is back in force."""
