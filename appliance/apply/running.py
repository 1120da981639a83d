"""The running services: told what to read again, and asked what they have then."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from appliance.asterisk.console import Console
from appliance.asterisk.reloads import RESTART, for_console, in_order, signalled
from appliance.state.machine import Layout
from appliance.system.actions import Actions
from appliance.system.signals import ask_to_reload
from appliance.verify import readback
from appliance.verify.readback import Delta, Mismatch

STARTS_WITHIN_S = 30.0
"""How long Asterisk may take to be ready, by itself or when its supervisor starts it."""


@dataclass(frozen=True, slots=True)
class ReadBack:
    """What was asked after a reload, and the answers that were wrong."""

    asked: int
    wrong: tuple[Mismatch, ...]

    def __str__(self) -> str:
        return "; ".join(str(each) for each in self.wrong[:5])


@dataclass(frozen=True, slots=True)
class Running:
    """Asterisk and its neighbours as they run on this machine."""

    layout: Layout
    console: Console
    actions: Actions

    def act(self, names: Collection[str]) -> None:
        """Have the machine's own daemons read what changed; ActionFailed when one refuses.

        Apart from `follow`, since a firewall that must go back does not wait for Asterisk.
        """
        self.actions.perform(names)

    def follow(self, names: Collection[str]) -> None:
        """Make the services read what changed; ConsoleError when Asterisk does not come up.

        An Asterisk that does not run, or is just starting, is waited for: its supervisor
        starts it, and it may have read some files before the switch and others after it.
        So it is told all the same once it is up.
        """
        commands = in_order(names)
        if RESTART in names and self.console.running():
            self.console.restart(STARTS_WITHIN_S)
        else:
            self.console.wait_until_booted(STARTS_WITHIN_S)
            for command in commands:
                if for_console(command):
                    self.console.ask(command)
        self._signal(commands)
        self.console.wait_until_booted(STARTS_WITHIN_S)

    def _signal(self, commands: Sequence[str]) -> None:
        for command in commands:
            if process := signalled(command):
                ask_to_reload(self.layout, process)

    def read_back(self, delta: Delta) -> ReadBack:
        """Ask for everything that is new or changed, and that what went is gone;
        ConsoleError when Asterisk does not answer."""
        there, gone = delta.there, delta.gone
        wrong = readback.compare(self.console, readback.of_console(there))
        wrong += readback.lingering(self.console, readback.of_console(gone))
        wrong += tuple(readback.of_machine(self.actions, there, gone))
        return ReadBack(len(delta.there) + len(delta.gone), wrong)
