"""The branch tunnels' configurations, read and begun by OpenVPN itself before they are in force.

OpenVPN has no option that only checks. So each tunnel's end is begun for some hundredths of a
second where it can change nothing: in a network of its own that reaches nobody, with the device
`null`, and with a management socket that is not the real one's. What it complains of would have
kept all branches out after the switch.

Not looked at in this way: what OpenVPN reads at the connection of one router (`routersN/`).
"""

from __future__ import annotations

import re
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from appliance.system.vpn_authority import FOLDER

BEGUN_WITHIN_S = 45.0
"""A hundredth of a second on most machines, some seconds on one that has just been started."""
BEGUN = "Initialization Sequence Completed"
"""What a server says once it would take clients (src/openvpn/init.c)."""

SOME_PORT = "1194"
"""Any from 1024 on: the engine may not bind those below, and its network is empty anyway."""

_NAME = re.compile(r"tunnel(\d)\.conf")
_PORT = re.compile(r"^port (\d+)$", re.MULTILINE)
_PAPERS = re.compile(r"^(?:ca|cert|key|tls-crypt-v2|crl-verify) (\S+)$", re.MULTILINE)
_STAMP = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ")

Command = tuple[str, ...]


def tunnel_faults(root: Path, openvpn: Command = ("openvpn",)) -> Iterator[tuple[str, str]]:
    """(portal object, sentence) for each tunnel whose configuration OpenVPN does not take."""
    for path in sorted((root / FOLDER).glob("tunnel?.conf")):
        name, text = _NAME.fullmatch(path.name), path.read_text()
        if name is None:
            continue
        if said := _complaint(path, name[1], text, openvpn):
            port = _PORT.search(text)
            whose = f"the branches' tunnel on UDP port {port[1]}" if port else path.name
            yield "vpn", f"{whose} would not start, and nothing was changed. OpenVPN says: {said}"


def _complaint(path: Path, number: str, text: str, openvpn: Command) -> str:
    """What OpenVPN says against one file, "" when it is content."""
    if not all(Path(paper).exists() for paper in _PAPERS.findall(text)):
        # A machine whose authority is not made yet: the words can be read and no more.
        return _ended([*openvpn, "--config", str(path), "--show-digests"], path, "")
    with tempfile.TemporaryDirectory(prefix="tunnel-") as folder:
        begun = [*openvpn, "--config", str(path), "--dev", "null", "--port", SOME_PORT]
        begun += ["--management", f"{folder}/socket", "unix"]
        begun += ["--client-config-dir", str(path.parent / f"routers{number}")]
        return _ended([*begun, "--errors-to-stderr"], path, BEGUN)


def _ended(command: Sequence[str], path: Path, content: str) -> str:
    """Run until OpenVPN ends, or says that it is `content`; what it said against the file."""
    environment = {"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    heard: list[str] = []
    with subprocess.Popen(
        ["unshare", "--net", *command],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        # Killed and not asked to end: it would wait two seconds for clients that it has not.
        limit = threading.Timer(BEGUN_WITHIN_S, process.kill)
        limit.start()
        try:
            for line in process.stdout or ():
                heard.append(_STAMP.sub("", line.strip()))
                if content and content in line:
                    return ""
        finally:
            limit.cancel()
            process.kill()
    if not content and process.returncode == 0:
        return ""
    return _worst(heard).replace(str(path), path.name) or f"nothing for {BEGUN_WITHIN_S:.0f} s"


def _worst(heard: Sequence[str]) -> str:
    """The sentences that name the fault: those about options, else the last ones."""
    errors = [line for line in heard if "error" in line.lower() or "cannot" in line.lower()]
    return " ".join((errors or list(heard))[-3:])
