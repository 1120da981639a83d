"""How Asterisk, and the mail relay it hands voicemail to, are started here.

Either the machine's own programs, or those in a Debian root.

The appliance has Asterisk 22 installed; a developer's machine may have none, and then
runs Debian 14's inside a root folder. Both see the same paths, because the folders that
Asterisk uses are bound into the root at the same place.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

USER = "asterisk"
"""The account that Asterisk gives up root for."""

MAIL_USER = "mail"
"""The account of the mail relay; its queue belongs to it."""

MODULES = "/usr/lib/x86_64-linux-gnu/asterisk/modules"
"""Where Debian's package puts the modules; `Runtime.modules()` finds other architectures."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """`root` is None for the machine's own Asterisk, else the folder of a Debian root."""

    root: Path | None = None

    def modules(self) -> str:
        """Asterisk's module folder as Asterisk itself sees it."""
        base = self.root or Path("/")
        found = sorted(base.glob("usr/lib/*/asterisk/modules"))
        return "/" + str(found[0].relative_to(base)) if found else MODULES

    def account(self, name: str) -> tuple[int, int]:
        """User and group number of an account, as the process itself will see it."""
        passwd = (self.root or Path("/")) / "etc/passwd"
        for line in passwd.read_text().splitlines():
            fields = line.split(":")
            if fields[0] == name:
                return int(fields[2]), int(fields[3])
        raise LookupError(f"{passwd} has no account {name}")

    def command(
        self, configuration: Path, shared: Iterable[Path], *, user: str = USER
    ) -> list[str]:
        """The command line of an Asterisk in the foreground.

        `configuration` is its asterisk.conf, `shared` the folders that it must see at
        the same place as everybody else.
        """
        if self.root is None:
            return _asterisk(configuration, user)
        steps = [*_bound(self.root, shared), f"exec {self._start(configuration, user)}"]
        return ["unshare", "--mount", "--propagation", "private", "sh", "-ec", "\n".join(steps)]

    def secluded(
        self,
        configuration: Path,
        shared: Iterable[Path],
        *,
        network: str = "",
        instead: Mapping[Path, Path] = MappingProxyType({}),
        user: str = USER,
        beside: Sequence[str] = (),
    ) -> list[str]:
        """The command line of an Asterisk that reaches nothing and dies with its parent.

        It has a network namespace of its own in which every address may be bound and none
        is reached, or lives in the one called `network` (ip-netns(8)). It also has a
        process namespace, whose first process is killed when the calling thread ends.
        (Asterisk itself could not be: changing its user clears the parent-death signal,
        prctl(2).) It sees the folders that `instead` maps to in the places of its keys.
        `beside` is the command of a program that lives there too; then no mail leaves.
        """
        steps = [*(() if network else _EVERY_ADDRESS)]
        steps += _bound(self.root, shared) if self.root else ()
        steps += (_replaced(self.root, *pair) for pair in instead.items())
        if beside:
            steps += [_without_mail(self.root), f"{shlex.join(beside)} &"]
        steps += [f"{self._start(configuration, user)} &", "wait $!"]
        place = ["ip", "netns", "exec", network, "unshare"] if network else ["unshare", "--net"]
        flags = ["--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"]
        return ["setpriv", "--pdeathsig", "KILL", *place, *flags, "sh", "-ec", "\n".join(steps)]

    def mail_relay(self, shared: Iterable[Path], *, network: str = "") -> list[str]:
        """The command line of the mail relay in the foreground, in its own account.

        It lives in the network namespace called `network`, "" for the caller's.
        """
        place = ["ip", "netns", "exec", network] if network else []
        if self.root is None:
            account = ["--reuid", MAIL_USER, "--regid", MAIL_USER, "--clear-groups"]
            return [*place, "setpriv", *account, "nullmailer-send"]
        inside = ["chroot", f"--userspec={MAIL_USER}:{MAIL_USER}", str(self.root)]
        steps = [*_bound(self.root, shared), f"exec {shlex.join([*inside, 'nullmailer-send'])}"]
        apart = ["unshare", "--mount", "--propagation", "private"]
        return [*place, *apart, "sh", "-ec", "\n".join(steps)]

    def hand_in_mail(self, shared: Iterable[Path]) -> list[str]:
        """The command line that takes a mail from its standard input into the relay's queue,
        in the relay's account, so that the relay may read what is queued."""
        words = ["/usr/sbin/sendmail", "-t", "-i"]
        if self.root is None:
            account = ["--reuid", MAIL_USER, "--regid", MAIL_USER, "--clear-groups"]
            return ["setpriv", *account, *words]
        inside = ["chroot", f"--userspec={MAIL_USER}:{MAIL_USER}", str(self.root)]
        steps = [*_bound(self.root, shared), f"exec {shlex.join([*inside, *words])}"]
        return ["unshare", "--mount", "--propagation", "private", "sh", "-ec", "\n".join(steps)]

    def _start(self, configuration: Path, user: str) -> str:
        inside = ["chroot", str(self.root)] if self.root else []
        return shlex.join([*inside, *_asterisk(configuration, user)])


