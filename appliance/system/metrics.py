"""The machine's figures for Prometheus, in a file that its node exporter collects.

The form is Prometheus's text format 0.0.4: one line a figure, names and labels plain.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from appliance import product
from appliance.apply import atomic
from appliance.state.machine import Layout
from appliance.system.alarms import Alarm
from appliance.system.overseer import ProcessFacts


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything that is written in one go."""

    alarms: tuple[Alarm, ...]
    processes: tuple[ProcessFacts, ...]
    calls: int
    mails_waiting: int
    certificates: Mapping[str, int]


def write(layout: Layout, figures: Figures) -> None:
    """Replace the file by these figures; collectors see the old file or the new one."""
    folder = layout.metrics
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    path = folder / f"{product.SLUG}.prom"
    scratch = atomic.scratch_name(path)
    scratch.write_text("".join(lines(figures)))
    scratch.chmod(0o644)
    os.replace(scratch, path)  # lost at a power cut, and made anew within seconds


def lines(figures: Figures) -> Iterator[str]:
    """The file, line by line."""
    alarms = [({"name": a.name, "subject": a.subject, "level": a.kind.level}, 1)
              for a in figures.alarms]  # fmt: skip
    yield from _family("alarm", "An open alarm.", "gauge", alarms)
    ready = [({"process": p.name}, int(p.phase == "ready")) for p in figures.processes]
    yield from _family("process_ready", "Whether a process is ready.", "gauge", ready)
    restarts = [({"process": p.name}, p.restarts) for p in figures.processes]
    yield from _family("process_restarts_total", "Starts after the first.", "counter", restarts)
    memory = [({"process": p.name}, p.memory_bytes) for p in figures.processes]
    yield from _family("process_memory_bytes", "Memory of a process.", "gauge", memory)
    yield from _family("calls", "Calls that are up.", "gauge", [({}, figures.calls)])
    text = "Mails in the relay's queue."
    yield from _family("mails_waiting", text, "gauge", [({}, figures.mails_waiting)])
    expiry = [({"certificate": name}, moment) for name, moment in figures.certificates.items()]
    text = "When a certificate ends, in seconds since 1970."
    yield from _family("certificate_expiry_seconds", text, "gauge", expiry)


def _family(
    name: str, help: str, kind: str, values: Iterable[tuple[Mapping[str, str], int]]
) -> Iterator[str]:
    full = f"{product.SLUG}_{name}"
    yield f"# HELP {full} {help}\n# TYPE {full} {kind}\n"
    for labels, value in values:
        inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        yield f"{full}{{{inside}}} {value}\n" if inside else f"{full} {value}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
