"""The mail relay's folders, and what waits in its queue.

nullmailer takes every mail at once, keeps it as a file and tries again until the
company's mail server takes it; a restart loses nothing. Its settings are rendered by
`appliance.services.mail`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from appliance.apply import atomic
from appliance.state.machine import Layout

GROUP = "mail"

SETTINGS = (
    "adminaddr",
    "defaultdomain",
    "helohost",
    "maxpause",
    "pausetime",
    "queuelifetime",
    "remotes",
    "sendtimeout",
)
"""The files that nullmailer reads; each stands in every revision."""

LATE_AFTER_S = 900
"""Age of the oldest waiting mail from which somebody should be told."""


def make_folders(layout: Layout, user: int, readers: int) -> None:
    """Make the queue, which `readers` may look into, and lead the settings into the
    revision in force."""
    for name in ("queue", "tmp", "failed"):
        folder = layout.mail_spool / name
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        os.chown(folder, user, readers)
    _make_trigger(layout.mail_spool / "trigger", user)
    layout.mail_etc.mkdir(mode=0o755, parents=True, exist_ok=True)
    for name in SETTINGS:
        link, target = layout.mail_etc / name, layout.current / "root/etc/nullmailer" / name
        if not link.is_symlink() or Path(os.readlink(link)) != target:
            atomic.replace_link(link, str(target))


def _make_trigger(path: Path, user: int) -> None:
    """The pipe by which the relay is told of a new mail; anybody may ring."""
    if not path.exists():
        os.mkfifo(path)
        os.chown(path, user, 0)
        os.chmod(path, 0o622)  # noqa: S103 - as Debian's package makes it


@dataclass(frozen=True, slots=True)
class MailQueue:
    """How many mails wait and for how long the oldest does, in seconds; how many were
    given up."""

    waiting: int
    oldest_s: int
    given_up: int

    @property
    def late(self) -> bool:
        """Whether somebody should be told: mail does not get through."""
        return self.oldest_s > LATE_AFTER_S or self.given_up > 0


def queue(layout: Layout, clock: Callable[[], float] = time.time) -> MailQueue:
    """What waits now. PermissionError for accounts that may not look."""
    ages = [clock() - when for when in _times(layout.mail_spool / "queue")]
    given_up = len(_times(layout.mail_spool / "failed"))
    return MailQueue(len(ages), int(max(ages, default=0)), given_up)


def _times(folder: Path) -> list[float]:
    found = []
    for name in os.listdir(folder):
        try:
            found.append((folder / name).stat().st_mtime)
        except FileNotFoundError:
            continue  # delivered while we looked
    return found
