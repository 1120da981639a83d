"""The whole desired state: one State object per service, and its schema version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from appliance.state import migrations
from appliance.state.codec import SecretWriter, decode, encode, reveal
from appliance.state.faults import Fault, StateError
from appliance.state.migrations import SCHEMA_VERSION

__all__ = ["SCHEMA_VERSION", "SystemState", "decode_system", "encode_system"]


@dataclass(frozen=True, slots=True)
class SystemState:
    """Everything the owner wants of the machine, keyed by service name."""

    services: Mapping[str, Any]

    def __post_init__(self) -> None:
        object.__setattr__(self, "services", MappingProxyType(dict(self.services)))

    def __getitem__(self, service: str) -> Any:
        return self.services[service]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SystemState) and dict(self.services) == dict(other.services)

    def replaced(self, **states: Any) -> SystemState:
        """A copy in which the named services have other states."""
        return SystemState({**self.services, **states})


def encode_system(state: SystemState, secrets: SecretWriter = reveal) -> dict[str, Any]:
    """Plain data of a whole state, ready for `canonical_json`."""
    services = {name: encode(part, secrets, name) for name, part in state.services.items()}
    return {"schema_version": SCHEMA_VERSION, "services": services}


def decode_system(
    data: Any, kinds: Mapping[str, type], base: SystemState | None = None
) -> SystemState:
    """The state that `data` describes; `kinds` maps service names to State classes.

    Data of an older schema version is brought up to date first. A service that is
    missing in `data` is as in `base`; without one it gets its State without arguments,
    which always means "nothing configured". Raises StateError with every fault found.
    """
    named = migrations.current(data)
    found = _decode_services(named, kinds)
    if base is None:
        return found
    return found.replaced(**{name: base[name] for name in kinds if name not in named})


def _decode_services(data: Mapping[str, Any], kinds: Mapping[str, type]) -> SystemState:
    faults = [Fault(str(name)[:80], "is not a known service") for name in data if name not in kinds]
    services: dict[str, Any] = {}
    for name, kind in kinds.items():
        try:
            services[name] = decode(kind, data[name], name) if name in data else kind()
        except StateError as error:
            faults.extend(error.faults)
    if faults:
        raise StateError(faults)
    return SystemState(services)
