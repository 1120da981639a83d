"""From choices to routes: which tunnel takes which line, and what the kernel is told."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from failover_router import kernel, routes, rules
from failover_router.policy import Choice
from failover_router.router_profile import RouterProfile
from failover_router.routes import TUNNEL_TABLE, Way

log = logging.getLogger("wiring")


def lines_of_tunnels(choice: Choice, old: tuple[str, ...], count: int) -> tuple[str, ...]:
    """The line of each tunnel. A tunnel keeps its line as long as that is one of the
    chosen two, so that a change of rank moves no packet."""
    if count == 1:
        return (choice.voice,)
    wanted = [name for name in (choice.voice, choice.second) if name]
    kept = [name if name in wanted else "" for name in old]
    free = [name for name in wanted if name not in kept]
    return tuple(name or (free.pop(0) if free else "") for name in kept)


class Wiring:
    """What the kernel has been told so far; `follow` tells it the difference."""

    def __init__(self, profile: RouterProfile) -> None:
        self._profile = profile
        count = len(routes.tunnels_of(profile))
        self.tunnels: tuple[str, ...] = ("",) * count
        self.active = 0
        self.data = ""
        self._ways: dict[str, Way] = {}
        self._orders = {line.name: order for order, line in enumerate(profile.lines)}

    def set_up(self, mtu: int) -> None:
        """Everything that does not depend on the lines."""
        profile = self._profile
        tunnels = [routes.TUNNELS[each] for each in routes.tunnels_of(profile)]
        lines = [line.interface for line in profile.lines]
        kernel.set_sysctls(routes.sysctls([*lines, *tunnels, profile.lan.interface]))
        kernel.ip(routes.rules_away(profile), force=True)
        kernel.ip(routes.rules(profile))
        kernel.ip(routes.own_addresses(profile))
        kernel.ip(routes.tunnel_addresses(profile, mtu))
        kernel.nft(rules.voice(profile))
        kernel.nft(rules.edge(profile))
        self._lead_inside(0)

    def way_changed(self, name: str, way: Way | None) -> None:
        """A line has another way out, or none: its own table, and its place in all others."""
        order = self._orders[name]
        if way is None:
            self._ways.pop(name, None)
            kernel.ip([routes.line_route(order, None)], force=True)
        else:
            self._ways[name] = way
            kernel.ip([routes.line_route(order, way)])
        for tunnel, line in enumerate(self.tunnels):
            self._tell_table(str(TUNNEL_TABLE + tunnel), line, spares=True)
        self._tell_table("main", self.data, spares=False)

    def follow(self, choice: Choice) -> bool:
        """Make the kernel do what was chosen; whether voice has moved."""
        lines = lines_of_tunnels(choice, self.tunnels, len(self.tunnels))
        voice_moved = lines != self.tunnels
        for tunnel, line in enumerate(lines):
            if line != self.tunnels[tunnel]:
                self._prefer(str(TUNNEL_TABLE + tunnel), line)
        self.tunnels = lines
        active = lines.index(choice.voice) if choice.voice in lines else self.active
        if active != self.active:
            self._lead_inside(active)
            voice_moved = True
        if choice.data != self.data:
            self._move_data(choice.data)
        return voice_moved

    def _lead_inside(self, tunnel: int) -> None:
        commands = list(routes.active(self._profile, tunnel))
        kernel.ip([each for each in commands if "replace" in each])
        kernel.ip([each for each in commands if "del" in each], force=True)
        self.active = tunnel

    def _prefer(self, table: str, first: str) -> None:
        """The one command that moves packets; what stands behind stays as it is."""
        way = self._ways.get(first)
        if way is None:
            kernel.ip(routes.not_chosen(table, None, self._by_order()), force=True)
        else:
            kernel.ip([routes.preferred(table, way)])

    def _tell_table(self, table: str, first: str, *, spares: bool) -> None:
        adds = list(routes.chosen(table, self._ways.get(first), self._by_order(), spares=spares))
        kernel.ip(adds)
        gone = routes.not_chosen(table, self._ways.get(first), self._by_order())
        kernel.ip(gone, force=True)

    def _by_order(self) -> Mapping[int, Way]:
        return {self._orders[name]: way for name, way in self._ways.items()}

    def _move_data(self, line: str) -> None:
        old, self.data = self.data, line
        self._prefer("main", line)
        self._filter()
        if old:
            kernel.forget_connections(rules.DATA_MARK + self._orders[old])

    def _filter(self) -> None:
        """Data may leave by the chosen line only, and by a line for voice under the cap."""
        profile = self._profile
        chosen = next((line for line in profile.lines if line.name == self.data), None)
        open_lines = [chosen.interface] if chosen else []
        borrowed = chosen.interface if chosen and chosen.carries == "voice" else ""
        kernel.nft(rules.data_lines(open_lines, borrowed))
