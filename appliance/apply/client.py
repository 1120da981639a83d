"""The engine as other processes see it: one method for each verb of the socket."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from appliance.apply import protocol
from appliance.apply.backup_client import BackupCalls
from appliance.apply.branch_client import BranchCalls
from appliance.apply.machine_client import MachineCalls
from appliance.apply.update_client import UpdateCalls
from appliance.state.faults import Fault
from appliance.state.system_state import SystemState, encode_system


class EngineUnreachable(RuntimeError):
    """The engine does not answer: it is not running, or this user may not connect."""


@dataclass
class EngineError(RuntimeError):
    """The engine refused. `kind` tells the sort, e.g. `faults`, `conflict`, `unconfirmed`;
    `details` hold what helps to go on, e.g. who applied the revision that came between."""

    kind: str
    message: str
    faults: tuple[Fault, ...] = field(default=())
    details: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True, slots=True)
class EngineClient(BackupCalls, BranchCalls, MachineCalls, UpdateCalls):
    """Talks to the engine at `socket_path`; each call is one connection."""

    socket_path: Path
    timeout_s: float = 60.0

    def status(self) -> dict[str, Any]:
        return self._ask("status")

    def history(self) -> list[dict[str, Any]]:
        return self._ask("history")

    def state(self, number: int) -> dict[str, Any]:
        """Plain data of a revision's state, with secrets."""
        return self._ask("state", number=number)

    def masked_state(self, number: int) -> dict[str, Any]:
        return self._ask("masked_state", number=number)

    def drift(self) -> dict[str, str]:
        return self._ask("drift")

    def report(self, number: int) -> dict[str, Any]:
        """How a revision was proved and verified; EngineError when nothing is kept of it."""
        return self._ask("report", number=number)

    def difference(self, older: int, newer: int) -> dict[str, Any]:
        """`changes` and `files` that differ between two kept revisions."""
        return self._ask("difference", older=older, newer=newer)

    def edited(self) -> list[dict[str, Any]]:
        """Files changed by hand, each with what was changed in it."""
        return self._ask("edited")

    def check(self, state: SystemState | str) -> list[Fault]:
        return [Fault(**fault) for fault in self._ask("check", **_named(state))]

    def plan(self, state: SystemState | str, base: int) -> dict[str, Any]:
        """What applying would do.

        The answer's `candidate` may be given in place of the state from here on, which
        saves both sides the work; EngineError of kind `lookuperror` when the engine does
        not remember it any more.
        """
        return self._ask("plan", **_named(state), base=base)

    def prove(self, state: SystemState | str) -> str:
        """Begin a proof; returns the job's id."""
        return self._ask("prove", **_named(state))["id"]

    def apply(
        self,
        state: SystemState | str,
        base: int,
        author: str,
        reason: str = "",
        *,
        confirm_within_s: int = 0,
        overwrite: bool = False,
    ) -> str:
        """Begin to apply; returns the job's id."""
        return self._ask(
            "apply",
            **_named(state),
            base=base,
            author=author,
            reason=reason,
            confirm_within_s=confirm_within_s,
            overwrite=overwrite,
        )["id"]

    def return_to(
        self, number: int, author: str, confirm_within_s: int = 0, *, overwrite: bool = False
    ) -> str:
        """Begin to go back to an older revision's state; returns the job's id."""
        return self._ask(
            "return_to",
            number=number,
            author=author,
            confirm_within_s=confirm_within_s,
            overwrite=overwrite,
        )["id"]

    def trunk_states(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        """`appliance.system.trunk_health.TrunkState` of each trunk, as data."""
        return self._ask("trunk_states", ids=list(ids))

    def ask_trunk(self, id: str) -> dict[str, Any]:
        """The same of one trunk, after its carrier was asked; takes some seconds at most."""
        return self._ask("ask_trunk", id=id)

    def restore(self) -> str:
        """Begin to undo what was changed by hand; returns the job's id."""
        return self._ask("restore")["id"]

    def confirm(self, number: int) -> None:
        self._ask("confirm", number=number)

    def undo(self, why: str = "taken back by hand") -> int:
        return self._ask("undo", why=why)

    def check_sync(self, endpoints: Sequence[str], event: str) -> str:
        """Tell a telephone to fetch its configuration: sent, busy or absent."""
        return self._ask("check_sync", endpoints=list(endpoints), event=event)

    def job(self, id: str) -> dict[str, Any]:
        return self._ask("job", id=id)

    def wait(
        self, id: str, within_s: float, told: Callable[[str], None] = lambda _step: None
    ) -> Any:
        """The result of a job; EngineError when it failed, TimeoutError when it takes longer."""
        deadline = time.monotonic() + within_s
        seen = 0
        while time.monotonic() < deadline:
            job = self.job(id)
            for step in job["steps"][seen:]:
                told(step)
            seen = len(job["steps"])
            if job["error"]:
                raise _error(job["error"])
            if job["done"]:
                return job["result"]
            time.sleep(0.02)
        raise TimeoutError(f"the engine is still at work after {within_s:.0f} s")

    def _ask(self, verb: str, **values: Any) -> Any:
        try:
            answer = self._exchange({"verb": verb, **values})
        except OSError as error:
            raise EngineUnreachable(f"the engine does not answer ({error})") from error
        if answer is None:
            raise EngineUnreachable("the engine closed the connection")
        if not answer["ok"]:
            raise _error(answer["error"])
        return answer["result"]

    def _exchange(self, request: dict[str, Any]) -> dict[str, Any] | None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(self.timeout_s)
            connection.connect(str(self.socket_path))
            with connection.makefile("rwb") as stream:
                protocol.write_message(stream, request)
                return protocol.read_message(stream)


def _error(data: dict[str, Any]) -> EngineError:
    faults = tuple(Fault(**fault) for fault in data.get("faults", ()))
    return EngineError(data["kind"], data["message"], faults, data.get("details", {}))


def _named(state: SystemState | str) -> dict[str, Any]:
    """A state as a request carries it: its data, or the name that a plan gave it."""
    return {"candidate": state} if isinstance(state, str) else {"state": encode_system(state)}
