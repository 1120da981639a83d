"""Lint: what is allowed but probably not meant, found before it is applied.

A state with faults cannot be rendered; a state without faults can still leave a number
unanswered or an office without a way to call for help. Each rule looks at the whole state
and says what it found and what to do about it.

    for finding in lint(state):
        finding.severity, finding.where, finding.message, finding.advice
"""

from appliance.lint.rule import Finding, Rule, Severity
from appliance.lint.rules import RULES, blocking, lint

__all__ = ["RULES", "Finding", "Rule", "Severity", "blocking", "lint"]
