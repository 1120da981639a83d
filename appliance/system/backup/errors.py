"""Why a backup or a restore does not happen: one class for each reason.

As with the engine's own refusals, the class's name in small letters is the kind that
clients see, and `details` hold what a translated sentence needs.
"""

from __future__ import annotations

from appliance.apply.errors import NoRoom, Refused

__all__ = [
    "BadBackup",
    "Busy",
    "NoCode",
    "NoRoom",
    "NotRehearsed",
    "TargetFailed",
    "TooNew",
    "WrongCode",
]


class NoCode(Refused):
    """No recovery code was made yet, so nothing can be encrypted."""

    def __init__(self) -> None:
        super().__init__("make a recovery code first: without one no backup is written")


class WrongCode(Refused):
    """The recovery code is not the one that this backup was made with, or is mistyped."""


class BadBackup(Refused):
    """The file is no backup, is cut off, or was changed. Nothing was replaced."""


class TooNew(Refused):
    """The backup was made by a newer version of this program."""


class Busy(Refused):
    """Another backup or restore is under way."""


class NotRehearsed(Refused):
    """The backup was restored into a throw-away machine, which then was not as it should be."""


class TargetFailed(Refused):
    """A place to which backups are copied does not take them."""
