"""What can be asked of the engine about the support file."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from appliance.apply.course import Progress
from appliance.apply.desk import MachineDesk
from appliance.apply.taken import take
from appliance.state.fields import Between
from appliance.system.support import Wanted

PIECE_BYTES = 4 * 1024 * 1024
Offset = Annotated[int, Between(0, 2**40)]


class SupportVerbs:
    """Each public method is one verb."""

    _machine: MachineDesk
    _start: Callable[[str, Callable[[Progress], Any]], dict[str, Any]]

    def write_support_file(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Begin to write the support file; a job whose result is its size in bytes."""
        wanted = Wanted(
            logs=take(request, "logs", bool, False), numbers=take(request, "numbers", bool, False)
        )

        def work(tell: Progress) -> int:
            return self._machine.support.write(wanted, tell).stat().st_size

        return self._start("write_support_file", work)

    def support_piece(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """A piece of the support file that was written last."""
        path = self._machine.support.path
        if not path.exists():
            raise LookupError("no support file was written yet")
        with path.open("rb") as file:
            file.seek(take(request, "offset", Offset, 0))
            content = file.read(PIECE_BYTES)
        return {"content": base64.b64encode(content).decode(), "size": path.stat().st_size}
