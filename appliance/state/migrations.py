"""Old states made readable: raw data of schema version n -> raw data of version n + 1.

Revisions, exports and backups outlive the program that wrote them. A State class whose old
data no longer fits gets a step here, and `SCHEMA_VERSION` goes up by one. New fields with a
default need none. Steps work on plain data, never on State classes: those change again.

A step takes the services of a state (service name -> data), which it may change, and
returns them:

    def _ring_time_was_named_timeout(services: Services) -> Services:
        for extension in services.get("extensions", {}).get("extensions", []):
            extension["ring_time_s"] = extension.pop("timeout")
        return services
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from appliance.state.faults import Fault, StateError

Services = dict[str, Any]
Step = Callable[[Services], Services]

STEPS: Mapping[int, Step] = MappingProxyType({})
"""Version that a step begins from -> the step."""

SCHEMA_VERSION = 1 + len(STEPS)
"""The version that this program writes."""


def current(data: Any, steps: Mapping[int, Step] = STEPS) -> Services:
    """The services of a state in the newest form; `data` itself stays as it is.

    Raises StateError when `data` is no state, or was written by a newer program.
    """
    if not isinstance(data, dict) or not isinstance(data.get("services"), dict):
        raise StateError([Fault("", "is not a system state")])
    version, newest = data.get("schema_version"), 1 + len(steps)
    if type(version) is not int or version < 1:
        raise StateError([Fault("schema_version", "must be a whole number from 1 on")])
    if version > newest:
        values = {"found": version, "known": newest}
        text = "is %(found)d, of a newer version of this program; this one knows %(known)d"
        raise StateError([Fault("schema_version", text, values)])
    services: Services = data["services"]
    return services if version == newest else _migrated(services, version, newest, steps)


def _migrated(services: Services, begin: int, end: int, steps: Mapping[int, Step]) -> Services:
    services = copy.deepcopy(services)
    for version in range(begin, end):
        try:
            services = steps[version](services)
        except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
            # Data that never was a valid state of that version.
            values = {"version": version, "error": type(error).__name__}
            text = "is not a sound state of version %(version)d (%(error)s)"
            raise StateError([Fault("schema_version", text, values)]) from error
    return services
