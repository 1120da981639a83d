"""What a rule and a finding are, and what every rule may look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from appliance.policy import gather
from appliance.policy.inbound import Inbound
from appliance.policy.model import Policy
from appliance.services import registry
from appliance.state.faults import Fault
from appliance.state.references import Destination, Reference, References
from appliance.state.system_state import SystemState

Severity = Literal["error", "warning", "advice"]
"""error: calls will fail or a right is missing; warning: probably not meant; advice:
worth knowing."""


@dataclass(frozen=True, slots=True)
class Facts:
    """A sound state, and what follows from it."""

    state: SystemState
    references: References
    policy: Policy
    inbound: Inbound

    @classmethod
    def of(cls, state: SystemState) -> Facts:
        """Gather the facts; StateError when the state has faults."""
        return cls.of_sound(state, registry.sound_references(state))

    @classmethod
    def of_sound(cls, state: SystemState, known: References) -> Facts:
        """Gather the facts of a state that is known to have no faults."""
        return cls(state, known, gather.policy(known), gather.inbound(known))

    def __getitem__(self, service: str) -> Any:
        return self.state[service]

    def extensions(self) -> Iterator[Reference]:
        return self.references.all("extension")


@dataclass(frozen=True, slots=True)
class Spot:
    """One place where a rule applies: `text` is an English %-template over `values`."""

    where: str
    text: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule. `advice` says what to do, in one sentence, for every spot of it.

    `blocks` are the few whose findings stop a state from being applied.
    """

    id: str
    severity: Severity
    advice: str
    find: Callable[[Facts], Iterator[Spot]]
    blocks: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found at one place."""

    rule: str
    severity: Severity
    where: str
    text: str
    advice: str
    values: Mapping[str, Any] = field(default_factory=dict)
    blocks: bool = False

    @property
    def message(self) -> str:
        """The English sentence."""
        return self.fault.message

    @property
    def fault(self) -> Fault:
        """The same as a fault, for whoever shows both alike."""
        return Fault(self.where, self.text, self.values)


def destinations(facts: Facts) -> Iterator[tuple[str, str, Destination]]:
    """Yield (place, sending object's key, destination) wherever calls are sent on."""
    for each in facts["extensions"].extensions:
        for name in ("on_busy", "on_no_answer", "on_unreachable"):
            target: Destination | None = getattr(each, name)
            if target is not None:
                yield f"extensions/{each.id}/{name}", f"extension:{each.id}", target
    for group in facts["ring_groups"].groups:
        if group.fallback is not None:
            place = f"ring_groups/{group.id}/fallback"
            yield place, f"ring_group:{group.id}", group.fallback
    for rule in facts.inbound.rules:
        yield f"inbound_routes/{rule.id}/destination", f"inbound_route:{rule.id}", rule.destination
    for home in facts.inbound.ranges:
        if home.otherwise is not None:
            yield f"dids/{home.id}/otherwise", f"did_range:{home.id}", home.otherwise
