"""Where the parts of a finished build are, and small disks that seed a machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.virtual_machine import Hardware
from tools.image import toolbox
from tools.image.settings import Settings


@dataclass(frozen=True, slots=True)
class Built:
    """The outputs of one build."""

    settings: Settings

    def output(self, kind: str) -> Path:
        """A file of `dist`: qcow2, raw.zst, vmdk, ova, iso, cdx.json, packages.tsv."""
        return self.settings.dist / f"{self.settings.name}.{kind}"

    @property
    def root(self) -> Path:
        return self.settings.root

    def disc(self, folder: Path, label: str, files: Mapping[str, str]) -> Path:
        """A CD with a few text files, as a host gives one to its machines."""
        tree = self.settings.build / f"disc-{folder.name}-{label.lower().replace(' ', '-')}"
        tree.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (tree / name).write_text(text)
        made = tree.with_suffix(".iso")
        command = ["xorriso", "-as", "mkisofs", "-quiet", "-V", label, "-J", "-r", "-o", made, tree]
        toolbox.run(self.settings, command)
        return made

    def seed(self, folder: Path, **answers: Any) -> Path:
        """A NoCloud disk with these answers."""
        files = {"meta-data": "instance-id: test\n", "user-data": json.dumps(answers)}
        return self.disc(folder, "CIDATA", files)


def bios(**changes: Any) -> Hardware:
    """A machine of KVM that starts by a BIOS."""
    return Hardware(**changes)


def vmware_bios(**changes: Any) -> Hardware:
    """VMware's paravirtual devices and a BIOS."""
    return Hardware(**{"disk_bus": "pvscsi", "network": "vmxnet3", **changes})


def vmware_uefi(**changes: Any) -> Hardware:
    """VMware's devices and UEFI: the one build of OVMF that can read their disk adapter."""
    return vmware_bios(firmware=firmware("ovmf/OVMF.legacy.fd"), **changes)


def uefi(**changes: Any) -> Hardware:
    """A machine of KVM that starts by UEFI."""
    code, variables = firmware("OVMF/OVMF_CODE_4M.fd"), firmware("OVMF/OVMF_VARS_4M.fd")
    return Hardware(firmware=code, variables=variables, **changes)


def secure_boot(**changes: Any) -> Hardware:
    """UEFI that starts nothing that is not signed by Microsoft or Debian."""
    code, variables = firmware("OVMF/OVMF_CODE_4M.ms.fd"), firmware("OVMF/OVMF_VARS_4M.ms.fd")
    return Hardware(firmware=code, variables=variables, secure_boot=True, **changes)


def firmware(name: str) -> Path:
    """A firmware of the builder's tools."""
    return (toolbox.folder() / "usr/share" / name).resolve(strict=True)


def run_builder(folder: Path, *targets: str) -> str:
    """Build these outputs into `folder`; what the builder said."""
    environment = {
        **os.environ,
        "CENTRALINO_BUILD": str(folder / "build"),
        "CENTRALINO_DIST": str(folder / "dist"),
    }
    command = [sys.executable, "-m", "tools.image", *targets]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=1500)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
