"""Backups: when they are made, how many are kept, and where copies of them go.

The recovery code is no wish but a secret that the machine made; it does not stand here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from appliance.render.fileset import File
from appliance.state.checks import duplicate_ids
from appliance.state.faults import Fault
from appliance.state.fields import (
    Between,
    Label,
    ObjectId,
    Pattern,
    Secret,
    is_dns_name,
    is_ip_address,
)
from appliance.state.machine import Machine
from appliance.state.references import Reference, References
from appliance.verify.probes import Probe

Kind = Literal["sftp", "smb", "s3"]
Hour = Annotated[int, Between(0, 23)]
Kept = Annotated[int, Between(1, 400)]
Days = Annotated[int, Between(0, 3650)]
PortOrNone = Annotated[int, Between(0, 65535)]
Where = Annotated[str, Pattern(r"[A-Za-z0-9.:/\[\]_-]{0,200}", "a host name or an address")]
Folder = Annotated[
    str,
    Pattern(
        r"(?!.*(^|/)\.\.?(/|$))[A-Za-z0-9_.~+@ /-]{0,200}",
        "a folder of letters, digits and _ . ~ + @ / - without ..",
    ),
]
Account = Annotated[str, Pattern(r"[!-~]{0,128}", "at most 128 signs without blanks")]
HostKey = Annotated[
    str,
    Pattern(
        r"(ssh-(ed25519|rsa)|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/=]{40,1200}",
        "a host key as ssh-keyscan prints it, without the host",
    ),
]


@dataclass(frozen=True, slots=True)
class Target:
    """A place that gets a copy of each backup.

    `address` is a host for SFTP and SMB, for S3 the endpoint's URL. `folder` is the path
    there; for SMB and S3 its first piece is the share or the bucket. `user` and `password`
    are an account or, for S3, the access key and its secret; for SFTP the machine's own
    key takes the place of the password. `host_keys` are those that an SFTP server was
    recognised by when it was set up. `keep` is the number of copies kept there.
    """

    id: ObjectId
    name: Label
    kind: Kind
    address: Where
    folder: Folder = ""
    user: Account = ""
    password: Secret = Secret("")  # noqa: RUF009 - immutable
    port: PortOrNone = 0
    region: Annotated[str, Pattern(r"[a-z0-9-]{0,40}", "a region such as eu-south-1")] = ""
    host_keys: tuple[HostKey, ...] = ()
    keep: Kept = 30
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class State:
    """`hour` is when the nightly backup is made, in the machine's own zone. On this machine
    the newest `keep` backups stay, and of those none that is older than `keep_days`
    (0: any age), but never fewer than one."""

    hour: Hour = 2
    keep: Kept = 14
    keep_days: Days = 0
    targets: tuple[Target, ...] = ()


def references(state: State) -> Iterator[Reference]:
    """Yield the targets, so that they have names."""
    for target in state.targets:
        yield Reference("backup_target", target.id, target.name)


def check(state: State, _references: References) -> Iterator[Fault]:
    """Yield what would keep a copy from being taken."""
    yield from duplicate_ids("backups", state.targets)
    for target in state.targets:
        yield from _check_target(target)


def _check_target(target: Target) -> Iterator[Fault]:
    where = f"backups/{target.id}"
    problem = Pattern(r"[ -~]{0,256}", "at most 256 plain signs").problem(target.password.reveal())
    if problem:
        yield Fault(f"{where}/password", *problem)
    if not target.user:
        yield Fault(f"{where}/user", "must not be empty")
    if target.kind == "sftp" and target.enabled and not target.host_keys:
        yield Fault(f"{where}/host_keys", "must not be empty: the server must be recognised")
    if target.kind != "sftp" and not target.password:
        yield Fault(f"{where}/password", "must not be empty")
    if target.kind != "sftp" and not target.folder.strip("/"):
        yield Fault(f"{where}/folder", "begins with the name of the share or bucket")
    if target.kind == "s3":
        if not re.fullmatch(r"https?://[^/]+/?", target.address):
            yield Fault(f"{where}/address", "must begin with https://")
    elif not (is_dns_name(target.address) or is_ip_address(target.address)):
        yield Fault(f"{where}/address", "must be a host name or an IP address")


def files(_state: State, _references: References, _machine: Machine) -> Iterator[File]:
    """Nothing is generated: who makes backups reads the state in force."""
    yield from ()


def probes(_state: State, _references: References) -> Iterator[Probe]:
    """Nothing to ask of Asterisk."""
    yield from ()
