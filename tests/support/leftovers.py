"""Names that say which process made a thing, and the clearing away after dead ones.

A test that is killed cannot clean up. What it leaves behind (network namespaces, folders)
carries its process number, so the next run can tell that nobody owns it any more.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

_COUNTER = itertools.count()


def owned_name(kind: str) -> str:
    """A name that no other process uses, e.g. `pbx-1234-0`; at most 15 signs for small kinds."""
    return f"{kind}-{os.getpid()}-{next(_COUNTER)}"


def owned_folder(kind: str) -> Path:
    """A new folder that every account may enter. Short: control sockets end below it."""
    folder = Path(tempfile.gettempdir()) / owned_name(kind)
    folder.mkdir(mode=0o755)
    return folder


def clear_away(kind: str) -> None:
    """Remove namespaces and folders of this kind whose process has ended."""
    for name in os.listdir("/run/netns") if os.path.isdir("/run/netns") else ():
        if _abandoned(kind, name):
            subprocess.run(["ip", "netns", "delete", name], check=False)
    for folder in Path(tempfile.gettempdir()).glob(f"{kind}-*"):
        if _abandoned(kind, folder.name):
            shutil.rmtree(folder, ignore_errors=True)


def _abandoned(kind: str, name: str) -> bool:
    begin, _, rest = name.partition("-")
    owner = rest.partition("-")[0]
    return begin == kind and owner.isdigit() and not os.path.exists(f"/proc/{owner}")
