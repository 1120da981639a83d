"""What a system says of itself: its version, and the forms of data that it knows."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from appliance import product
from appliance.state.codec import decode, encode
from appliance.state.fields import Between, Pattern, Printable

FILE = Path("/usr/share/centralino/release.json")
KEYS = Path("/usr/share/centralino/update-keys")
"""Public keys, one PEM file each; a bundle signed by any of them is believed."""

DEVELOPER = "developer.pem"
"""The name of a key that a build made for itself because it was given none."""

Version = Annotated[str, Pattern(r"[0-9]{1,6}(\.[0-9]{1,6}){1,3}", "a version such as 1.4.2")]
Edition = Literal["appliance", "router"]
"""What a system is for. Both are signed by the same key, and neither may become the other."""

SchemaVersion = Annotated[int, Between(0, 10**6)]


@dataclass(frozen=True, slots=True)
class Schemas:
    """The newest form of data that a system writes: of states, and of the portal's database."""

    state: SchemaVersion = 0
    portal: SchemaVersion = 0


@dataclass(frozen=True, slots=True)
class Release:
    """One built system. `built` is the date of its sources (ISO 8601), for people."""

    version: Version
    built: Annotated[str, Printable(40)]
    schemas: Schemas
    edition: Edition = "appliance"


def of_this_system(file: Path = FILE) -> Release:
    """The system that runs; a checkout has no such file and knows its version alone."""
    return read(file) or Release(product.VERSION, "-", Schemas())


def read(file: Path) -> Release | None:
    """The release that a file names; None when there is none or it is damaged."""
    try:
        return _decoded(json.loads(file.read_bytes()))
    except (OSError, ValueError):
        return None


def _decoded(data: Any) -> Release:
    release: Release = decode(Release, data, "release")
    return release


def as_bytes(release: Release) -> bytes:
    """The text of such a file."""
    return json.dumps(encode(release), indent=1, sort_keys=True).encode() + b"\n"


def ordered(version: str) -> tuple[int, ...]:
    """A version as numbers that compare; 1.2 and 1.2.0 are the same."""
    numbers = [int(number) for number in re.findall(r"[0-9]+", version)]
    return tuple([*numbers, 0, 0, 0, 0][:4])


def trusted_keys(folder: Path = KEYS) -> tuple[Path, ...]:
    """The keys that this system believes."""
    return tuple(sorted(folder.glob("*.pem")))


def by_a_developer(folder: Path = KEYS) -> bool:
    """Whether one of these keys lies on a builder's disk without anybody's care."""
    return (folder / DEVELOPER).exists()
