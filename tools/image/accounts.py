"""Accounts with fixed numbers: files on the data partition outlive the system that made them.

A package chooses a free number when it is installed, so a new image with one package
more could give an owner's recordings to somebody else.
"""

from __future__ import annotations

from tools.image.settings import RECIPE

LIST = RECIPE / "accounts.txt"


def files() -> dict[str, str]:
    """File of /etc -> the lines to add to it."""
    passwd, group, shadow, gshadow = [], [], [], []
    for line in LIST.read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        name, number, home = line.split()
        group.append(f"{name}:x:{number}:")
        gshadow.append(f"{name}:!*::")
        if home != "-":
            passwd.append(f"{name}:x:{number}:{number}::{home}:/usr/sbin/nologin")
            shadow.append(f"{name}:!*:0::::::")
    made = {"passwd": passwd, "group": group, "shadow": shadow, "gshadow": gshadow}
    return {file: "".join(f"{line}\n" for line in lines) for file, lines in made.items()}
