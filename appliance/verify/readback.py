"""Read-back: ask a running Asterisk what it has, and compare with what was meant.

Reloads print success whatever is in the file (facts: a broken file keeps the old state,
a cut file drops objects), so nothing counts as applied before it was read back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from appliance.asterisk.console import Console
from appliance.verify.probes import Probe, folded


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One answer that is not what it should be; `where` is the portal object to blame."""

    where: str
    command: str
    missing: str
    answer: str

    def __str__(self) -> str:
        return f"{self.where}: “{self.command}” does not show {self.missing}"


def compare(console: Console, probes: Sequence[Probe]) -> tuple[Mismatch, ...]:
    """Ask every probe; the answers that differ from what they must hold."""
    return tuple(
        _mismatch(probe, missing, answer)
        for probe, answer in _answers(console, probes)
        if (missing := probe.mismatch(answer))
    )


def lingering(console: Console, probes: Sequence[Probe]) -> tuple[Mismatch, ...]:
    """Ask for objects that were removed; those that still answer."""
    return tuple(
        _mismatch(probe, "that it is gone", answer)
        for probe, answer in _answers(console, [probe for probe in probes if probe.absent])
        if probe.still_there(answer)
    )


def _answers(console: Console, probes: Sequence[Probe]) -> Iterator[tuple[Probe, str]]:
    if not probes:
        return iter(())
    return zip(probes, console.ask_all(probe.command for probe in probes), strict=True)


def _mismatch(probe: Probe, missing: str, answer: str) -> Mismatch:
    return Mismatch(probe.where, probe.command, missing, folded(answer)[:500])


def new_or_changed(before: Iterable[Probe], after: Iterable[Probe]) -> list[Probe]:
    """The probes of `after` that `before` did not have in the same form."""
    known = set(before)
    return [probe for probe in after if probe not in known]


def removed(before: Iterable[Probe], after: Iterable[Probe]) -> list[Probe]:
    """The probes of `before` whose object `after` no longer has."""
    kept = {probe.command for probe in after}
    return [probe for probe in before if probe.command not in kept]


def sample(probes: Sequence[Probe], at_most: int) -> Sequence[Probe]:
    """At most so many probes, evenly spread over all of them."""
    if len(probes) <= at_most:
        return probes
    step = len(probes) / at_most
    return [probes[int(index * step)] for index in range(at_most)]
