"""What the engine asks of the machine's own daemons, beside Asterisk: a few fixed actions.

An action has no arguments. It makes files of the revision in force visible where their
daemon looks for them, and then has that daemon read them. Actions are performed only where
`Machine.manages` names them: on the appliance, never on the machine of a developer, whose
addresses and packet filter are somebody else's business. There the files are rendered and
shown, and nothing more.
"""

from __future__ import annotations

import logging
import os
import subprocess
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from appliance.apply import atomic
from appliance.asterisk.reloads import BANS, FIREWALL, NETWORK, VPN
from appliance.state.machine import Layout, Machine
from appliance.system import network_follow

log = logging.getLogger("engine.actions")

ANSWERS_WITHIN_S = 30.0
"""How long a daemon may take to read its files, or to answer a question."""

RULES = "etc/nftables.d/50-edge.nft"
"""The packet filter as the engine wants it (`appliance.system.firewall`)."""

COPIED = ("etc/systemd/network/*", "etc/systemd/resolved.conf.d/*", "etc/chrony/sources.d/*")
"""Files of the network: networkd reconfigures every interface whose file has another inode."""

FIRST_RULES = "etc/nftables.conf"
"""The packet filter of a machine whose owner has said nothing (`roles/firewall`)."""

Command = tuple[str, ...]


class ActionFailed(RuntimeError):
    """A daemon did not take its new files, or does not answer."""


