"""The machine's own screen, on its monitor and its serial line.

It shows where the portal is and, until there is an administrator, the code that makes
one. Who stands in front of the machine could also open its case: no password is asked,
but what loses data wants a word to be typed.
"""

from __future__ import annotations

import io
import logging
import sys
import time

from appliance import product
from appliance.firstboot import actions, health
from appliance.firstboot.health import Health
from appliance.firstboot.places import Places
from appliance.terminal.screen import Screen, bold, printable
from appliance.terminal.texts import Texts

LOOK_EVERY_S = 5.0
LOOK_AT_CODE_EVERY_S = 15.0
LOOK_RARELY_S = 60.0
"""Once everything works, the screen is looked at again this often; while the setup code still
stands there, a little more often."""


def lines(state: Health, text: Texts) -> list[str]:
    """The screen for a state of the machine."""
    shown = [bold(f"{product.NAME} {state.version}"), ""]
    rows = {
        "Portal": state.portal or text("no address yet"),
        "Host name": printable(state.host_name),
        "Address": ", ".join(state.addresses) or text("no address yet"),
        "System": state.slot or "-",
        "Telephony": text("starting" if "asterisk" in state.problems else "working"),
    }
    shown += [f"{text(name) + ':':22} {value}" for name, value in rows.items()]
    if state.setup_code:
        shown += [f"{text('Setup code') + ':':22} {bold(printable(state.setup_code))}"]
    shown += warnings(state, text)
    if state.setup_code and state.portal:
        shown += ["", *qr_code(state.portal)]
    return [*shown, "", text("Press the letter of what is to be done:"), *menu(text)]


def _look_again_s(state: Health) -> float:
    if state.problems:
        return LOOK_EVERY_S
    return LOOK_AT_CODE_EVERY_S if state.setup_code else LOOK_RARELY_S


def warnings(state: Health, text: Texts) -> list[str]:
    """What somebody should know of."""
    found = []
    if state.data_lost:
        found.append(bold(text("The data partition cannot be used: repair or restore it.")))
    if state.trial:
        found.append(text("Version %(version)s is on trial.", version=printable(state.trial)))
    if state.left:
        sentence = "Version %(version)s did not work: the former one is back."
        found.append(bold(text(sentence, version=printable(state.left))))
    if state.problems and state.starting:
        found.append(text("Still starting: %(processes)s", processes=", ".join(state.problems)))
    else:
        found += [f"{name}: {printable(problem)}" for name, problem in state.problems.items()]
    if state.refused and state.setup_code:
        found += [text("Answers that were not taken:"), *map(printable, state.refused)]
    return ["", *found] if found else []


def qr_code(address: str) -> list[str]:
    """The address as a code for a telephone's camera; nothing where the library is missing."""
    try:
        import segno
    except ImportError:
        return []
    drawn = io.StringIO()
    segno.make(address, error="l").terminal(out=drawn, compact=True, border=1)
    return drawn.getvalue().splitlines()


def menu(text: Texts) -> list[str]:
    """The letters that do something; those of parts that are not installed are left out."""
    entries = [text("A  change the address"), text("R  restart the machine")]
    entries += [text("O  switch the machine off")]
    entries += [text("B  restore a backup")] if actions.offered("restore") else []
    entries += [text("P  reset the administrator")] if actions.offered("administrator") else []
    entries += [text("S  write a support file")] if actions.offered("support") else []
    return [*entries, text("F  factory reset"), text("L  Italiano")]


class Console:
    """Shows the machine and does what is asked at one terminal."""

    def __init__(self, screen: Screen, places: Places) -> None:
        self.screen = screen
        self.places = places
        self.text = Texts()

    def run(self) -> None:
        """Show and obey until the terminal is gone."""
        drawn: list[str] = []
        while True:
            state = health.look(self.places)
            shown = lines(state, self.text)
            if shown != drawn:
                self.screen.show(shown)
                drawn = shown
            pressed = self.screen.key(_look_again_s(state))
            if pressed:
                self.obey(pressed)
                drawn = []

    def obey(self, key: str) -> None:
        """Do what a letter stands for."""
        doing = {
            "a": lambda: self.hook("address"),
            "r": lambda: self.ask_and("Restart now? Calls end.", actions.restart),
            "o": lambda: self.ask_and("Switch off now? Calls end.", actions.power_off),
            "b": lambda: self.hook("restore"),
            "p": lambda: self.hook("administrator"),
            "s": lambda: self.hook("support"),
            "f": self.factory_reset,
            "l": self.text.switch,
        }
        if key in doing:
            doing[key]()

    def ask_and(self, question: str, action: object) -> None:
        """Do something after a typed yes."""
        self.screen.say(self.text(question))
        if self.typed(self.text("yes")) and callable(action):
            action()
            time.sleep(60)

    def hook(self, action: str) -> None:
        """Let another part do its work at this terminal."""
        if actions.offered(action):
            self.report(done=actions.run(action, self.text.language))

    def factory_reset(self) -> None:
        """Forget everything, after the word for it was typed."""
        warning = "Everything that was ever set up or recorded on this machine is deleted."
        self.screen.say(self.text(warning))
        if self.typed(self.text("ERASE")):
            actions.factory_reset()
            time.sleep(60)

    def typed(self, word: str) -> bool:
        """Whether somebody typed just this word."""
        question = self.text("Type %(word)s to go on, anything else to go back", word=word)
        return self.screen.line(question) == word

    def report(self, *, done: bool) -> None:
        """Say how something went and wait until it was read."""
        failed = "This did not work: the reason stands above or in the log."
        self.screen.say(self.text("Done." if done else failed))
        self.screen.line(self.text("Press Enter."))


def main() -> None:
    """Entry point of `python -m appliance.firstboot.console`."""
    logging.basicConfig(level=logging.INFO, format="%(name)s %(levelname)s %(message)s")
    try:
        Console(Screen(), Places()).run()
    except EOFError:
        sys.exit(0)


if __name__ == "__main__":
    main()
