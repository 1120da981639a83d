"""The questions of the installer: a disk, a code for the first access, an address."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from appliance import product
from appliance.disk import layout
from appliance.firstboot import answers
from appliance.installer.disks import Disk, sized
from appliance.installer.plan import Plan
from appliance.terminal.screen import Screen, bold, printable
from appliance.terminal.texts import Texts


class NotConfirmed(RuntimeError):
    """The person at the screen did not type what was asked."""


class Dialog:
    """Asks one person at one terminal."""

    def __init__(self, screen: Screen, text: Texts) -> None:
        self.screen = screen
        self.text = text

    def title(self) -> None:
        """An empty screen with the name of the product."""
        heading = self.text("Install %(name)s", name=f"{product.NAME} {product.VERSION}")
        self.screen.show([bold(heading), ""])

    def language(self) -> None:
        """I for Italian, E for English."""
        self.screen.show([bold(product.NAME), "", "I  Italiano", "E  English"])
        while (pressed := self.screen.key()) not in ("i", "e"):
            continue
        self.text.language = "it" if pressed == "i" else "en"

    def disk(self, disks: Sequence[Disk]) -> Plan:
        """Choose a disk, and confirm what is lost on it. NotConfirmed without that."""
        self.title()
        for number, disk in enumerate(disks, start=1):
            self.screen.say(f"{number}  {self.described(disk)}")
        chosen = disks[0] if len(disks) == 1 else self._chosen(disks)
        if not chosen.large_enough:
            raise NotConfirmed(self.described(chosen))
        keep = bool(chosen.data) and self._keep(chosen)
        if not keep:
            self._confirm(chosen)
        return Plan(chosen, keep)

    def described(self, disk: Disk) -> str:
        """One disk in a line: name, size, model, and what speaks against it."""
        text = self.text
        if not disk.large_enough:
            state = text("too small, %(needed)s are needed", needed=sized(layout.SMALLEST_DISK))
        elif disk.data:
            state = text("holds %(name)s", name=product.NAME)
        else:
            state = text("empty") if disk.empty else text("holds data")
        return f"{disk.name:10} {sized(disk.size):>8}  {printable(disk.model, 30):30}  {state}"

    def _chosen(self, disks: Sequence[Disk]) -> Disk:
        while True:
            answer = self.screen.line(self.text("Number of the disk"))
            if answer.isdigit() and 1 <= int(answer) <= len(disks):
                return disks[int(answer) - 1]
            self.screen.say(self.text("There is no such disk."))

    def _keep(self, disk: Disk) -> bool:
        sentence = "Disk %(disk)s holds an older installation. Its data can be kept."
        self.screen.say(self.text(sentence, disk=disk.name))
        self.screen.say(self.text("K  keep the data and renew the system"))
        self.screen.say(self.text("E  erase everything"))
        while (pressed := self.screen.key()) not in ("k", "e"):
            continue
        return pressed == "k"

    def _confirm(self, disk: Disk) -> None:
        """The name of the disk must be typed, also for an empty one: it is a whole disk."""
        text = self.text
        what = ", ".join(map(printable, disk.contents)) or text("empty")
        self.screen.say(
            text("All data on %(disk)s will be lost: %(what)s.", disk=disk.name, what=what)
        )
        question = text("Type the name of the disk (%(disk)s) to go on", disk=disk.name)
        if self.screen.line(question) != disk.name:
            raise NotConfirmed(text("Not confirmed, nothing was changed."))

    def settings(self) -> dict[str, str]:
        """The answers for the machine's first start."""
        self.title()
        text = self.text
        code = text(
            "Code for the first access, 12 letters and digits (empty: the console shows one)"
        )
        too_short = "At least 12 letters and digits."
        found = {"setup_code": self._until(code, answers.setup_code, too_short)}
        wrong = "Not an address with prefix length, such as 192.168.1.10/24."
        question = text("Address with prefix length (empty: DHCP)")
        found["address"] = self._until(question, answers.address, wrong)
        if found["address"]:
            not_one = "Not an address."
            gateway = text("Gateway (empty: none)")
            found["gateway"] = self._until(gateway, answers.single_address, not_one)
            servers = text("DNS servers, separated by blanks")
            found["dns"] = self._until(servers, answers.addresses, not_one)
        return {name: value for name, value in found.items() if value}

    def _until(self, question: str, rule: Callable[[str], object], wrong: str) -> str:
        """Ask until the answer obeys the rule or is empty."""
        while True:
            answer = self.screen.line(question)
            try:
                if answer:
                    rule(answer)
                return answer
            except ValueError:
                self.screen.say(self.text(wrong))
