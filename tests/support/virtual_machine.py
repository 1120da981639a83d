"""A machine in QEMU's software emulation: started, asked from outside and inside, killed.

Everything is in one folder and dies with the test. What is asked inside goes through
QEMU's guest agent, which the image has for hosts of KVM anyway; from outside the machine
is reached through ports of the loopback address of a network namespace of its own, in which
there is nothing else: it must do without names and without the internet.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import socket
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.network import Network, new_network

BOOT_WITHIN_S = 900.0
"""An idle machine needs a minute; one that has eight other things to do, ten times that."""

COMMAND_WITHIN_S = 240.0
"""For a command inside: reading Python's modules alone may take half a minute there."""

LONG_TURNS = {
    "systemd.extra-unit.long-turns.service": """
[Unit]
DefaultDependencies=no
Wants=sys-kernel-debug.mount
After=sys-kernel-debug.mount
Before=sysinit.target
[Service]
Type=oneshot
ExecStart=-/bin/sh -c 'echo 100000000 >/sys/kernel/debug/sched/base_slice_ns'
""",
    "systemd.unit-dropin.sysinit.target": "[Unit]\nWants=long-turns.service\n",
}
"""Credentials that a host may give its machine (systemd.system-credentials(7)): turns of 100 ms
instead of 0.7. An emulated processor forgets at each change of process where memory is: six
that started at once took it more than twice the work. A kernel that is locked down does not
obey."""

LOOKS = (
    "systemctl --failed --no-legend --plain; systemctl list-jobs --no-legend --plain",
    "journalctl -b -p warning -q --no-pager | tail -n 60",
    "journalctl -b -q --no-pager -u centralino-engine -u nftables -u asterisk | tail -n 60",
    "ip -brief address; ip rule; ip route; ss -lnptu",
    "nft list ruleset | head -n 300",
)
"""What is looked at inside a machine that does not do what it should."""

ANSWERS_WITHIN_S = 10.0
POKES = {
    # DNS asks for the root's servers (RFC 1035, 4.1 and 4.2.2); PostgreSQL is asked for TLS.
    53: bytes.fromhex("0011 0001 0100 0001 0000 0000 0000 00 0002 0001"),
    5432: bytes.fromhex("00000008 04d2162f"),
}
"""Port -> what its server answers at once; everything else answers to a request of HTTP."""


@dataclass(frozen=True, slots=True)
class Hardware:
    """What the machine is made of. `disk_bus` and `network` are QEMU's device names.

    `firmware` is None for a BIOS, else a file with an UEFI; `variables` its memory when
    that lies apart (then the two are flash chips). `drives` are CDs.
    """

    disk_bus: str = "virtio-blk-pci"
    network: str = "virtio-net-pci"
    firmware: Path | None = None
    variables: Path | None = None
    secure_boot: bool = False
    memory_mib: int = 2048
    cds: tuple[Path, ...] = ()
    cd_first: bool = False

    def arguments(self, folder: Path, disk: Path) -> list[str]:
        """QEMU's words for it."""
        machine = "q35" if self.firmware else "pc"
        if self.secure_boot:
            machine += ",smm=on"
        words = ["-machine", machine, "-m", str(self.memory_mib), *self._firmware(folder)]
        words += ["-drive", f"if=none,id=disk,file={disk},format=qcow2,discard=unmap"]
        index = 2 if self.cd_first else 1
        if self.disk_bus in ("pvscsi", "virtio-scsi-pci"):
            words += ["-device", f"{self.disk_bus},id=scsi"]
            words += ["-device", f"scsi-hd,bus=scsi.0,drive=disk,bootindex={index}"]
        elif self.disk_bus == "ahci":
            words += ["-device", "ahci,id=sata"]
            words += ["-device", f"ide-hd,bus=sata.0,drive=disk,bootindex={index}"]
        else:
            words += ["-device", f"{self.disk_bus},drive=disk,bootindex={index}"]
        return [*words, *self._cds()]

    def _firmware(self, folder: Path) -> list[str]:
        if self.firmware is None:
            return []
        if self.variables is None:
            return ["-bios", str(self.firmware)]
        own = folder / "variables.fd"
        # Each machine has its own memory of what it has started from.
        own.write_bytes(self.variables.read_bytes())
        flash = "if=pflash,format=raw,unit"
        words = ["-drive", f"{flash}=0,readonly=on,file={self.firmware}"]
        words += ["-drive", f"{flash}=1,file={own}"]
        if self.secure_boot:
            words += ["-global", "driver=cfi.pflash01,property=secure,value=on"]
        return words

    def _cds(self) -> list[str]:
        words = []
        for number, cd in enumerate(self.cds):
            words += ["-drive", f"if=none,id=cd{number},media=cdrom,readonly=on,file={cd}"]
            words += ["-device", "ahci,id=cds"] if number == 0 else []
            first = ",bootindex=1" if self.cd_first and number == 0 else ""
            words += ["-device", f"ide-cd,bus=cds.{number},drive=cd{number}{first}"]
        return words


