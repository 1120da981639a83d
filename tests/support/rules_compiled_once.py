"""Rules of addresses whose builders are compiled once in a process, not once for each portal.

Werkzeug compiles two small functions for each rule; three quarters of the time that it takes
to make a portal are that. Tests make a portal each, with the same rules.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from werkzeug.routing import Rule

_BUILDERS: dict[Any, Callable[..., tuple[str, str]]] = {}


class RuleCompiledOnce(Rule):
    """A rule that shares its builder with all equal ones: it gets the rule as an argument."""

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        key = (self.rule, tuple(self._trace), repr(self.defaults), append_unknown)
        if key not in _BUILDERS:
            _BUILDERS[key] = super()._compile_builder(append_unknown)
        return _BUILDERS[key]
