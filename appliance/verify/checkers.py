"""Files for the machine's own daemons, looked at by those daemons' own checkers.

The shadow Asterisk proves what Asterisk reads. What the packet filter, the watcher of bans
and the others would read is handed to the program itself, in a place where it can change
nothing. A program that is not installed here (a developer's machine) checks nothing.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from types import MappingProxyType

from appliance.asterisk.reloads import BANS, FIREWALL
from appliance.system.actions import RULES
from appliance.system.vpn_authority import FOLDER
from appliance.verify.tunnel_check import tunnel_faults

CHECKED_WITHIN_S = 60

TUNNELS = "tunnels"
"""The branch tunnels' files, for which nothing is reloaded."""

Checker = Callable[[Path], str]
"""Gets the root of the candidate files; returns what the program says, "" when it is content."""


def faults(root: Path, reloads: Collection[str]) -> Iterator[tuple[str, str]]:
    """(service to blame, sentence) for every checker of `reloads` that is not content."""
    for name, (where, checker) in CHECKERS.items():
        if name in reloads and (said := checker(root)):
            yield where, said
    if TUNNELS in reloads and _installed("openvpn"):
        yield from tunnel_faults(root)


def looked_at_for(paths: Iterable[str], reloads: Iterable[str]) -> frozenset[str]:
    """The names under which files that change and what they ask for are looked at. Nobody is
    told of the tunnels' files: `appliance.system.tunnels` follows the revision by itself."""
    tunnels = any(path.startswith(f"{FOLDER}/") for path in paths)
    return frozenset(reloads) | (frozenset({TUNNELS}) if tunnels else frozenset())


def _packet_filter(root: Path) -> str:
    """In a network namespace of its own: the kernel that checks it has none of our rules."""
    rules = root / RULES
    if not rules.exists() or not _installed("nft"):
        return ""
    return _said("unshare", "--net", "nft", "--check", "--file", str(rules))


def _bans(root: Path) -> str:
    """Beside the files that the package brings: filters of ours include some of those."""
    ours, package = root / "etc/fail2ban", Path("/etc/fail2ban")
    if not ours.is_dir() or not package.is_dir() or not _installed("fail2ban-client"):
        return ""
    with tempfile.TemporaryDirectory(prefix="fail2ban-") as folder:
        for name in ("action.d", "filter.d"):
            shutil.copytree(package / name, Path(folder) / name)
        for file in package.glob("*.conf"):
            shutil.copy(file, folder)
        shutil.copytree(ours, folder, dirs_exist_ok=True)
        return _said("fail2ban-client", "-c", folder, "--test")


CHECKERS = MappingProxyType({FIREWALL: ("firewall", _packet_filter), BANS: ("bans", _bans)})
"""Reload name -> the service to blame, and who looks at its files."""


def _installed(program: str) -> bool:
    return shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin") is not None


def _said(*command: str) -> str:
    """What a checker complains of; it may quote the file, in which there are no secrets."""
    environment = {"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=CHECKED_WITHIN_S,
        )
    except subprocess.TimeoutExpired:
        return f"{command[0]} did not end in {CHECKED_WITHIN_S} s"
    if not done.returncode:
        return ""
    lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    return " ".join(lines[-3:]) or f"{command[0]} ended with {done.returncode}"
