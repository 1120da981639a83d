"""The router's own screen, on its monitor and its serial line.

A blank router asks for the appliance's address and one code. After that it shows each line,
which of them carries the voice, and what still works when all of them are gone.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
import termios
import tty
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from failover_router import boot, spoken_code
from failover_router.door import Door, DoorError, Refused
from failover_router.enrol import PROFILE, WORDS, enrol, machine_name
from failover_router.router_profile import ProfileError

STATUS = Path("/run/failover-router/status.json")
AGENT, REPORTER = "failover-router.service", "failover-router-reporter.service"
LOOK_EVERY_S = 2.0
LONGEST_SENTENCE = 200
_CLEAR = "\033[H\033[2J\033[3J"
_BOLD, _PLAIN = "\033[1m", "\033[0m"


def lines(status: Mapping[str, Any] | None, ports: Mapping[str, str], version: str) -> list[str]:
    """The screen: of a running router, or of one that has no profile yet."""
    shown = [f"{_BOLD}Branch router {version}{_PLAIN}", ""]
    if status is None:
        shown += ["This router belongs to no branch yet.", "", "Ports:"]
        shown += [f"  {name:8} {text}" for name, text in ports.items()]
        return [*shown, "", *menu(blank=True)]
    up = [each for each in status["tunnels"] if each["up"]]
    shown += [
        f"Branch:   {printable(status['label'] or status['site'])} (router {status['generation']})",
        f"Tunnel:   {'up' if up else 'DOWN'}, {status['mode']}",
        f"Voice:    {status['voice'] or '-'}",
        "",
        f"{'line':12} {'state':10} {'loss':>6} {'delay':>9} {'jitter':>8}  address",
    ]
    shown += [line_text(each, status["voice"]) for each in status["lines"]]
    if status["survival"]["cut_off"]:
        shown += ["", f"{_BOLD}This branch is cut off:{_PLAIN}"]
        shown += [f"  - {text}" for text in status["survival"]["sentences"]]
    moves = status["moves"][-3:]
    if moves:
        shown += ["", "Last changes:"]
        shown += [
            f"  {each['from'] or '-'} -> {each['to'] or '-'}: {each['cause']}" for each in moves
        ]
    return [*shown, "", *menu(blank=False)]


def line_text(line: Mapping[str, Any], voice: str) -> str:
    """One line of the table; the one that carries the voice is marked."""
    mark = "*" if line["name"] == voice else " "
    figures = f"{line['loss_percent']:5.0f}% {line['rtt_ms']:6.1f} ms {line['jitter_ms']:5.1f} ms"
    return f"{mark}{line['name']:11} {line['state']:10} {figures}  {line['address'] or '-'}"


def menu(*, blank: bool) -> list[str]:
    """The keys that do something."""
    first = "C  enter the code of a branch" if blank else "C  enter a new code (another branch)"
    others = ["U  update from a USB stick", "R  restart", "O  switch off"]
    return ["Press the letter of what is to be done:", first, *others]


def printable(text: str, longest: int = 60) -> str:
    """Text from elsewhere without anything that a terminal would obey."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)[:longest]


