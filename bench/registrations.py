"""What a registration costs, and how soon everybody is back after a restart.

    .venv/bin/python -m bench.registrations [extensions …]

G5   processor per registration with message lamps, largest over smallest size   at most 1.3
G10  10,000 telephones registered again after a restart                 at most 15 s, no failure

A registration is the whole of it: the first REGISTER, the challenge, the answer.
"""

from __future__ import annotations

import sys
import time

from tests.support.companies import company, numbers, secret_of
from tests.support.fleet import Fleet
from tests.support.pbx import Pbx, running_pbx
from tests.support.processor import asterisk_of, used_s

SIZES = (100, 10_000)
ROUNDS = 3
LEAST = 2_000
"""Registrations in a round, so that ticks of the processor's clock do not matter."""


def fleet_of(pbx: Pbx, count: int) -> Fleet:
    passwords = {f"{number}-1": secret_of(number).reveal() for number in numbers(count)}
    inside = pbx.network.entered()
    return Fleet(("10.99.2.1", 5062), (pbx.address, 5060), passwords, inside=inside)


def processor_ms(pbx: Pbx, fleet: Fleet, count: int) -> float:
    """Milliseconds of Asterisk's processor for one registration."""
    process = asterisk_of(pbx.machine.layout.asterisk_etc / "asterisk.conf")
    times = max(1, LEAST // count)
    before = used_s(process)
    for _ in range(times):
        fleet.register()
    return (used_s(process) - before) * 1000 / (times * count)


def measure(count: int) -> float:
    """Print one size; milliseconds of processor for a registration."""
    with running_pbx() as pbx:
        pbx.apply(company(count))
        with fleet_of(pbx, count) as fleet:
            fleet.register()
            cost = min(processor_ms(pbx, fleet, count) for _ in range(ROUNDS))
            pbx.stop_asterisk()
            begin = time.monotonic()
            pbx.start_asterisk()
            booted = time.monotonic() - begin
            again = fleet.register()
    print(f"\n{count:,} extensions")
    print(f"  processor for a registration        {cost:8.2f} ms")
    print(f"  Asterisk booted after a restart     {booted:8.1f} s")
    print(f"  all registered again after that     {again:8.1f} s   (G10: 15 s at 10,000)")
    return cost


def main() -> None:
    sizes = tuple(map(int, sys.argv[1:])) or SIZES
    costs = [measure(count) for count in sizes]
    if len(costs) > 1:
        print(f"\nprocessor, largest over smallest: {costs[-1] / costs[0]:.2f} (G5: 1.3)")


if __name__ == "__main__":
    main()
