"""All rules together, and running them."""

from __future__ import annotations

from collections.abc import Iterator

from appliance.lint import branches, edge, network, outside, people
from appliance.lint.rule import Facts, Finding, Rule, Severity
from appliance.services import registry
from appliance.state.references import References
from appliance.state.system_state import SystemState

RULES: tuple[Rule, ...] = (
    *outside.RULES,
    *people.RULES,
    *branches.RULES,
    *network.RULES,
    *edge.RULES,
)

_ORDER: dict[Severity, int] = {"error": 0, "warning": 1, "advice": 2}


def lint(state: SystemState) -> tuple[Finding, ...]:
    """Everything that the rules find, errors first. StateError when the state has faults."""
    facts = Facts.of(state)
    found = (finding for rule in RULES for finding in _findings(rule, facts))
    return tuple(sorted(found, key=lambda finding: _ORDER[finding.severity]))


def blocking(state: SystemState, known: References | None = None) -> tuple[Finding, ...]:
    """The findings that stop a state without faults from being applied."""
    facts = Facts.of_sound(state, known or registry.references(state))
    return tuple(f for rule in RULES if rule.blocks for f in _findings(rule, facts))


def _findings(rule: Rule, facts: Facts) -> Iterator[Finding]:
    for spot in rule.find(facts):
        yield Finding(
            rule.id, rule.severity, spot.where, spot.text, rule.advice, spot.values, rule.blocks
        )