def status_of(file: Path = STATUS) -> dict[str, Any] | None:
    """What the agent last wrote; None where it has not run."""
    try:
        found = json.loads(file.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def ports_of(folder: Path = Path("/sys/class/net")) -> dict[str, str]:
    """Wired ports with their address on the label and whether something is plugged in."""
    found = {}
    for port in sorted(folder.glob("*")):
        if not (port / "device").exists():
            continue
        mac = (port / "address").read_text().strip()
        try:
            plugged = (port / "carrier").read_text().strip() == "1"
        except OSError:  # a port that is switched off says nothing
            plugged = False
        found[port.name] = f"{mac}  {'connected' if plugged else 'no cable'}"
    return found


class Console:
    """One terminal."""

    def run(self) -> None:
        """Show and obey until the terminal is gone."""
        drawn: list[str] = []
        while True:
            shown = lines(status_of() if PROFILE.exists() else None, ports_of(), version())
            if shown != drawn:
                write(_CLEAR + "\n".join(shown) + "\n")
                drawn = shown
            pressed = key(LOOK_EVERY_S)
            keys = {"c": self.code, "u": self.update, "r": self.restart, "o": self.power_off}
            doing = keys.get(pressed)
            if doing:
                doing()
                drawn = []

    def code(self) -> None:
        """Ask for address and code, and become the router of that branch."""
        server = line("Address of the appliance")
        typed = line("Code (four groups of four signs)") if server else ""
        if not server or not typed:
            return
        write("Fetching the profile …\n")
        write(f"{become(server, typed)}\n")
        line("Press Enter")

    def update(self) -> None:
        """Take the signed update that lies on a stick; it is tried at the next start."""
        write("Looking at USB sticks …\n")
        write(f"{update_from_stick()}\n")
        line("Press Enter")

    def restart(self) -> None:
        self._sure("restart", "reboot")

    def power_off(self) -> None:
        self._sure("switch off", "poweroff")

    def _sure(self, what: str, verb: str) -> None:
        if line(f"Type yes to {what}; calls of this branch end") == "yes":
            subprocess.run(["systemctl", verb], check=True)


def become(server: str, typed: str, port: int = 443) -> str:
    """Fetch the profile with a code and start the agent with it; what came of it, and what this
    router cannot do of the profile, in words."""
    try:
        code = spoken_code.read(typed)
        enrol(Door.by_code(server, port, code), code, machine_name(), PROFILE)
        problems = boot.settle(PROFILE)
        subprocess.run(["networkctl", "reload"], check=True)
        subprocess.run(["systemctl", "restart", AGENT, REPORTER], check=True)
    except Refused as error:
        return WORDS.get(error.reason, str(error))
    except (DoorError, spoken_code.CodeError, ProfileError, OSError) as error:
        return str(error)
    except subprocess.CalledProcessError as error:
        return f"{error.cmd[0]} failed"
    said = (printable(problem, LONGEST_SENTENCE) for problem in problems)
    return "\n".join(["Done: this router is in charge now.", *said])


def update_from_stick(sticks: Path = Path("/dev/disk/by-path")) -> str:
    """Install the newest update of the first stick that has one; what came of it."""
    for device in sorted(sticks.glob("*usb*-part*")):
        with tempfile.TemporaryDirectory(prefix="stick-", dir="/run") as folder:
            mount = ["mount", "-o", "ro,nosuid,nodev,noexec", str(device), folder]
            if subprocess.run(mount, capture_output=True).returncode:
                continue
            try:
                found = sorted(Path(folder).glob("centralino-router-*.update"))
                if found:
                    return _installed(found[-1])
            finally:
                subprocess.run(["umount", "--lazy", folder], check=False)
    return "No stick with a file centralino-router-….update was found."


def _installed(file: Path) -> str:
    command = [sys.executable, "-m", "appliance.updates.router", "install", str(file)]
    done = subprocess.run(command, capture_output=True, text=True)
    return (done.stdout or done.stderr).strip().rpartition("\n")[2]


def version() -> str:
    """The version of the image, as os-release says; "" where it says nothing."""
    try:
        text = Path("/etc/os-release").read_text()
    except OSError:
        return ""
    words = dict(each.split("=", 1) for each in text.splitlines() if "=" in each)
    return words.get("IMAGE_VERSION", "").strip('"')


def write(text: str) -> None:
    """Text as it is, with the line ends of a terminal."""
    sys.stdout.write(text.replace("\n", "\r\n"))
    sys.stdout.flush()


def line(question: str) -> str:
    """The line that somebody types as the answer."""
    write(f"{question}: ")
    answer = sys.stdin.readline()
    if not answer:
        raise EOFError("the terminal is gone")
    return answer.strip()


def key(within_s: float) -> str:
    """The next key in lower case; "" when none was pressed in time."""
    with _raw():
        ready, _, _ = select.select([0], [], [], within_s)
        pressed = os.read(0, 16) if ready else b"\0"
    if not pressed:
        raise EOFError("the terminal is gone")
    return pressed[:1].decode("ascii", "replace").lower() if ready else ""


@contextmanager
def _raw() -> Iterator[None]:
    before = termios.tcgetattr(0)
    tty.setcbreak(0, termios.TCSADRAIN)  # a key that was pressed between two looks is not lost
    try:
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)


def main() -> None:
    """Entry point of `python -m failover_router.console`."""
    try:
        Console().run()
    except EOFError:
        sys.exit(0)


if __name__ == "__main__":
    main()
