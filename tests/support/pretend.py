"""An engine whose shadow passes everything and whose Asterisk does as it is told.

For what the engine itself decides and writes, in milliseconds and without root. It keeps a
note of what would have been said to Asterisk.

    engine = pretend_engine(tmp_path)
    engine.apply(company(3), engine.store.current(), "test")
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

from appliance import credentials
from appliance.apply.engine import Engine
from appliance.apply.running import ReadBack
from appliance.asterisk.console import ConsoleError
from appliance.state.fields import Secret
from appliance.state.machine import Layout, Machine
from appliance.system.actions import ActionFailed
from appliance.verify.readback import Delta, Mismatch
from appliance.verify.shadow import Proof


@dataclass
class PretendShadow:
    """Passes every candidate, or finds `faults`."""

    faults: tuple[tuple[str, str], ...] = ()
    proved: list[Path] = field(default_factory=list)

    def prove(self, root: Path, probes: object, changed: object) -> Proof:
        assert (root / "etc/asterisk/asterisk.conf").is_file()
        self.proved.append(root)
        return Proof(self.faults, 0.0, 0)


@dataclass
class PretendConsole:
    """An Asterisk that runs, or does not, with `up` calls."""

    alive: bool = True
    up: int = 0

    def running(self) -> bool:
        return self.alive

    def calls(self) -> int:
        return self.up


@dataclass
class PretendRunning:
    """Notes what it was told. `deaf` answers nothing, the machine's daemons
    refuse so many times; `wrong` is what a read-back finds."""

    console: PretendConsole = field(default_factory=PretendConsole)
    told: list[set[str]] = field(default_factory=list)
    acted: list[set[str]] = field(default_factory=list)
    deaf: bool = False
    refuses: int = 0
    wrong: tuple[Mismatch, ...] = ()

    def act(self, names: Collection[str]) -> None:
        if self.refuses:
            self.refuses -= 1
            raise ActionFailed("nft: syntax error")
        self.acted.append(set(names))

    def follow(self, names: Collection[str]) -> None:
        if self.deaf:
            raise ConsoleError("the telephone service does not answer")
        self.told.append(set(names))

    def read_back(self, delta: Delta) -> ReadBack:
        return ReadBack(len(delta.there) + len(delta.gone), self.wrong)


class PretendEngine(Engine):
    """An engine with pretended neighbours; `running` and `shadow` are theirs."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self.shadow = PretendShadow()
        self.running = PretendRunning()
        secrets = {name: Secret(f"machine-secret-{name}") for name in credentials.ALL}
        machine = Machine(Layout(folder), secrets=secrets)
        machine.layout.state.mkdir(parents=True, exist_ok=True)
        machine.layout.run.mkdir(parents=True, exist_ok=True)
        super().__init__(machine, self.shadow, clock=clock)  # type: ignore[arg-type]
        self._running = self.running  # type: ignore[assignment]
        self._switch._running = self.running  # type: ignore[assignment]
        self._stage.checked = lambda _root, _reloads: iter(())
        self._stage._console = self.running.console  # type: ignore[assignment]


def pretend_engine(folder: Path, clock: Callable[[], float] = time.time) -> PretendEngine:
    """An engine that has started on `folder`, as a new machine or as one that ran before."""
    engine = PretendEngine(folder, clock)
    engine.recover()
    engine.initialise()
    return engine
