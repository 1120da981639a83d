"""A carrier: a second real Asterisk that our trunks register at and send their calls to.

    with running_carrier(network, "10.97.1.2", [Customer("acme", password="…")]) as a:
        ...
        (call,) = a.calls(1)                  # what arrived: numbers and headers as sent
        a.answers_with("503")                 # how the next calls fare
        a.falls_silent("10.97.1.1")           # gets everything, answers nothing
        a.call("acme", "+390522123415", caller="+393381234567")

A customer with a password is asked for it (digest) and may register; one with an address
is known by that. Calls to the carrier are answered with an echo unless told otherwise.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from appliance.asterisk import modules
from appliance.asterisk.console import Console
from appliance.asterisk.runtime import Runtime
from tests.support.leftovers import owned_folder
from tests.support.network import Network
from tools.debian_root import build

STARTS_WITHIN_S = 30.0
SOON_S = 8.0


@dataclass(frozen=True, slots=True)
class Customer:
    """Who may call through the carrier. `number_header` carries the called number of
    calls to the customer (besides the request's address)."""

    name: str
    password: str = ""
    address: str = ""
    transport: str = "udp"
    number_header: str = ""


@dataclass(frozen=True, slots=True)
class Received:
    """A call as it arrived: the dialled number and what stood in the headers, "" for none."""

    customer: str
    number: str
    from_: str
    asserted: str
    preferred: str
    diversion: str
    channel: str


_MODULES = (
    *modules.FOUNDATION,
    *modules.MEDIA,
    *modules.BRIDGES,
    *modules.SIP,
    *modules.FUNCTIONS,
    *modules.APPLICATIONS,
)

_EXTENSIONS = """
[globals]
FATE = answer

[from-customer]
exten => _[+0-9]!,1,Set(WHO=${CHANNEL(endpoint)})
 same => n,Set(F=${PJSIP_HEADER(read,From)})
 same => n,Set(A=${PJSIP_HEADER(read,P-Asserted-Identity)})
 same => n,Set(P=${PJSIP_HEADER(read,P-Preferred-Identity)})
 same => n,Set(D=${PJSIP_HEADER(read,Diversion)})
 same => n,Log(NOTICE,CALL|${WHO}|${EXTEN}|${F}|${A}|${P}|${D}|${CHANNEL(name)}|)
 same => n,Goto(fate-${FATE},s,1)

[fate-answer]
exten => s,1,Answer()
 same => n,Echo()

[fate-ring]
exten => s,1,Ringing()
 same => n,Wait(60)

[fate-late]
exten => s,1,Wait(8)
 same => n,Ringing()
 same => n,Wait(1)
 same => n,Answer()
 same => n,Echo()

[fate-503]
exten => s,1,Hangup(34)

[fate-403]
exten => s,1,Hangup(21)

[fate-404]
exten => s,1,Hangup(1)

[fate-busy]
exten => s,1,Hangup(17)

[to-customer]
exten => s,1,Set(CALLERID(num)=${CALLER})
 same => n,Set(CALLERID(name)=${CALLER_NAME})
 same => n,Dial(${TARGET},30,b(headers^s^1(${NUMBER_HEADER}^${DID})))
 same => n,Log(NOTICE,RESULT|${DIALSTATUS}|${HANGUPCAUSE}|)

[headers]
exten => s,1,ExecIf($["${ARG1}" != ""]?Set(PJSIP_HEADER(add,${ARG1})=<sip:${ARG2}@carrier.example>))
 same => n,Return()
"""


@dataclass(slots=True)
class Carrier:
    """One running carrier; see the module."""

    folder: Path
    network: Network
    address: str
    customers: dict[str, Customer]
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def console(self) -> Console:
        return Console(self.folder / "run/asterisk.ctl")

    @property
    def log(self) -> str:
        messages = self.folder / "log/messages"
        return messages.read_text("utf-8", "replace") if messages.exists() else ""

    def calls(self, at_least: int = 0, within_s: float = SOON_S) -> list[Received]:
        """The calls that arrived since `forget()`, once there are so many."""
        deadline = time.monotonic() + within_s
        while True:
            found = [
                Received(*(_user(part) if 1 < i < 6 else part for i, part in enumerate(parts)))
                for parts in (
                    match[1].split("|") for match in re.finditer(r"CALL\|(.*)\|\n", self._news())
                )
            ]
            if len(found) >= at_least:
                return found
            if time.monotonic() > deadline:
                raise AssertionError(f"{len(found)} calls instead of {at_least}: {found}")
            time.sleep(0.02)

    def forget(self) -> None:
        """Begin anew: earlier calls do not count."""
        (self.folder / "seen").write_text(str(len(self.log)))

    def _news(self) -> str:
        seen = self.folder / "seen"
        return self.log[int(seen.read_text()) if seen.exists() else 0 :]

    def answers_with(self, fate: str) -> None:
        """What happens to calls from now on: answer, ring, late, busy, 403, 404 or 503."""
        self.console.ask(f"dialplan set global FATE {fate}")

    def registered(self, customer: str) -> bool:
        """Whether the customer is registered here."""
        return "No objects" not in self.console.ask(f"pjsip list contacts like ^{customer}/")

    def expect_registered(self, customer: str, within_s: float = 15) -> None:
        deadline = time.monotonic() + within_s
        while not self.registered(customer):
            assert time.monotonic() < deadline, f"{customer} does not register: {self.log[-2000:]}"
            time.sleep(0.05)

    def falls_silent(self, peer: str) -> None:
        """Take what comes and answer `peer` nothing, as a carrier behind a broken link."""
        self.network.run("ip", "route", "add", "blackhole", f"{peer}/32", "metric", "1")

    def speaks_again(self, peer: str) -> None:
        self.network.run("ip", "route", "del", "blackhole", f"{peer}/32", "metric", "1")

    def call(
        self, customer: str, did: str, *, caller: str = "", name: str = "", echo: bool = False
    ) -> None:
        """Call a number of the customer, who hears nothing, or with `echo` what they say. The
        outcome is in `results()`."""
        known = self.customers[customer]
        target = f"PJSIP/{did}@{customer}"
        if known.password and not known.address:
            target = f"PJSIP/{customer}"
        values = {
            "CALLER": caller,
            "CALLER_NAME": name,
            "TARGET": target,
            "DID": did,
            "NUMBER_HEADER": known.number_header,
        }
        for key, value in values.items():
            self.console.ask(f'dialplan set global {key} "{value}"')
        speaker = "Echo" if echo else "Wait 60"
        self.console.ask(f"channel originate Local/s@to-customer application {speaker}")

    def results(self, at_least: int = 1, within_s: float = SOON_S) -> list[tuple[str, str]]:
        """(Asterisk's word for the outcome, cause) of calls that ended without an answer."""
        deadline = time.monotonic() + within_s
        while True:
            found = re.findall(r"RESULT\|(\w*)\|(\d*)\|", self._news())
            if len(found) >= at_least:
                return found
            assert time.monotonic() < deadline, f"{found}, not {at_least}"
            time.sleep(0.02)

    def hang_up_all(self) -> None:
        self.console.ask("channel request hangup all")

    def start(self) -> None:
        runtime = Runtime(build())
        command = runtime.secluded(
            self.folder / "asterisk.conf", [self.folder], network=self.network.name
        )
        with (self.folder / "out").open("ab") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        self.console.wait_until_booted(STARTS_WITHIN_S)

    def kill(self) -> None:
        """End it at once; its address stays and refuses what comes."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        self.process = None


def _user(header: str) -> str:
    """The user part of the address in a header; the text itself when there is none."""
    found = re.search(r"sip:([^@>]*)@", header)
    return found[1] if found else header


@contextmanager
def running_carrier(
    network: Network, address: str, customers: Iterable[Customer], certificate: Path | None = None
) -> Iterator[Carrier]:
    """A carrier at `address` of `network`. With `certificate` (a folder with server.crt
    and server.key) it also takes calls over TLS at port 5061."""
    folder = owned_folder("carrier")
    try:
        known = {customer.name: customer for customer in customers}
        carrier = Carrier(folder, network, address, known)
        _write(carrier, certificate)
        carrier.start()
        try:
            yield carrier
        finally:
            carrier.kill()
    finally:
        shutil.rmtree(folder)


def _write(carrier: Carrier, certificate: Path | None) -> None:
    folder = carrier.folder
    runtime = Runtime(build())
    user, group = runtime.account("asterisk")
    for name in ("etc", "lib", "lib/keys", "spool", "run", "log"):
        (folder / name).mkdir()
        os.chown(folder / name, user, group)
    files = {
        "asterisk.conf": _asterisk_conf(folder, runtime),
        "etc/modules.conf": "[modules]\nautoload = no\n"
        + "".join(f"load = {name}\n" for name in _MODULES),
        "etc/logger.conf": "[logfiles]\nmessages => notice,warning,error\n",
        "etc/rtp.conf": "[general]\nrtpstart = 20000\nrtpend = 20999\n",
        "etc/extensions.conf": _EXTENSIONS,
        "etc/pjsip.conf": _pjsip_conf(carrier, certificate),
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    if certificate:
        for name in ("server.crt", "server.key"):
            shutil.copy(certificate / name, folder / "etc" / name)
            os.chown(folder / "etc" / name, user, group)


def _asterisk_conf(folder: Path, runtime: Runtime) -> str:
    places = {
        "astetcdir": folder / "etc",
        "astmoddir": runtime.modules(),
        "astvarlibdir": folder / "lib",
        "astdbdir": folder / "lib",
        "astkeydir": folder / "lib",
        "astdatadir": "/usr/share/asterisk",
        "astspooldir": folder / "spool",
        "astrundir": folder / "run",
        "astlogdir": folder / "log",
    }
    lines = [f"{key} => {value}" for key, value in places.items()]
    return "[directories]\n" + "\n".join(lines) + "\n[options]\nhideconnect = yes\n"


def _pjsip_conf(carrier: Carrier, certificate: Path | None) -> str:
    parts = [f"[{protocol}]\ntype = transport\nprotocol = {protocol}\nbind = {carrier.address}:5060"
             for protocol in ("udp", "tcp")]  # fmt: skip
    if certificate:
        parts.append(
            f"[tls]\ntype = transport\nprotocol = tls\nbind = {carrier.address}:5061\n"
            f"cert_file = {carrier.folder}/etc/server.crt\n"
            f"priv_key_file = {carrier.folder}/etc/server.key\nmethod = sslv23"
        )
    return "\n\n".join([*parts, *map(_customer_conf, carrier.customers.values())]) + "\n"


def _customer_conf(customer: Customer) -> str:
    name = customer.name
    endpoint = [
        f"[{name}]\ntype = endpoint\ncontext = from-customer\naors = {name}",
        "allow = !all,alaw,g722",
        "direct_media = no\nrtp_symmetric = yes\nforce_rport = yes\nrewrite_contact = yes",
        "trust_id_inbound = no",
    ]
    if customer.transport == "tls":
        endpoint.append("media_encryption = sdes")
    aor = [f"[{name}]\ntype = aor\nmax_contacts = 1\nremove_existing = yes"]
    parts = [endpoint, aor]
    if customer.password:
        endpoint.append(f"auth = {name}")
        parts.append([f"[{name}]\ntype = auth\nauth_type = digest\nusername = {name}",
                      f"password = {customer.password.replace(';', chr(92) + ';')}"])  # fmt: skip
    if customer.address:
        aor.append(f"contact = sip:{customer.address}:5060")
        parts.append([f"[{name}]\ntype = identify\nendpoint = {name}\nmatch = {customer.address}"])
    return "\n\n".join("\n".join(part) for part in parts)
