"""The engine as other processes see it: one method for each verb of the socket."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from appliance.apply import protocol
from appliance.state.faults import Fault
from appliance.state.system_state import SystemState, encode_system


class EngineUnreachable(RuntimeError):
    """The engine does not answer: it is not running, or this user may not connect."""


@dataclass
class EngineError(RuntimeError):
    """The engine refused. `kind` tells the sort, e.g. `faults`, `conflict`, `unconfirmed`."""

    kind: str
    message: str
    faults: tuple[Fault, ...] = field(default=())

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True, slots=True)
class EngineClient:
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

    def check(self, state: SystemState) -> list[Fault]:
        return [Fault(**fault) for fault in self._ask("check", state=encode_system(state))]

    def plan(self, state: SystemState, base: int) -> dict[str, Any]:
        return self._ask("plan", state=encode_system(state), base=base)

    def prove(self, state: SystemState) -> str:
        """Begin a proof; returns the job's id."""
        return self._ask("prove", state=encode_system(state))["id"]

    def apply(
        self,
        state: SystemState,
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
            state=encode_system(state),
            base=base,
            author=author,
            reason=reason,
            confirm_within_s=confirm_within_s,
            overwrite=overwrite,
        )["id"]

    def return_to(self, number: int, author: str, confirm_within_s: int = 0) -> str:
        """Begin to go back to an older revision's state; returns the job's id."""
        return self._ask(
            "return_to", number=number, author=author, confirm_within_s=confirm_within_s
        )["id"]

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
    return EngineError(data["kind"], data["message"], faults)
