"""Finds out, and at first start makes, what is particular to this machine."""

from __future__ import annotations

import grp
import os
import socket
from pathlib import Path

from appliance.apply import atomic
from appliance.asterisk.runtime import Runtime
from appliance.state.fields import Secret
from appliance.state.machine import Layout, Machine
from appliance.state.tokens import new_secret
from appliance.system import certificates

SECRETS = ("ami-live", "ari-apps")
"""Purposes for which each machine makes a secret of its own."""

LOCAL_GROUPS = ("centralino",)
"""Groups of this machine itself; `asterisk` is looked up where Asterisk lives."""


def runtime_of(root: Path | None) -> Runtime:
    """The Asterisk of a Debian root, or the machine's own."""
    return Runtime(root.resolve() if root else None)


def load_machine(prefix: Path, runtime: Runtime) -> Machine:
    """The facts of this machine; makes folders, secrets and certificate where missing."""
    layout = Layout(prefix.resolve())
    account = runtime.account("asterisk")
    _make_folders(layout, account)
    groups = {"asterisk": account[1], **_local_groups()}
    name = socket.gethostname()
    certificates.ensure(layout.certificates, name, groups["asterisk"])
    return Machine(
        layout=layout,
        host_name=name,
        groups=groups,
        secrets={purpose: _secret(layout.state / "secrets", purpose) for purpose in SECRETS},
        asterisk_modules=runtime.modules(),
    )


def _local_groups() -> dict[str, int]:
    found = {}
    for name in LOCAL_GROUPS:
        try:
            found[name] = grp.getgrnam(name).gr_gid
        except KeyError:
            continue
    return found


def _make_folders(layout: Layout, asterisk: tuple[int, int]) -> None:
    for folder in (layout.state, layout.run):
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    (layout.state / "secrets").mkdir(mode=0o700, exist_ok=True)
    for folder in (
        layout.asterisk_lib,
        layout.asterisk_spool,
        layout.asterisk_log,
        layout.asterisk_run,
    ):
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        os.chown(folder, *asterisk)
    _link_asterisk_etc(layout)


def _link_asterisk_etc(layout: Layout) -> None:
    """Make /etc/asterisk lead into the revision in force."""
    target = os.path.relpath(layout.current / "root/etc/asterisk", layout.asterisk_etc.parent)
    layout.asterisk_etc.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    if not layout.asterisk_etc.is_symlink():
        atomic.replace_link(layout.asterisk_etc, target)


def _secret(folder: Path, purpose: str) -> Secret:
    path = folder / purpose
    if not path.exists():
        atomic.write_file(path, new_secret(32).reveal().encode(), 0o600)
    return Secret(path.read_text())