@dataclass(slots=True)
class Machine:
    """A running machine. `network` is where its ports are those of the loopback address."""

    folder: Path
    process: subprocess.Popen[bytes]
    network: Network
    started: float = field(default_factory=time.monotonic)

    @property
    def age_s(self) -> float:
        """Seconds since power-on."""
        return time.monotonic() - self.started

    def serial(self) -> str:
        """All that came over the serial line until now."""
        return (self.folder / "serial").read_text("utf-8", "replace")

    def type(self, text: str) -> None:
        """Type at the serial line, as somebody does who sits before it."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.connect(str(self.folder / "console"))
            connection.sendall(text.encode())
            # The line takes sixteen signs at a time; what is unread at the end would be lost.
            while _unread(connection):
                time.sleep(0.01)

    def plug(self, cable: str, *, plugged: bool) -> None:
        """Plug a cable in or pull it out; `cable` is the identifier of QEMU's netdev."""
        self._ask_monitor("set_link", {"name": cable, "up": plugged})

    def wait(
        self,
        what: str,
        ready: Callable[[], bool],
        within_s: float = BOOT_WITHIN_S,
        every_s: float = 0.5,
    ) -> float:
        """Wait until `ready`; returns the machine's age then. AssertionError when it is late.

        `every_s` is the pause between two looks: what costs the machine work is asked rarely.
        """
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            assert self.process.poll() is None, f"the machine is gone: {self.serial()[-2000:]}"
            if ready():
                return self.age_s
            time.sleep(every_s)
        shown = f"{self.serial()[-3000:]}\n{self.story()}"
        raise AssertionError(f"{what}: not within {within_s:.0f} s\n{shown}")

    def story(self) -> str:
        """What the machine would tell somebody who looks why it does not do its work."""
        told = []
        for command in LOOKS:
            try:
                _status, said, errors = self.attempt("sh", "-c", command, within_s=60)
            except (OSError, ValueError, AssertionError) as error:
                return "\n".join((*told, f"inside it, nobody answers: {error!r}"))
            told.append(f"── {command}\n{said}{errors}")
        return "\n".join(told)

    def wait_until_off(self, within_s: float = BOOT_WITHIN_S) -> None:
        """Wait until the machine has switched itself off, or restarted under `once`."""
        self.process.wait(within_s)

    # ── inside, through the guest agent ───────────────────────────────────────────

    def agent_answers(self) -> bool:
        """Whether commands can be run inside."""
        try:
            return self._agent("guest-ping", within_s=3) == {}
        except (OSError, ValueError):
            return False

    def run(self, *command: str, within_s: float = COMMAND_WITHIN_S) -> str:
        """Run a command inside as root; its output. AssertionError when it fails."""
        status, output, errors = self.attempt(*command, within_s=within_s)
        assert status == 0, f"{command}: status {status}\n{output}{errors}"
        return output

    def attempt(self, *command: str, within_s: float = COMMAND_WITHIN_S) -> tuple[int, str, str]:
        """Run a command inside; its status, output and errors."""
        asked = {"path": command[0], "arg": list(command[1:]), "capture-output": True}
        number = self._agent("guest-exec", asked)["pid"]
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            done = self._agent("guest-exec-status", {"pid": number})
            if done["exited"]:
                texts = [base64.b64decode(done.get(key, "")) for key in ("out-data", "err-data")]
                return done.get("exitcode", -1), *(
                    text.decode("utf-8", "replace") for text in texts
                )
            time.sleep(0.2)
        raise AssertionError(f"{command}: not done within {within_s} s")

    def _agent(self, verb: str, arguments: Any = None, within_s: float = 20) -> Any:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(within_s)
            connection.connect(str(self.folder / "agent"))
            # A half-read answer of an earlier talk ends here: the byte resets the agent's reader.
            token = int(time.monotonic() * 1000) % 2**31
            sync = {"execute": "guest-sync-delimited", "arguments": {"id": token}}
            connection.sendall(b"\xff" + json.dumps(sync).encode() + b"\n")
            stream = connection.makefile("rb")
            _until_synchronised(stream, token)
            request: dict[str, Any] = {"execute": verb}
            if arguments:
                request["arguments"] = arguments
            connection.sendall(json.dumps(request).encode() + b"\n")
            answer = json.loads(stream.readline())
        assert "error" not in answer, answer
        return answer["return"]

    # ── outside ───────────────────────────────────────────────────────────────────

    def sip_answers(self) -> bool:
        """Whether the machine answers a SIP OPTIONS."""
        with self.network.entered():
            asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with asking:
            asking.settimeout(1)
            asking.connect(("127.0.0.1", 5060))
            own = asking.getsockname()
            asking.send(_options(own[0], own[1]))
            try:
                return asking.recv(4096).startswith(b"SIP/2.0 ")
            except OSError:
                return False

    def tcp_open(self, port: int) -> bool:
        """Whether something behind a forwarded port answers what no server can pass over.

        QEMU accepts for the machine: refused shows as an early end, dropped as silence.
        """
        with self.network.entered():
            connection = socket.create_connection(("127.0.0.1", port), 5)
        with connection:
            connection.settimeout(ANSWERS_WITHIN_S)
            try:
                connection.sendall(POKES.get(port, b"GET / HTTP/1.0\r\n\r\n"))
                return connection.recv(1) != b""
            except OSError:
                return False

    # ── power ─────────────────────────────────────────────────────────────────────

    def cut_power(self) -> None:
        """What happens when somebody pulls the plug."""
        self.process.kill()
        self.process.wait()

    def screenshot(self, to: Path) -> None:
        """The picture on the machine's monitor, as a PPM file."""
        self._ask_monitor("screendump", {"filename": str(to)})

    def _ask_monitor(self, verb: str, arguments: dict[str, Any]) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(10)
            connection.connect(str(self.folder / "monitor"))
            stream = connection.makefile("rwb")
            stream.readline()
            asked = {"execute": verb, "arguments": arguments}
            for each in ({"execute": "qmp_capabilities"}, asked):
                stream.write(json.dumps(each).encode() + b"\n")
                stream.flush()
                answer = json.loads(stream.readline())
                assert "error" not in answer, answer


