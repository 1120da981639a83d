"""Certificates from an authority that gives them by itself (ACME, RFC 8555)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from appliance.render.fileset import File
from appliance.state.faults import Fault
from appliance.state.fields import Email, Pattern
from appliance.state.machine import Machine
from appliance.state.references import Reference, References
from appliance.verify.probes import Probe

DirectoryUrl = Annotated[
    str,
    Pattern(
        r"https://[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?(:[0-9]{1,5})?"
        r"(/[A-Za-z0-9._~-]{1,64}){0,8}/?",
        "an address that begins with https:// and has no blanks or signs such as ? and &",
    ),
]
DnsName = Annotated[
    str,
    Pattern(
        r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])",
        "a full name in small letters, such as pbx.example.com",
    ),
]
OptionalCertificate = Annotated[
    str,
    Pattern(
        r"|-----BEGIN CERTIFICATE-----\r?\n([A-Za-z0-9+/=]{1,76}\r?\n){1,100}"
        r"-----END CERTIFICATE-----(\r?\n)?",
        "one certificate in PEM form, or empty",
    ),
]


@dataclass(frozen=True, slots=True)
class State:
    """With `automatic`, `names` are asked for at the authority of `directory`, which proves
    by port 80 that they lead to this machine (HTTP-01, RFC 8555 section 8.3), and renewed
    in time. `mail` is told when something goes wrong over there.

    `telephony` has Asterisk present the certificate too. `authority` is the certificate
    that the directory itself presents, for one inside the company.
    """

    automatic: bool = False
    directory: DirectoryUrl = "https://acme-v02.api.letsencrypt.org/directory"
    mail: Email = ""
    names: tuple[DnsName, ...] = ()
    telephony: bool = False
    authority: OptionalCertificate = ""

    @property
    def servers(self) -> tuple[Literal["web", "server"], ...]:
        return ("web", "server") if self.telephony else ("web",)


def references(_state: State) -> Iterator[Reference]:
    """Nothing that others point at."""
    yield from ()


def check(state: State, _references: References) -> Iterator[Fault]:
    """Yield faults of what could not be asked for."""
    if state.automatic and not state.names:
        yield Fault("certificates/names", "must name at least one")
    if len(set(state.names)) < len(state.names):
        yield Fault("certificates/names", "must not name one twice")
    if len(state.names) > 20:
        yield Fault("certificates/names", "must be at most 20")


def files(_state: State, _references: References, _machine: Machine) -> Iterator[File]:
    """No file: the engine asks for certificates itself."""
    yield from ()


def probes(_state: State, _references: References) -> Iterator[Probe]:
    """Nothing to ask of Asterisk."""
    yield from ()
