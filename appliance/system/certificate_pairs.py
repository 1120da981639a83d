"""A certificate and its key, which change together by one rename.

A server reads two files, `web.crt` and `web.key`. Both are links into the folder `web.pair`,
itself a link to one of `pairs/`: whenever the machine stops, they belong to each other.

    web.crt -> web.pair/certificate      web.pair -> pairs/web-5f1c…
    web.key -> web.pair/key

`in-force.json` says the same once more in a plain file: a backup holds files and no links,
and a machine that one was restored on finds its way by it (`follow`).
"""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from appliance.apply import atomic

IN_FORCE = "in-force.json"

Source = Literal["own", "uploaded", "acme"]
"""Who made a certificate: our authority, the owner, or an authority asked by ACME."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate (with the chain that servers send) and its key, both in PEM."""

    certificate: bytes
    key: bytes
    source: Source


def install(folder: Path, server: str, pair: Pair, group: int) -> str:
    """Put a pair in force; returns the name of the one before, "" for none. `group` may read
    the key."""
    former = current(folder, server)
    name = atomic.scratch_name(Path(server)).name.strip(".").removesuffix(atomic.UNFINISHED)
    name = name.replace(".", "-")
    made = {
        "certificate": (pair.certificate, 0o644, None),
        "key": (pair.key, 0o640, group),
        "source.json": (json.dumps({"source": pair.source}).encode(), 0o644, None),
    }
    (folder / "pairs").mkdir(mode=0o755, exist_ok=True)
    atomic.write_tree(folder / "pairs" / name, made)
    atomic.sync_folder(folder / "pairs")
    put_in_force(folder, server, name)
    return former


def put_in_force(folder: Path, server: str, name: str) -> None:
    """Lead a server to one of its pairs."""
    atomic.replace_link(folder / f"{server}.pair", f"pairs/{name}")
    for end, file in (("key", "key"), ("crt", "certificate")):
        link = folder / f"{server}.{end}"
        if not link.is_symlink():  # the first time, or files of an older version
            atomic.replace_link(link, f"{server}.pair/{file}")
    said = {**_said(folder), server: name}
    atomic.write_file(folder / IN_FORCE, json.dumps(said).encode(), 0o644)


def follow(folder: Path, server: str) -> None:
    """Lead a server to the pair that the plain file names, if it is there and another one."""
    name = _said(folder).get(server, "")
    if not re.fullmatch(r"[a-z0-9-]{1,60}", name) or name == current(folder, server):
        return
    if all((folder / "pairs" / name / file).is_file() for file in ("certificate", "key")):
        put_in_force(folder, server, name)


def _said(folder: Path) -> dict[str, str]:
    try:
        said = json.loads((folder / IN_FORCE).read_bytes())
        return {str(server): str(name) for server, name in said.items()}
    except (OSError, ValueError, AttributeError):
        return {}


def current(folder: Path, server: str) -> str:
    """The name of the pair in force, "" where there is none."""
    link = folder / f"{server}.pair"
    return Path(os.readlink(link)).name if link.is_symlink() else ""


def source(folder: Path, server: str) -> Source:
    """Who made the certificate in force."""
    try:
        said = json.loads((folder / f"{server}.pair/source.json").read_bytes())["source"]
    except (OSError, ValueError, KeyError, TypeError):
        return "own"
    return said if said in ("uploaded", "acme") else "own"


def tidy(folder: Path) -> None:
    """Delete pairs that no server presents."""
    used = {Path(os.readlink(link)).name for link in folder.glob("*.pair") if link.is_symlink()}
    used |= set(_said(folder).values())
    for path in (folder / "pairs").glob("*"):
        if path.name not in used:
            shutil.rmtree(path, ignore_errors=True)