def _unread(connection: socket.socket) -> int:
    """Bytes that the other end has yet to read (SIOCOUTQ, unix(7))."""
    return struct.unpack("i", fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4)))[0]


def _until_synchronised(stream: Any, token: int) -> None:
    while True:
        line = stream.readline()
        if not line:
            raise ValueError("the agent is gone")
        text = line.rpartition(b"\xff")[2]
        with contextlib.suppress(ValueError):
            if json.loads(text).get("return") == token:
                return


def _options(address: str, port: int) -> bytes:
    lines = [
        "OPTIONS sip:ping@127.0.0.1 SIP/2.0",
        f"Via: SIP/2.0/UDP {address}:{port};branch=z9hG4bK{time.monotonic_ns()};rport",
        "Max-Forwards: 5",
        f"From: <sip:probe@{address}>;tag={time.monotonic_ns()}",
        "To: <sip:ping@127.0.0.1>",
        f"Call-ID: {time.monotonic_ns()}@{address}",
        "CSeq: 1 OPTIONS",
        "Content-Length: 0",
        "",
        "",
    ]
    return "\r\n".join(lines).encode()


def disk_on(image: Path, folder: Path, name: str = "disk.qcow2") -> Path:
    """A disk that begins as `image` and takes what is written to it; the image stays."""
    made = folder / name
    kind = "raw" if image.suffix == ".raw" else image.suffix.removeprefix(".")
    command = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", str(image), "-F", kind, str(made)]
    subprocess.run(command, check=True)
    return made


