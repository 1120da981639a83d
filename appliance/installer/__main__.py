"""The program on the installer's medium, once on each console; the first to act has it.

`python -m appliance.installer tty1`
"""

from __future__ import annotations

import fcntl
import logging
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from appliance.firstboot import sources
from appliance.installer import disks, install, medium
from appliance.installer.dialog import Dialog, NotConfirmed
from appliance.installer.plan import Plan, PlanRefused, unattended
from appliance.terminal.screen import Screen
from appliance.terminal.texts import Texts

log = logging.getLogger("installer")

LOCK = Path("/run/centralino-installer.lock")
LOG = Path("/run/centralino-installer.log")
RESTART_AFTER_S = 10
_EXPECTED = (
    medium.DamagedMedium,
    install.InstallFailed,
    PlanRefused,
    NotConfirmed,
    OSError,
    subprocess.SubprocessError,
)


class Installer:
    """One run at one console."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        self.text = Texts()
        self.dialog = Dialog(screen, self.text)
        self._step = ""

    def run(self) -> None:
        """Install, or say why not; then wait for somebody and begin again."""
        while True:
            try:
                self._once()
                return
            except _EXPECTED as error:
                log.exception("the installation failed")
                self.screen.say()
                self.screen.say(self.text("The installation failed: %(why)s", why=error))
                self.screen.say(self.text("The log is kept at %(place)s.", place=LOG))
                self.screen.line(self.text("Press Enter."))

    def _once(self) -> None:
        given = _given()
        plan = unattended(given, disks.found())
        if plan is None:
            self.dialog.language()
        self.dialog.title()
        with _alone():
            checked = medium.opened()
            medium.check(checked, self.progress, "Checking the medium")
            answers: Mapping[str, Any] = given
            if plan is None:
                plan, answers = self._asked()
            data = install.install(checked, plan.disk, answers, plan.keep_data, self.progress)
            install.keep_log(data, LOG)
        self._finish()

    def _asked(self) -> tuple[Plan, Mapping[str, Any]]:
        found = disks.found()
        if not found:
            raise NotConfirmed(self.text("No disk was found to install on."))
        plan = self.dialog.disk(found)
        return plan, {} if plan.keep_data else self.dialog.settings()

    def progress(self, step: str, share: float) -> None:
        """Draw the bar of a step, and note when it begins and ends."""
        if step != self._step or share >= 1:
            log.info("%s: %.0f %%", step, share * 100)
            self._step = step
        self.screen.progress(self.text(step), share)

    def _finish(self) -> None:
        sentence = "Finished. Remove the medium; the machine restarts in %(seconds)s seconds."
        self.screen.say()
        self.screen.say(self.text(sentence, seconds=RESTART_AFTER_S))
        time.sleep(RESTART_AFTER_S)
        subprocess.run(["systemctl", "reboot"], check=True)


def _given() -> dict[str, Any]:
    """What was said beforehand; a source believed more comes first."""
    found: dict[str, Any] = {}
    for _name, given in sources.everything():
        found = {**given, **found}
    return found


@contextmanager
def _alone() -> Iterator[None]:
    """Nobody else installs meanwhile: the other console waits its turn."""
    with LOCK.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise NotConfirmed("the other console is installing") from error
        yield


def main() -> None:
    """Entry point of `python -m appliance.installer`."""
    logging.basicConfig(
        filename=LOG, level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s"
    )
    try:
        Installer(Screen()).run()
    except EOFError:
        sys.exit(1)


if __name__ == "__main__":
    main()
