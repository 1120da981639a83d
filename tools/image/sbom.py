"""What is in an image: every Debian package and every wheel, as a list and as CycloneDX."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tools.image import outputs, toolbox
from tools.image.settings import Settings


def write(settings: Settings) -> Path:
    """`<name>.cdx.json` and `<name>.packages.tsv` beside the outputs; returns the first."""
    made = settings.dist / f"{settings.name}.cdx.json"
    stem = settings.build / "contents"
    command = ["debsbom", "generate", "--root", settings.root, "-t", "cdx", "--out", stem]
    command += ["--distro-name", settings.name]
    toolbox.run(settings, command)
    found = json.loads(stem.with_suffix(".cdx.json").read_text())
    found["components"] += [_component(file) for file in _wheels(settings)]
    _settle(found)
    made.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
    _write_list(settings.dist / f"{settings.name}.packages.tsv", found["components"])
    return made


def _wheels(settings: Settings) -> list[Path]:
    return sorted((settings.build / "wheels").glob("*.whl"))


def _component(wheel: Path) -> dict[str, Any]:
    """A wheel in CycloneDX's words, its name by the rules of PyPI (PEP 503)."""
    name, version = wheel.name.split("-")[:2]
    plain = re.sub(r"[-_.]+", "-", name).lower()
    return {
        "bom-ref": f"pkg:pypi/{plain}@{version}",
        "hashes": [{"alg": "SHA-256", "content": outputs.sha256(wheel)}],
        "name": plain,
        "purl": f"pkg:pypi/{plain}@{version}",
        "type": "library",
        "version": version,
    }


def _settle(found: dict[str, Any]) -> None:
    """No date and no serial number by chance: the same root has the same list."""
    found.pop("serialNumber", None)
    found.get("metadata", {}).pop("timestamp", None)
    found["components"].sort(key=lambda each: str(each.get("bom-ref")))


def _write_list(file: Path, components: list[dict[str, Any]]) -> None:
    lines = sorted(f"{each['name']}\t{each.get('version', '')}\n" for each in components)
    file.write_text("".join(lines))
