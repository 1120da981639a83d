"""Runs the Ansible roles in a root folder, cut off from the machine that builds.

Private namespaces, because modules that change the host name, the kernel's parameters or
a service would otherwise do it to the builder; no network, because all that roles need
is in the root already.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from appliance import product
from tools.image.settings import CHECKOUT, Settings
from tools.image.toolbox import BuildError
from tools.image.wheels import TEMPLATES

_NAMESPACES = ("--mount", "--propagation", "private", "--pid", "--net", "--uts", "--ipc")


def apply(settings: Settings, root: Path, wheels: Path) -> int:
    """Run every role; returns how many tasks changed something. BuildError with their words."""
    log = settings.build / "roles.log"
    playbook = Path(sys.executable).with_name("ansible-playbook")
    command = [str(playbook), "-i", f"{root},", "-c", "chroot"]
    given = (f"engine_wheels={wheels}", f"router_wheels={wheels}")
    given += (f"engine_templates={wheels.with_name(TEMPLATES)}",)
    given += (f"router_version={product.VERSION}",)
    command += [word for each in given for word in ("-e", each)]
    command += [str(CHECKOUT / settings.edition.playbook)]
    steps = [
        f"mount -t proc proc {shlex.quote(str(root))}/proc",
        f"mount --rbind /dev {shlex.quote(str(root))}/dev",
        f"mount -t tmpfs tmpfs {shlex.quote(str(root))}/run",
        f"mount -t tmpfs tmpfs {shlex.quote(str(root))}/tmp",
        "hostname localhost",
        f"exec {shlex.join(command)}",
    ]
    secluded = ["unshare", *_NAMESPACES, "--fork", "--kill-child", "sh", "-ec", "\n".join(steps)]
    environment = {**os.environ, **_quiet(settings)}
    with log.open("w") as output:
        finished = subprocess.run(
            secluded, cwd=CHECKOUT, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    said = log.read_text()
    counted = re.search(r"\bok=\d+ +changed=(\d+).*\bfailed=0\b", said)
    if finished.returncode or counted is None:
        raise BuildError(f"the roles failed ({log}):\n" + "\n".join(said.splitlines()[-30:]))
    return int(counted[1])


def _quiet(settings: Settings) -> dict[str, str]:
    return {
        "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"),
        "ANSIBLE_HOME": str(settings.build / "ansible"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_DISPLAY_SKIPPED_HOSTS": "0",
        "ANSIBLE_PIPELINING": "1",
        "LC_ALL": "C.UTF-8",
        "SOURCE_DATE_EPOCH": str(settings.epoch),
    }
