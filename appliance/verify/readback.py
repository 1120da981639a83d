"""Read-back: ask a running Asterisk what it has, and compare with what was meant.

Reloads print success whatever is in the file (facts: a broken file keeps the old state,
a cut file drops objects), so nothing counts as applied before it was read back.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from appliance.asterisk.console import Console
from appliance.system.actions import ActionFailed, Actions
from appliance.verify.probes import Probe


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One answer that is not what it should be; `where` is the portal object to blame."""

    where: str
    command: str
    missing: str

    def __str__(self) -> str:
        return f"{self.where}: “{self.command}” does not show {self.missing}"


ASKED_AT_MOST = 3
"""How often an answer that lacks something is asked for. Of long ones Asterisk throws a line away
for each tenth of a second that its reader is kept from reading (`ast_cli` in main/cli.c; measured
with 22.10.1 from 190 lines on), as a busy machine may keep us."""


def compare(console: Console, probes: Sequence[Probe]) -> tuple[Mismatch, ...]:
    """Ask every probe; the answers that differ from what they must hold."""
    wrong: dict[Probe, str] = {}
    for _attempt in range(ASKED_AT_MOST):
        answers = _answers(console, tuple(wrong) or probes)
        wrong = {probe: said for probe, answer in answers if (said := probe.mismatch(answer))}
        if not wrong:
            break
    return tuple(Mismatch(probe.where, probe.command, said) for probe, said in wrong.items())


def lingering(console: Console, probes: Sequence[Probe]) -> tuple[Mismatch, ...]:
    """Ask for objects that were removed; those that still answer."""
    return tuple(
        Mismatch(probe.where, probe.command, "that it is gone")
        for probe, answer in _answers(console, probes)
        if probe.still_there(answer)
    )


def of_console(probes: Sequence[Probe]) -> list[Probe]:
    """The probes that Asterisk answers."""
    return [probe for probe in probes if not probe.target]


ASK_AGAIN_S = 0.1


def of_machine(
    actions: Actions, there: Sequence[Probe], gone: Sequence[Probe] = ()
) -> Iterator[Mismatch]:
    """Ask the machine itself; yield what is not as it was meant, or has not gone.

    What the engine does not manage here is not asked about.
    """
    begun = time.monotonic()
    for probe in there:
        if actions.answers(probe.target) and (missing := _missing(actions, probe, begun)):
            yield Mismatch(probe.where, probe.command, missing)
    for probe in gone:
        if actions.answers(probe.target) and probe.still_there(_told(actions, probe)):
            yield Mismatch(probe.where, probe.command, "that it is gone")


def _missing(actions: Actions, probe: Probe, begun: float) -> str:
    """What stays missing; every answer has its time from when the first was asked for."""
    deadline = begun + probe.within_s
    while missing := probe.mismatch(_told(actions, probe)):
        if time.monotonic() >= deadline:
            return missing
        time.sleep(ASK_AGAIN_S)
    return ""


def _told(actions: Actions, probe: Probe) -> str:
    """The machine's answer; what it says instead of one holds nothing that was meant."""
    try:
        return actions.ask(probe.command)
    except ActionFailed as error:
        return str(error)


def _answers(console: Console, probes: Sequence[Probe]) -> Iterator[tuple[Probe, str]]:
    if not probes:
        return iter(())
    return zip(probes, console.ask_all(probe.command for probe in probes), strict=True)


Question = tuple[str, str, tuple[str, ...]]


def question_of(probe: Probe) -> Question:
    """What tells one probe from another: object, command and the wanted answer."""
    return probe.where, probe.command, probe.holds


@dataclass(frozen=True, slots=True)
class Delta:
    """What must be asked after one state has followed another: `there` are the questions
    that are new or have a new answer, `gone` those whose object must not answer any more."""

    there: tuple[Probe, ...]
    gone: tuple[Probe, ...]

    @classmethod
    def between(cls, before: Mapping[Question, Probe], after: Mapping[Question, Probe]) -> Delta:
        """The difference between the probes of two states."""
        kept = {command for _where, command, _holds in after}
        return cls(
            tuple(probe for question, probe in after.items() if question not in before),
            tuple(p for p in before.values() if p.absent and p.command not in kept),
        )


def sample(probes: Sequence[Probe], at_most: int) -> Sequence[Probe]:
    """At most so many probes, evenly spread over all of them."""
    if len(probes) <= at_most:
        return probes
    step = len(probes) / at_most
    return [probes[int(index * step)] for index in range(at_most)]
