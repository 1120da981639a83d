"""How long one changed extension takes until it is in force, at several sizes.

    .venv/bin/python -m bench.apply [extensions …]

The change is a new password of one telephone, which is what asks most of Asterisk. Beside
it stands the same change as somebody would make it by hand: the file replaced and `module
reload res_pjsip.so` on the console, nothing proved, nothing read back. Both in the same
run and in turns; the best of the rounds counts, since other work can only make one worse.

G1  in force (switch, reload, read-back) over the bare reload       at most 1.2
G2  an apply in which nothing changed over the bare reload          at most 0.15
G3  longest answer to OPTIONS during an apply, 1,000 extensions     at most 150 ms
G4  dialplan reload, largest size over smallest                     at most 2

What the owner waits for besides, the proof in the shadow, is printed on its own.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from appliance.services import registry
from appliance.state.codec import canonical_json
from appliance.state.system_state import SystemState, encode_system
from tests.support.companies import company, secret_of, with_new_password
from tests.support.pbx import Pbx, running_pbx
from tests.support.sip_agent import SipAgent

SIZES = (100, 1_000, 10_000)
ROUNDS = 3
IN_FORCE = ("switching", "reloading", "verifying")


def timed(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


class Measured:
    """One size: the company, and the same with another password of one telephone."""

    def __init__(self, pbx: Pbx, count: int) -> None:
        self.pbx, self.count = pbx, count
        self.number = str(10 ** max(2, len(str(count))))
        plain = company(count)
        self.states = (plain, with_new_password(plain, self.number))
        self.revisions = [pbx.apply(state) for state in self.states]

    def bare_reload(self) -> float:
        """The other revision's files by hand, and the reload that everybody knows."""
        store = self.pbx.engine.store
        current = store.current()
        other = next(number for number in self.revisions if number != current)
        store.put_in_force(other)
        seconds = timed(lambda: self.pbx.console.ask("module reload res_pjsip.so"))
        store.put_in_force(current)
        self.pbx.console.ask("module reload res_pjsip.so")
        return seconds

    def apply(self) -> dict[str, float]:
        """Apply the state that is not in force; step -> seconds, and `all` of them."""
        new = next(state for state in self.states if state != self.pbx.state)
        number = 0

        def work() -> None:
            nonlocal number
            number = self.pbx.apply(new)

        whole = timed(work)
        self.revisions = [*self.revisions, number][-2:]
        steps = self.pbx.engine.store.report(number)["seconds"]
        return {**steps, "all": whole}

    def unchanged(self) -> float:
        return timed(lambda: self.pbx.apply(self.pbx.state))

    def dialplan(self) -> float:
        """A dialplan reload that Asterisk does not skip: the file has another time."""
        os.utime(self.pbx.machine.layout.asterisk_etc / "extensions.conf")
        return timed(lambda: self.pbx.console.ask("dialplan reload"))

    def rendering(self) -> tuple[float, float]:
        """(all files from the state, the state written once as JSON) in seconds."""
        state: SystemState = self.states[0]
        files = timed(lambda: registry.files(state, self.pbx.machine))
        return files, timed(lambda: canonical_json(encode_system(state)))


@contextmanager
def asking(pbx: Pbx) -> Iterator[list[float]]:
    """Ask OPTIONS all the time; how long each answer took."""
    inside = pbx.network.entered()
    agent = SipAgent(("10.99.3.1", 5066), (pbx.address, 5060), "nobody", inside=inside)
    times: list[float] = []
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            times.append(timed(lambda: agent.request("OPTIONS", f"sip:{pbx.address}", within_s=20)))
            over.wait(0.01)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield times
    finally:
        over.set()
        thread.join()
        agent.__exit__()


def registers(pbx: Pbx, number: str, version: int) -> bool:
    """Whether the telephone is let in with this password: what was measured is true."""
    own, password = ("10.99.3.2", 5067), secret_of(number, version).reveal()
    with SipAgent(
        own, (pbx.address, 5060), f"{number}-1", password, inside=pbx.network.entered()
    ) as agent:
        return agent.register().status == 200


def measure(count: int) -> float:
    """Print one size; the seconds of its dialplan reload."""
    with running_pbx() as pbx:
        size = Measured(pbx, count)
        bare = min(size.bare_reload() for _ in range(ROUNDS))
        best = min((size.apply() for _ in range(ROUNDS)), key=lambda steps: steps["all"])
        with asking(pbx) as answers:
            size.apply()
        version = int(size.states[1] == pbx.state)
        assert registers(pbx, size.number, version), "the new password is not in force"
        unchanged = min(size.unchanged() for _ in range(ROUNDS))
        dialplan = min(size.dialplan() for _ in range(ROUNDS))
        rendering, json = size.rendering()
    in_force = sum(best[step] for step in IN_FORCE)
    print(f"\n{count:,} extensions")
    told("bare reload of the same change", bare)
    told("switch, reload, read-back", in_force, f"{in_force / bare:.2f} (G1: 1.2)")
    told(
        "  of these Asterisk's own reload", best["reloading"], f"{best['reloading'] / in_force:.0%}"
    )
    told("proof in the shadow before it", best.get("proving", 0.0))
    told("from click to read-back", best["all"], f"{best['all'] / bare:.2f}")
    told("nothing changed", unchanged, f"{unchanged / bare:.2f} (G2: 0.15)")
    told("longest OPTIONS during an apply", max(answers), "(G3: 150 ms at 1,000)")
    told("dialplan reload", dialplan)
    told("rendering of everything", rendering, f"{rendering / json:.2f} times its JSON")
    return dialplan


def told(what: str, seconds: float, beside: str = "") -> None:
    print(f"  {what:34}{seconds * 1000:10.1f} ms   {beside}".rstrip())


def main() -> None:
    sizes = tuple(map(int, sys.argv[1:])) or SIZES
    dialplans = [measure(count) for count in sizes]
    if len(dialplans) > 1:
        print(
            f"\ndialplan reload, largest over smallest: {dialplans[-1] / dialplans[0]:.2f} (G4: 2)"
        )


if __name__ == "__main__":
    main()
