"""Finds what lies beside the Python packages: templates, in a checkout or installed."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path


@cache
def templates() -> Path:
    """The folder of templates: $CENTRALINO_TEMPLATES, a checkout's, or the installed one."""
    named = os.environ.get("CENTRALINO_TEMPLATES")
    candidates = [Path(named)] if named else []
    candidates += [
        Path(__file__).resolve().parent.parent / "templates",
        Path("/usr/share/centralino/templates"),
    ]
    for candidate in candidates:
        if (candidate / "asterisk").is_dir():
            return candidate
    raise FileNotFoundError(f"no templates in {', '.join(map(str, candidates))}")