def empty_disk(folder: Path, gib: int, name: str = "disk.qcow2") -> Path:
    """A disk without anything on it."""
    made = folder / name
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(made), f"{gib}G"], check=True)
    return made


def _credentials(given: Mapping[str, str]) -> list[str]:
    """QEMU's words for credentials in the strings of the machine's firmware."""
    words = []
    for name, text in given.items():
        value = f"io.systemd.credential.binary:{name}={base64.b64encode(text.encode()).decode()}"
        words += ["-smbios", f"type=11,value={value}"]
    return words


def _at(folder: Path, name: str) -> str:
    return f"path={folder / name},server=on,wait=off"


@contextlib.contextmanager
def started(
    folder: Path,
    disk: Path,
    hardware: Hardware,
    *,
    tcp: Sequence[int] = (),
    udp: Sequence[int] = (),
    address: str = "",
    extra: Sequence[str] = (),
    inside: Network | None = None,
) -> Iterator[Machine]:
    """Switch a machine on; it is killed when the block is left.

    `address` is where the machine awaits what is forwarded, unless DHCP has told it. `inside`
    is the network of another machine, whose forwarded ports are to be reached. The machine has
    one processor: kernels that change their own code while another emulated processor runs
    it have been seen to panic, and two machines side by side fill two cores better. Of the
    models of processors QEMU emulates this one fastest: Python takes a fifth less time than
    on its default, whose C library must do without wide registers.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("serial", "agent", "monitor", "console"):
        (folder / name).unlink(missing_ok=True)
    forwards = [f"hostfwd=tcp::{port}-{address}:{port}" for port in tcp]
    forwards += [f"hostfwd=udp::{port}-{address}:{port}" for port in udp]
    # Not `restrict=on`: libslirp 4.7 then keeps the answers to forwarded UDP, too.
    netdev = ",".join(["user,id=network", *forwards])
    command = ["qemu-system-x86_64", "-accel", "tcg", "-cpu", "EPYC", "-smp", "1"]
    command += ["-display", "none", "-nodefaults", "-vga", "std", *hardware.arguments(folder, disk)]
    command += ["-netdev", netdev, "-device", f"{hardware.network},netdev=network"]
    command += ["-device", "virtio-rng-pci", "-serial", "chardev:console"]
    serial = folder / "serial"
    command += ["-chardev", f"socket,id=console,{_at(folder, 'console')},logfile={serial}"]
    command += ["-device", "virtio-serial-pci"]
    command += ["-chardev", f"socket,id=agent,{_at(folder, 'agent')}"]
    command += ["-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0"]
    command += ["-qmp", f"unix:{folder / 'monitor'},server=on,wait=off", *extra]
    command += _credentials(LONG_TURNS)
    with contextlib.nullcontext(inside) if inside else new_network("vm") as network:
        with (folder / "qemu.log").open("wb") as log:
            process = network.start(command, stdout=log, stderr=log)
        machine = Machine(folder, process, network)
        serial.touch()
        try:
            yield machine
        finally:
            machine.cut_power()
