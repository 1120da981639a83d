"""A connection of Ansible to a folder: each command runs by chroot(8) in a root file system.

ansible-core has none of its own. The inventory's host is the folder's path.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from ansible.errors import AnsibleError
from ansible.plugins.connection import ConnectionBase

DOCUMENTATION = """
name: chroot
short_description: Run in a root folder
description: Runs every command by chroot in the folder that the host's name gives.
author: Centralino
options:
  remote_addr:
    description: The root folder.
    default: inventory_hostname
    vars:
      - name: inventory_hostname
      - name: ansible_host
"""


class Connection(ConnectionBase):
    """Commands by chroot, files by copying."""

    transport = "chroot"
    has_pipelining = True

    def _connect(self) -> Connection:
        self._root = Path(self._play_context.remote_addr)
        if not (self._root / "bin/sh").exists():
            raise AnsibleError(f"{self._root} is no root file system")
        self._connected = True
        return self

    def exec_command(
        self, cmd: str, in_data: bytes | None = None, sudoable: bool = False
    ) -> tuple[int, bytes, bytes]:
        """Run one command line in the root."""
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        command = ["chroot", str(self._root), "/bin/sh", "-c", cmd]
        finished = subprocess.run(command, input=in_data, capture_output=True)
        return finished.returncode, finished.stdout, finished.stderr

    def put_file(self, in_path: str, out_path: str) -> None:
        """Copy a file into the root."""
        super().put_file(in_path, out_path)
        shutil.copyfile(in_path, self._inside(out_path))

    def fetch_file(self, in_path: str, out_path: str) -> None:
        """Copy a file out of the root."""
        super().fetch_file(in_path, out_path)
        shutil.copyfile(self._inside(in_path), out_path)

    def _inside(self, path: str) -> Path:
        return self._root / path.lstrip("/")

    def close(self) -> None:
        """Nothing stays open."""
        self._connected = False
