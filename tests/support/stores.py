"""Servers that take backups, real ones on loopback: OpenSSH, Samba, and an S3 server.

S3's server is moto, which plays Amazon's in a process of its own: no Debian package has one.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from appliance.services.backups import Target
from appliance.state.fields import Secret

READY_WITHIN_S = 20.0


@dataclass(slots=True)
class Store:
    """A server with `target` as it is to be set up, and the folder that it writes into."""

    target: Target
    folder: Path
    process: subprocess.Popen[bytes]
    log: Path

    def stop(self) -> None:
        """End it, as a machine that is switched off."""
        self.process.kill()
        self.process.wait()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Its processes take what is sent and answer nothing, until the block is left."""
        everyone = [self.process.pid, *_children(self.process.pid)]
        for process in everyone:
            os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            for process in everyone:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGCONT)


def _children(process: int) -> list[int]:
    own = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [each for child in map(int, own) for each in (child, *_children(child))]


def free_port() -> int:
    """A port of loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def sftp_server(public_key: str) -> Iterator[Store]:
    """OpenSSH's server for whoever has the key."""
    with _folder("sftp") as top:
        port = free_port()
        key = top / "host_key"
        _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
        (top / "authorized").write_text(public_key + "\n")
        data = top / "data"
        data.mkdir()
        settings = (
            f"Port {port}\nListenAddress 127.0.0.1\nHostKey {key}\nStrictModes no\n"
            f"AuthorizedKeysFile {top}/authorized\nPidFile none\nUsePAM no\n"
            f"PasswordAuthentication no\nSubsystem sftp internal-sftp -d {data}\n"
            f"PermitRootLogin prohibit-password\nForceCommand internal-sftp -d {data}\n"
        )
        (top / "sshd_config").write_text(settings)
        Path("/run/sshd").mkdir(exist_ok=True)
        program = shutil.which("sshd") or "/usr/sbin/sshd"
        command = [program, "-D", "-e", "-f", str(top / "sshd_config")]
        target = Target("offsite", "Off site", "sftp", "127.0.0.1", str(data), "root", port=port)
        with _running(command, top, port) as process:
            yield Store(target, data, process, top / "log")


@contextmanager
def smb_server(password: str = "a pass, word") -> Iterator[Store]:
    """Samba with one share, for the account root of its own password file."""
    with _folder("smb") as top:
        port = free_port()
        data = top / "data"
        data.mkdir()
        for name in ("private", "lock", "state", "cache", "pid", "rpc"):
            (top / name).mkdir()
        settings = (
            "[global]\nserver role = standalone server\nsecurity = user\nmap to guest = never\n"
            f"private dir = {top}/private\nlock directory = {top}/lock\n"
            f"state directory = {top}/state\ncache directory = {top}/cache\n"
            f"pid directory = {top}/pid\nncalrpc dir = {top}/rpc\nlog file = {top}/smbd.log\n"
            f"smb ports = {port}\ninterfaces = lo\nbind interfaces only = yes\n"
            "disable netbios = yes\nload printers = no\nprintcap name = /dev/null\n"
            f"passdb backend = tdbsam:{top}/private/passdb.tdb\n"
            f"[backups]\npath = {data}\nread only = no\nvalid users = root\n"
        )
        (top / "smb.conf").write_text(settings)
        words = ["smbpasswd", "-c", str(top / "smb.conf"), "-s", "-a", "root"]
        subprocess.run(words, input=f"{password}\n{password}\n", text=True, check=True,
                       capture_output=True)  # fmt: skip
        command = ["smbd", "--foreground", "--no-process-group", "--debug-stdout"]
        command += ["-s", str(top / "smb.conf")]
        target = Target(
            "nas", "NAS", "smb", "127.0.0.1", "backups/pbx", "root", Secret(password), port
        )
        with _running(command, top, port) as process:
            yield Store(target, data / "pbx", process, top / "log")


@contextmanager
def s3_server() -> Iterator[Store]:
    """moto's server with one bucket."""
    with _folder("s3") as top:
        port = free_port()
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        address = f"http://127.0.0.1:{port}"
        target = Target("cloud", "Cloud", "s3", address, "bucket/pbx", "key", Secret("secret"))
        with _running(command, top, port) as process:
            made = urllib.request.Request(f"{address}/bucket", method="PUT")
            made.add_header("Authorization", "AWS4-HMAC-SHA256 Credential=key/1/us-east-1/s3/aws4")
            urllib.request.urlopen(made, timeout=10).close()
            yield Store(target, top, process, top / "log")


@contextmanager
def _folder(kind: str) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=f"store-{kind}-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def _running(command: list[str], top: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    log = top / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *command], stdout=output, stderr=subprocess.STDOUT
        )
    deadline = time.monotonic() + READY_WITHIN_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            said = log.read_text("utf-8", "replace")
            assert process.poll() is None, said
            assert time.monotonic() < deadline, said
            time.sleep(0.05)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True, env={**os.environ, "LC_ALL": "C"})
