"""Tells the portal how the branch is, and brings back what it wants: orders, a newer profile.

A process beside the agent: HTTPS takes memory and time that the agent does not spend. They
meet in two files of the run folder: `status.json` of the agent, `order.json` from here.

    python -m failover_router.reporter /etc/failover-router/profile.json --run /run/router
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import signal
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from failover_router import enrol, report, router_profile
from failover_router.decoding import DecodingError, decode, encode
from failover_router.door import Door, DoorError, Keyed
from failover_router.drill import Order
from failover_router.echo import write_json
from failover_router.report import Answer, Cause, DrillReport, LineReport, Report, Switch
from failover_router.router_profile import RouterProfile

log = logging.getLogger("reporter")

VERSION = "0.1.0"
STEADY_S, LONGEST_S = 2, 300

CAUSES: Mapping[str, Cause] = {
    "start": "start",
    "silent": "lost",
    "lossy": "loss",
    "late": "late",
    "down": "link",
    "spent": "cap",
    "returned": "returned",
    "better": "loss",
}
"""The agent's word for a cause -> the report's."""


class Reports:
    """Makes reports from the agent's status; rates need the report before."""

    def __init__(self, digest: str) -> None:
        self._digest = digest
        self._before: dict[str, Any] = {}
        self._sequence = 0

    def make(self, status: dict[str, Any]) -> Report:
        """The report of this status, DecodingError for a status that is none."""
        self._sequence += 1
        made = Report(
            schema=1,
            boot=status["boot"],
            sequence=self._sequence,
            uptime_s=status["up_s"],
            version=VERSION,
            profile=self._digest,
            active=status["voice"],
            tunnels=tuple(t["line"] for t in status["tunnels"] if t["up"] and t["line"]),
            lines=tuple(self._line(line, status) for line in status["lines"]),
            switches=tuple(
                _switch(move, status["at"])
                for move in status["moves"][-report.MOST_SWITCHES :]
                if move["role"] == "voice"
            ),
            drill=DrillReport(**status["drill"]) if status["drill"] else None,
        )
        self._before = status
        return decode(Report, encode(made))

    def _line(self, line: dict[str, Any], status: dict[str, Any]) -> LineReport:
        earlier = {each["name"]: each for each in self._before.get("lines", ())}
        before = earlier.get(line["name"], line)
        seconds = max(0.5, float(status["at"]) - float(self._before.get("at", status["at"])))

        def kbits(counter: str) -> int:
            passed = max(0, int(line[counter]) - int(before[counter]))
            return round(passed * 8 / 1000 / seconds)

        return LineReport(
            name=line["name"],
            up=line["state"] != "down",
            good=line["state"] in ("good", "healing"),
            loss_permille=round(line["loss_percent"] * 10),
            rtt_us=round(line["rtt_ms"] * 1000),
            jitter_us=round(line["jitter_ms"] * 1000),
            up_kbits=kbits("sent_bytes"),
            down_kbits=kbits("received_bytes"),
            month_mb=line["month_bytes"] // 1_000_000,
            address=line["address"],
        )


def _switch(move: dict[str, Any], now: float) -> Switch:
    return Switch(
        number=move["number"],
        ago_ms=max(0, round((now - move["at"]) * 1000)),
        before=move["from"],
        after=move["to"],
        cause=CAUSES[move["cause"]],
        gap_ms=move["gap_ms"],
    )


def order_of(answer: Answer) -> Order:
    """What the agent must know of an answer: emergencies also end a drill under way."""
    command = answer.command
    if command is None:
        return Order("none", "", "", 0, answer.emergency)
    return Order(command.kind, command.id, command.line, command.seconds, answer.emergency)


class Reporter:
    """The process: one report after the other, until it is told to end."""

    def __init__(self, path: Path, run: Path) -> None:
        self._path, self._run = path, run
        self._profile = router_profile.read(path.read_bytes())
        door = Door.of_profile(self._profile.portal, self._profile.vpn.authority)
        identity = self._profile.identity
        self._keyed = Keyed(door, identity.name, identity.generation, self._profile.portal_key)
        self._reports = Reports(router_profile.digest(self._profile))
        self.over = threading.Event()

    def run(self) -> None:
        pause: float = STEADY_S
        while not self.over.wait(pause):
            try:
                pause = self._once()
            except (DoorError, OSError, ValueError, KeyError) as error:
                # The door may be shut for hours; what happened meanwhile is in the next report.
                log.warning("no report: %s", error)
                pause = report.EVERY_S

    def _once(self) -> float:
        """Send one report and follow the answer; returns the seconds until the next."""
        status = json.loads((self._run / "status.json").read_text())
        said = self._keyed.ask("report", encode(self._reports.make(status)))
        answer = decode(Answer, said)
        write_json(self._run / "order.json", dataclasses.asdict(order_of(answer)))
        if answer.profile and answer.profile != router_profile.digest(self._profile):
            self._renew()
        return float(min(LONGEST_S, max(STEADY_S, answer.every_s)))

    def _renew(self) -> None:
        """Fetch the newer profile; the agent sees the file and starts anew with it."""
        newer: RouterProfile = enrol.newer(self._keyed, self._profile)
        enrol.save(self._path, newer)
        self._profile = newer
        self._reports = Reports(router_profile.digest(newer))
        log.warning("a newer profile is followed")


def main() -> None:
    """Entry point of `python -m failover_router.reporter`."""
    parser = argparse.ArgumentParser(description="Reports of a branch router")
    parser.add_argument("profile", type=Path)
    parser.add_argument("--run", type=Path, required=True)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(name)s %(levelname)s %(message)s")
    try:
        reporter = Reporter(options.profile, options.run)
    except (OSError, router_profile.ProfileError, DecodingError) as error:
        parser.exit(1, f"reporter: {error}\n")
    signal.signal(signal.SIGTERM, lambda *_: reporter.over.set())
    reporter.run()


if __name__ == "__main__":
    main()