@dataclass(frozen=True, slots=True)
class Host:
    """How commands reach the machine: `before` stands in front of each (tests put the network
    namespace there), `fail2ban` is its client with the place of its socket."""

    before: Command = ()
    fail2ban: Command = ("fail2ban-client",)

    def run(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Run one command; ActionFailed when it cannot be run or takes too long."""
        environment = {"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        try:
            return subprocess.run(
                [*self.before, *command],
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=ANSWERS_WITHIN_S,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ActionFailed(f"{command[0]}: {type(error).__name__}") from error


@dataclass(frozen=True, slots=True)
class Place:
    """What an action may look at: where things are, whose groups they belong to, and how
    commands reach the machine."""

    layout: Layout
    host: Host
    groups: Mapping[str, int] = field(default_factory=dict)

    @property
    def root(self) -> Path:
        """The files of the revision in force."""
        return self.layout.current / "root"

    def fail2ban_runs(self) -> bool:
        """Whether it answers."""
        return self.host.run([*self.host.fail2ban, "ping"]).returncode == 0

    def clock_runs(self) -> bool:
        """Whether chrony answers."""
        return self.host.run(("chronyc", "-n", "tracking")).returncode == 0


def _nothing(_place: Place) -> Iterator[Command]:
    yield from ()


@dataclass(frozen=True, slots=True)
class Action:
    """`shown` are patterns of files that become visible below /etc, `commands` what is run
    then, one after the other, until one fails; `before` is run while the files of the revision
    before are still visible. `copied` are patterns of files for daemons that take a file for
    another one when its inode differs: they are written where their content changes."""

    shown: tuple[str, ...]
    commands: Callable[[Place], Iterator[Command]]
    before: Callable[[Place], Iterator[Command]] = _nothing
    copied: tuple[str, ...] = ()


def _former_vlans(place: Place) -> Iterator[Command]:
    """Networkd makes VLANs and never removes one."""
    for device in network_follow.forgotten_vlans(place.layout):
        if place.host.run(("ip", "link", "show", "dev", device)).returncode == 0:
            yield ("ip", "link", "delete", "dev", device)


def _network(place: Place) -> Iterator[Command]:
    """Names and addresses. Networkd leaves interfaces alone whose files are as they were. A
    clock that does not run is no reason to take an address back."""
    name = network_follow.follow(place.layout, place.groups)
    etc = place.layout.prefix / "etc"
    yield ("networkctl", "reload")
    if (etc / "systemd/resolved.conf.d").is_dir():
        yield ("systemctl", "try-reload-or-restart", "systemd-resolved.service")
    if (etc / "chrony/sources.d").is_dir() and place.clock_runs():
        yield ("chronyc", "reload", "sources")
    if name:
        yield ("hostnamectl", "--no-ask-password", "hostname", name)


def _firewall(place: Place) -> Iterator[Command]:
    """One transaction of the kernel: there is no moment without rules. A revision that has
    none goes back to those of the first start."""
    rules = place.root / RULES
    yield ("nft", "-f", str(rules if rules.exists() else place.layout.prefix / FIRST_RULES))


def _bans(place: Place) -> Iterator[Command]:
    """A daemon that does not run reads its files when it starts, so that is no reason to take
    a change of lines or networks back; the packet filter's limits hold without it."""
    if place.fail2ban_runs():
        yield (*place.host.fail2ban, "reload")
    else:
        log.warning("fail2ban does not run: nobody is banned until it does")


def _vpn(_place: Place) -> Iterator[Command]:
    """Servers that do not run stay so: who starts them is systemd's business."""
    yield ("systemctl", "try-reload-or-restart", "openvpn-server@*.service")


ACTIONS = MappingProxyType(
    {
        NETWORK: Action((), _network, _former_vlans, COPIED),
        FIREWALL: Action((), _firewall),
        VPN: Action(("etc/openvpn/server/*",), _vpn),
        BANS: Action(
            ("etc/fail2ban/jail.d/*", "etc/fail2ban/filter.d/*", "etc/fail2ban/action.d/*"), _bans
        ),
    }
)
"""Reload name -> action. The firewall's rules are shown nowhere: nftables.service must not
depend on a revision being there, so the engine loads them itself when it starts."""

QUESTIONS = MappingProxyType(
    {
        "packet filter": ("nft", "list", "ruleset"),
        "addresses": ("ip", "-oneline", "address", "show"),
        "routes": ("ip", "-oneline", "route", "show"),
        "routes6": ("ip", "-oneline", "-6", "route", "show"),
        "links": ("ip", "-json", "link", "show"),
        "host name": ("hostnamectl", "hostname"),
        "jails": ("fail2ban-client", "status"),
    }
)
"""What a probe may ask of the machine -> the command that answers."""


class Actions:
    """The actions of one machine, and the questions that prove them."""

    def __init__(self, machine: Machine, host: Host = Host()) -> None:
        self._place = Place(machine.layout, host, machine.groups)
        self._manages = frozenset(machine.manages)

    def managed(self, names: Collection[str]) -> tuple[str, ...]:
        """Those of `names` that are performed on this machine, in the catalogue's order."""
        return tuple(name for name in ACTIONS if name in names and name in self._manages)

    def perform(self, names: Collection[str]) -> None:
        """Perform the actions among `names`; ActionFailed for the first that fails."""
        for name in self.managed(names):
            action = ACTIONS[name]
            for command in action.before(self._place):
                self._run(command)
            for pattern in action.shown:
                self._show(pattern)
            for pattern in action.copied:
                self._copy(pattern)
            for command in action.commands(self._place):
                self._run(command)
            log.info("performed action=%s", name)

    def perform_all(self) -> None:
        """Perform every action of this machine, for the files that were in force before it
        started; one that fails is logged, and the others are performed all the same."""
        for name in self.managed(ACTIONS):
            try:
                self.perform((name,))
            except ActionFailed as error:
                log.error("action=%s failed: %s", name, error)

    def answers(self, target: str) -> bool:
        """Whether this machine may be asked about what a reload name covers."""
        return target in self._manages and (target != BANS or self._place.fail2ban_runs())

    def ask(self, question: str) -> str:
        """The answer to one of QUESTIONS; ActionFailed when there is none."""
        program, *words = QUESTIONS[question]
        return self._run((*self._client(program), *words))

    def look(self, command: Sequence[str]) -> str:
        """What a command of ours prints that only looks; "" when it fails."""
        try:
            done = self._place.host.run(command)
        except ActionFailed:
            return ""
        return "" if done.returncode else done.stdout

    def ask_bans(self, *words: str) -> str:
        """What fail2ban answers; ActionFailed when it does not, or has nothing to say to that."""
        return self._run((*self._client("fail2ban-client"), *words))

    def shut_out(self, rules: str) -> None:
        """Load rules of bans that no revision holds (`appliance.system.peers`), where the
        packet filter is ours; ActionFailed when the kernel does not take them."""
        if self.managed((FIREWALL,)):
            path = self._place.layout.run / "peers.nft"
            try:
                path.write_text(rules)
            except OSError as error:
                raise ActionFailed(f"{path.name}: {error.strerror}") from error
            self._run(("nft", "-f", str(path)))

    def _client(self, program: str) -> Command:
        return self._place.host.fail2ban if program == "fail2ban-client" else (program,)

    def _run(self, command: Command) -> str:
        done = self._place.host.run(command)
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines()
            raise ActionFailed(f"{command[0]}: {said[0] if said else done.returncode}")
        return done.stdout

    def _copy(self, pattern: str) -> None:
        """Write the rendered files of one folder into /etc; ours that are gone go. Files of
        others in that folder do not begin with our mark."""
        rendered = {path.name: path.read_bytes() for path in self._place.root.glob(pattern)}
        folder = self._place.layout.prefix / Path(pattern).parent
        if rendered:
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        for path in network_follow.ours(folder):
            if path.name not in rendered:
                path.unlink()
        for name, content in sorted(rendered.items()):
            path = folder / name
            if path.is_symlink() or not path.exists() or path.read_bytes() != content:
                atomic.write_file(path, content, 0o644)

    def _show(self, pattern: str) -> None:
        """Link the rendered files of one folder into /etc; links to files that are gone go."""
        rendered = {path.name for path in self._place.root.glob(pattern)}
        folder = self._place.layout.prefix / Path(pattern).parent
        current = self._place.layout.current
        if not folder.is_dir():
            if not rendered:
                return
            folder.mkdir(mode=0o755, parents=True)
        target = Path(os.path.relpath(current, folder)) / "root" / Path(pattern).parent
        for link in _links_into(target, folder):
            if link.name not in rendered:
                link.unlink()
        for name in sorted(rendered):
            if not (folder / name).is_symlink():
                atomic.replace_link(folder / name, str(target / name))


def _links_into(target: Path, folder: Path) -> list[Path]:
    """The links of a folder that lead to files directly below `target`."""
    links = [path for path in folder.iterdir() if path.is_symlink()]
    return [link for link in links if Path(os.readlink(link)).parent == target]
