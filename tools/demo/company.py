"""Reads the sample company and gives it secrets of its own.

The file holds no secret, so that nobody's system can be entered with one that stands in a
public place: every `"@secret"` becomes a new random one when the company is loaded.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from appliance.services import registry
from appliance.state.system_state import SCHEMA_VERSION, SystemState
from appliance.state.tokens import new_secret
from tools.rows import TOP

FILE = TOP / "examples/val-d-enza/state.json"
NEW = "@secret"


def company(file: Path = FILE) -> SystemState:
    """A company from a file of services, the sample one by default; StateError if it does
    not fit. A file with a whole state (`schema_version`, `services`) does as well."""
    data = _with_secrets(json.loads(file.read_text()))
    whole = data if "services" in data else {"schema_version": SCHEMA_VERSION, "services": data}
    return registry.decode(whole)


def _with_secrets(value: Any) -> Any:
    if value == NEW:
        return new_secret(24).reveal()
    if isinstance(value, dict):
        return {name: _with_secrets(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_with_secrets(item) for item in value]
    return value
