"""The program on the installer's medium, once on each console; the first to act has it.

`python -m appliance.installer tty1`
"""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from appliance.firstboot import sources
from appliance.installer import disks, install, medium, turn
from appliance.installer.dialog import Dialog, NotConfirmed
from appliance.installer.plan import Plan, PlanRefused, unattended
from appliance.installer.turn import AnotherConsoleInstalls, Said, Turn
from appliance.terminal.screen import Screen
from appliance.terminal.texts import Texts

log = logging.getLogger("installer")

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
        self._turn: Turn | None = None

    def run(self) -> None:
        """Install, or say why not; then wait for somebody and begin again."""
        while True:
            try:
                try:
                    self._once()
                except AnotherConsoleInstalls:
                    self._follow()
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
        with turn.taken() as self._turn:
            checked = medium.opened()
            medium.check(checked, self.progress, "Checking the medium")
            answers: Mapping[str, Any] = given
            if plan is None:
                plan, answers = self._asked()
            data = install.install(checked, plan.disk, answers, plan.keep_data, self.progress)
            install.keep_log(data, LOG)
        self._say_finished()
        time.sleep(RESTART_AFTER_S)
        subprocess.run(["systemctl", "reboot"], check=True)

    def _follow(self) -> None:
        """Show how far the other console is, and how that ends."""
        self.screen.say(self.text("The other console is installing."))
        end = turn.followed(self._show)
        if end.end != "finished":
            raise NotConfirmed(end.why or self.text("The other console has broken off."))
        self._say_finished()

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
        if self._turn:
            self._turn.say(Said(step, share))
        self._show(step, share)

    def _show(self, step: str, share: float) -> None:
        self.screen.progress(self.text(step), share)

    def _say_finished(self) -> None:
        sentence = "Finished. Remove the medium; the machine restarts in %(seconds)s seconds."
        self.screen.say()
        self.screen.say(self.text(sentence, seconds=RESTART_AFTER_S))


def _given() -> dict[str, Any]:
    """What was said beforehand; a source believed more comes first."""
    found: dict[str, Any] = {}
    for _name, given in sources.everything():
        found = {**given, **found}
    return found


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