def _asterisk(configuration: Path, user: str) -> list[str]:
    return ["asterisk", "-f", "-C", str(configuration), "-U", user, "-G", user]


_EVERY_ADDRESS = (
    "ip link set lo up",
    "ip route add default dev lo",
    "ip -6 route add default dev lo || :",
    "for each in 17 6; do ip rule add ipproto $each dport 53 prohibit; done",
    "for each in /proc/sys/net/ipv?/ip_nonlocal_bind; do echo 1 >$each; done",
)
"""A namespace's own settings (ip-sysctl): a configuration may name any address of the
machine, and its shadow binds it without having it. 17 and 6 are UDP and TCP: their names
need a file that small machines lack. What it sends to carriers goes nowhere
instead of failing at once, which Asterisk would log as an error of the configuration;
names alone fail at once, so that it does not wait for them."""


def _replaced(root: Path | None, place: Path, by: Path) -> str:
    """A step that shows the folder `by` at `place`, if there is one, links resolved."""
    at = shlex.quote(f"{root or ''}{place}")
    mount = f'mount --bind {shlex.quote(str(by))} "$at"'
    return f'at=$(readlink -f {at} || :); [ ! -d "$at" ] || {mount}'


def _without_mail(root: Path | None) -> str:
    """A step that puts a program that does nothing in the place of the mail relay's own."""
    top = shlex.quote(str(root or ""))
    relay = f"$(readlink -f {top}/usr/sbin/sendmail || :)"
    return f'at={relay}; [ ! -f "$at" ] || mount --bind {top}/usr/bin/true "$at"'


_DISTRIBUTION = frozenset({"bin", "boot", "dev", "etc", "lib", "proc", "run", "sbin", "usr", "var"})
"""Folders at the top of a Debian root that hold something Asterisk needs."""


def _bound(root: Path, shared: Iterable[Path]) -> list[str]:
    """Steps that make `shared` folders visible below `root`, for this mount namespace only."""
    at = shlex.quote(str(root))
    shared = sorted(shared)
    steps = [f"mount -t proc proc {at}/proc", f"mount --rbind /dev {at}/dev", *_names(at)]
    for top in sorted({folder.parts[1] for folder in shared} - _DISTRIBUTION):
        # The places to mount on are made in memory, so that the root stays as it was built.
        inside = shlex.quote(f"{root}/{top}")
        steps += [f"mkdir -p {inside}", f"mount -t tmpfs -o mode=1777 tmpfs {inside}"]
    for folder in shared:
        inside = shlex.quote(f"{root}{folder}")
        steps += [f"mkdir -p {inside}", f"mount --bind {shlex.quote(str(folder))} {inside}"]
        steps += _fixed_places(root, folder)
    return steps


def _names(at: str) -> list[str]:
    """Steps that give the root this machine's own name and its resolver.

    Asterisk looks up its own name; where neither the hosts file nor DNS answers, an INVITE
    takes about 12 seconds.
    """
    hosts = f"{at}/media/hosts"
    return [
        f"mount -t tmpfs -o mode=755 tmpfs {at}/media",
        f'{{ cat /etc/hosts; echo "127.0.1.1 $(hostname)"; }} >{hosts}',
        f"mount --bind {hosts} {at}/etc/hosts",
        f"if [ -e /etc/resolv.conf ] && [ -e {at}/etc/resolv.conf ]; "
        f'then mount --bind "$(readlink -f /etc/resolv.conf)" {at}/etc/resolv.conf; fi',
    ]


_FIXED_PLACES = ("etc/nullmailer", "var/spool/nullmailer")
"""Folders that a program of Debian looks for at this one place of its root."""


def _fixed_places(root: Path, prefix: Path) -> list[str]:
    """Steps that put the prefix's own folders at the places where programs look."""
    pairs = [(shlex.quote(str(prefix / each)), shlex.quote(f"{root}/{each}"))
             for each in _FIXED_PLACES]  # fmt: skip
    return [f"if [ -d {own} ]; then mount --bind {own} {place}; fi" for own, place in pairs]
