"""Outgoing mail: the server that takes the mails of voicemail, notices and alarms.

Everything on the machine hands its mail to one relay, which keeps it until the company's
mail server has it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from appliance.render.environments import render
from appliance.render.escape import one_line
from appliance.render.fileset import File
from appliance.state.faults import Fault
from appliance.state.fields import Email, OptionalHost, Pattern, Port, Secret
from appliance.state.machine import Machine
from appliance.state.references import Reference, References
from appliance.system import mail
from appliance.verify.probes import Probe

SmtpUser = Annotated[
    str,
    Pattern(r"[!#-&(-\[\]-~]{0,128}", "at most 128 signs without blanks, quotes or backslashes"),
]

RETRY_AFTER_S = 30
"""Pause before the second attempt; it doubles with each until RETRY_AT_LEAST_EVERY_S."""

RETRY_AT_LEAST_EVERY_S = 600
GIVE_UP_AFTER_S = 5 * 24 * 3600
"""What RFC 5321 section 4.5.4.1 advises: four to five days."""


@dataclass(frozen=True, slots=True)
class State:
    """The mail server. An empty `server` means that no mail leaves the machine: it waits.

    `sender` stands in From; most servers take only addresses of their own domain.
    `security`: STARTTLS on the given port, TLS from the first byte, or none at all,
    which is for servers in the same room only.
    """

    server: OptionalHost = ""
    port: Port = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: SmtpUser = ""
    password: Secret = Secret("")  # noqa: RUF009 - immutable
    sender: Email = ""


def references(state: State) -> Iterator[Reference]:
    """Yield the sender's address; services that send mail ask for it."""
    if state.sender:
        yield Reference("mail_sender", "mail_sender", state.sender)


def check(state: State, _references: References) -> Iterator[Fault]:
    """Yield faults of a server that would refuse us or tell our password to everybody."""
    if state.server and not state.sender:
        yield Fault("mail/sender", "must not be empty")
    if bool(state.user) != bool(state.password):
        yield Fault("mail/password", "goes with a user, and only with one")
    rule = Pattern(r"[!#-&(-\[\]-~]{0,128}", "at most 128 signs without blanks or quotes")
    problem = rule.problem(state.password.reveal())
    if problem:
        yield Fault("mail/password", *problem)
    if state.user and state.security == "none":
        yield Fault("mail/security", "must not be none where a password is sent")


_OPTIONS = {"starttls": " --starttls", "tls": " --tls", "none": ""}


def _remotes(state: State) -> str:
    """The line of the file remotes: server, protocol and its options."""
    if not state.server:
        return ""
    secured = _OPTIONS[state.security]
    account = f" --user={state.user} --pass={state.password.reveal()}" if state.user else ""
    return f"{state.server} smtp --port={state.port}{secured}{account}"


def files(state: State, _references: References, machine: Machine) -> Iterator[File]:
    """Yield nullmailer's settings, one value a file (nullmailer-send(8))."""
    domain = state.sender.rpartition("@")[2] or "localhost"
    values = {
        "adminaddr": "",
        "defaultdomain": domain,
        "helohost": machine.host_name,
        "maxpause": str(RETRY_AT_LEAST_EVERY_S),
        "pausetime": str(RETRY_AFTER_S),
        "queuelifetime": str(GIVE_UP_AFTER_S),
        "remotes": _remotes(state),
        "sendtimeout": "300",
    }
    for name in mail.SETTINGS:
        content = render("nullmailer/mail/setting.j2", one_line, value=values[name])
        # Whoever hands in a mail reads the settings; the password is for the relay alone.
        mode = 0o640 if name == "remotes" else 0o644
        yield File(f"etc/nullmailer/{name}", content, group=mail.GROUP, mode=mode)


def probes(_state: State, _references: References) -> Iterator[Probe]:
    """Nothing to ask of Asterisk."""
    yield from ()
