"""A terminal of one user: shows a screen, reads a key or a line, each with a time limit.

Plain control sequences that the kernel's console, a serial line and every hypervisor's
window know (ECMA-48: clear, home); no curses, so nothing depends on a terminal database.
"""

from __future__ import annotations

import os
import select
import sys
import termios
import tty
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

_CLEAR = "\033[H\033[2J\033[3J"
_BOLD, _PLAIN = "\033[1m", "\033[0m"


class Screen:
    """The terminal at standard input and output."""

    def show(self, lines: Iterable[str]) -> None:
        """Replace what stands on the screen."""
        self.write(_CLEAR + "\n".join(lines) + "\n")

    def say(self, line: str = "") -> None:
        """Add a line."""
        self.write(line + "\n")

    def write(self, text: str) -> None:
        """Add text as it is; a terminal that is gone is no error of ours."""
        sys.stdout.write(text.replace("\n", "\r\n"))
        sys.stdout.flush()

    def key(self, within_s: float | None = None) -> str:
        """The next key in lower case; "" when none was pressed in time."""
        with _raw():
            ready, _, _ = select.select([0], [], [], within_s)
            if not ready:
                return ""
            pressed = os.read(0, 16)
        if not pressed:
            raise EOFError("the terminal is gone")
        return pressed[:1].decode("ascii", "replace").lower()

    def line(self, question: str) -> str:
        """The line that somebody types as the answer."""
        self.write(f"{question}: ")
        answer = sys.stdin.readline()
        if not answer:
            raise EOFError("the terminal is gone")
        return answer.strip()

    def progress(self, what: str, share: float) -> None:
        """Draw a bar over the present line; `share` goes from 0 to 1."""
        width = 40
        filled = int(width * min(share, 1))
        bar = "█" * filled + "░" * (width - filled)
        self.write(f"\r{what:32.32} {bar} {share:4.0%}")
        if share >= 1:
            self.write("\n")


def bold(text: str) -> str:
    """The text in the terminal's bright colour."""
    return f"{_BOLD}{text}{_PLAIN}"


def printable(text: str, longest: int = 120) -> str:
    """Text from elsewhere without anything that a terminal would obey."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)[:longest]


@contextmanager
def _raw() -> Iterator[None]:
    """Keys as they are pressed, without echo."""
    before = termios.tcgetattr(0)
    tty.setcbreak(0)
    try:
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)
