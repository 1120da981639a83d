"""The agent: watches every line, moves the tunnels, tells what it did.

python -m failover_router PROFILE --run /run/router --state /var/lib/router
"""

from __future__ import annotations

import json
import logging
import secrets
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from failover_router import kernel, lan, openvpn, packets, routes, rules, shaping
from failover_router.children import Child
from failover_router.decoding import decode
from failover_router.drill import PROBE_S, Drill, Order
from failover_router.echo import write_json
from failover_router.kernel import KernelError
from failover_router.loop import Loop
from failover_router.metrics import Metrics
from failover_router.policy import Choice, Event, Machine, Move, Spent, State, Tick
from failover_router.prober import Asker, Identity, Numbers
from failover_router.router_profile import ProfileError, RouterProfile, read
from failover_router.survival import CUT_OFF_AFTER_S, Survival
from failover_router.usage import Usage
from failover_router.watched import Watched
from failover_router.wiring import Wiring

log = logging.getLogger("router")

START_WITHIN_S = 1.0
"""How long the first choice waits for every line to be heard."""

TUNNEL_PROBE_S = 1.0
TUNNEL_ALIVE_S = 3.0
TUNNEL_OVERHEAD = 56
"""What OpenVPN in UDP over IPv4 adds to a packet (52 bytes with AES-256-GCM), and a little."""

PROFILE_EVERY_S = 5.0
SMALLEST_MTU, LARGEST_MTU = 1200, 1440
MOVES_KEPT = 100
NEXT_ADDRESS_AFTER_S = 5.0
"""How long all lines are silent before another of the appliance's addresses is asked."""


@dataclass(frozen=True, slots=True)
class Options:
    """How the agent is started. `services` also starts dnsmasq and chrony; `account` is the
    user and group that OpenVPN goes on as. When the file `profile` changes, the agent ends,
    to be started anew with it."""

    run: Path
    state: Path
    openvpn: tuple[str, ...] = ("openvpn",)
    account: tuple[str, str] = ("nobody", "nogroup")
    services: bool = True
    keep_clock: bool = False
    renegotiate_s: int = 3600
    profile: Path | None = None


class BranchRouter:
    """One router."""

    def __init__(self, profile: RouterProfile, options: Options) -> None:
        self.profile, self.options = profile, options
        self.loop = Loop()
        borrow = profile.borrow_kbits > 0
        self.machine = Machine(profile.lines, profile.policy, borrow=borrow)
        self.wiring = Wiring(profile)
        self.numbers = Numbers()
        self.identity = _identity(profile)
        self.usage = Usage(options.state / "usage.json")
        self.moves: deque[tuple[int, Move]] = deque(maxlen=MOVES_KEPT)
        self.moves_total = 0
        self.survival = Survival(False)
        self.drill: Drill | None = None
        self.queues: dict[str, str] = {}
        self.mtu = LARGEST_MTU
        self._server = 0
        self._heard_at = self.loop.clock()
        self._began = self.loop.clock()
        self._started = False
        self._tunnel_heard: dict[int, float] = {}
        self._looking = False
        self._events = kernel.link_events()
        self.watched = [self._watch(order) for order in range(len(profile.lines))]
        self.tunnel_askers = [self._tunnel_asker(each) for each in routes.tunnels_of(profile)]
        self.children = self._children()

    # ── beginning and end ─────────────────────────────────────────────────────────

    def start(self) -> None:
        """Tell the kernel everything, start the programs, look at the lines."""
        for tunnel in routes.tunnels_of(self.profile):
            kernel.make_tun(routes.TUNNELS[tunnel])
        self.wiring.set_up(self.mtu)
        for line in self.profile.lines:
            self.queues[line.name] = shaping.shape(line)
        for asker in self.tunnel_askers:
            asker.open()
        self.loop.watch(self._events, self._link_event)
        self.loop.every(0.5, self._tick)
        self.loop.every(TUNNEL_PROBE_S, self._probe_tunnels)
        self.loop.every(1.0, self._write_status)
        self.loop.every(60.0, self.usage.keep)
        (self.options.run / "order.json").unlink(missing_ok=True)  # an order is followed once
        self.loop.every(PROFILE_EVERY_S, self._look_at_profile)
        Metrics(self.loop, (self.profile.lan.address, rules.METRICS_PORT), self.status)

    def run(self) -> None:
        """Serve until the loop is told that it is over, then leave tidily."""
        self.start()
        try:
            self.loop.run()
        finally:
            for child in self.children:
                child.stop()
            self.usage.keep()

    def _children(self) -> list[Child]:
        profile, options = self.profile, self.options
        made = [
            openvpn.tunnel(
                *(profile, each, options.run, options.openvpn),
                *(options.account, options.renegotiate_s),
            )
            for each in routes.tunnels_of(profile)
        ]
        if options.services:
            names = ["dnsmasq", "--keep-in-foreground", "--conf-file={}", "--log-facility=-"]
            made.append(Child("dnsmasq", names, options.run, lan.dnsmasq(profile, options.state)))
            clock = ["-x"] if options.keep_clock else []
            command = ["chronyd", "-d", *clock, "-f", "{}"]
            made.append(Child("chrony", command, options.run, lan.chrony(profile, options.state)))
        return made

    def _watch(self, order: int) -> Watched:
        return Watched(
            self.loop,
            self.machine,
            self.profile.lines[order],
            order,
            self.identity,
            self.numbers,
            self._take,
            self._echo,
            lambda: self.wiring.active,
        )

    # ── events ────────────────────────────────────────────────────────────────────

    def _echo(self) -> tuple[str, int]:
        server = self.profile.server
        return server.addresses[self._server], server.probe_port

    def _take(self, event: Event) -> None:
        """Let the policy know, and do what it decides."""
        if hasattr(event, "rtt_s"):
            self._heard_at = event.at
        moves = self.machine.take(event)
        if self._started and moves:
            self._follow(moves)

    def _follow(self, moves: tuple[Move, ...]) -> None:
        try:
            voice_moved = self.wiring.follow(self.machine.choice)
        except KernelError as error:
            log.error("the change could not be made: %s", error)
            return
        if voice_moved:
            # The appliance learns the new way with the first packet that takes it.
            self._probe_tunnels()
            for watched in self.watched:
                watched.probe()
        for move in moves:
            if move.role == "second" and self.profile.mode == "floating":
                continue
            self.moves_total += 1
            self.moves.append((self.moves_total, move))
            figures = move.figures
            log.warning(
                "%s moves from %s to %s: %s (loss %.0f %%, %.1f ms, jitter %.1f ms, %d in a row)",
                *(move.role, move.old or "-", move.new or "-", move.cause),
                *(figures.loss_percent, figures.rtt_ms, figures.jitter_ms, figures.lost_in_row),
            )

    def _link_event(self) -> None:
        """Something about links has changed; many events come together."""
        while True:
            try:
                self._events.recv(65536)
            except BlockingIOError:
                break
            except OSError:
                continue  # more events than the buffer holds: a look finds what they meant
        if self._left_by_kernel():
            # What the appliance still sends to the old line is lost until a packet comes by
            # another one: send that first, before anything that takes milliseconds.
            self._probe_tunnels()
        if not self._looking:
            self._looking = True
            self.loop.after(0.0, self._look)

    def _left_by_kernel(self) -> bool:
        """Whether a line that carries a tunnel has lost its carrier and nobody has looked yet."""
        return any(
            watched.way is not None
            and watched.line.name in self.wiring.tunnels
            and not kernel.carrier(watched.line.interface)
            for watched in self.watched
        )

    def _look(self) -> None:
        self._looking = False
        for watched in self.watched:
            way = watched.way
            if watched.look() or watched.way != way:
                self.wiring.way_changed(watched.line.name, watched.way)

    def _tick(self) -> None:
        now = self.loop.clock()
        self._look()
        for watched in self.watched:
            received_and_sent = sum(kernel.counters(watched.line.interface))
            used = self.usage.count(watched.line.name, received_and_sent)
            cap = watched.line.monthly_cap_mb * 1_000_000
            over = bool(watched.line.metered and cap and used >= cap)
            if over != self.machine.lines[watched.line.name].over:
                self._take(Spent(watched.line.name, now, over))
        self._take(Tick(now))
        self._begin_when_heard(now)
        for child in self.children:
            child.look(now)
        self._watch_survival(now)
        self._set_mtu()
        self._look_at_order(now)
        self._try_next_address(now)

    def _begin_when_heard(self, now: float) -> None:
        """The first choice waits a moment, so that it is not made blindly."""
        if self._started:
            return
        known = all(s.score.known or not s.up for s in self.machine.lines.values())
        if known or now - self._began > START_WITHIN_S:
            self._started = True
            figures = next(iter(self.machine.lines.values())).score.figures()
            voice = self.machine.choice.voice
            self._follow((Move("voice", now, "", voice, "start", figures),) if voice else ())

    def _try_next_address(self, now: float) -> None:
        if now - self._heard_at > NEXT_ADDRESS_AFTER_S and len(self.profile.server.addresses) > 1:
            self._heard_at = now
            self._server = (self._server + 1) % len(self.profile.server.addresses)
            log.warning("the appliance is asked at %s now", self._echo()[0])

    # ── tunnels ───────────────────────────────────────────────────────────────────

    def _tunnel_asker(self, tunnel: int) -> Asker:
        def heard(_rtt_s: float, _size: int) -> None:
            self._tunnel_heard[tunnel] = self.loop.clock()
            if self.drill is not None:
                self.drill.heard(self.loop.clock())

        def missed(_sent: float) -> None:
            if self.drill is not None:
                self.drill.lost += 1

        return Asker(
            self.loop,
            self.identity,
            self.numbers,
            packets.NO_LINE,
            routes.TUNNELS[tunnel],
            heard,
            missed,
        )

    def _probe_tunnels(self) -> None:
        for tunnel, asker in enumerate(self.tunnel_askers):
            far = self.profile.server.tunnel_gateways[tunnel]
            asker.ask((far, self.profile.server.probe_port), self.wiring.active, TUNNEL_ALIVE_S)

    def tunnel_up(self, tunnel: int) -> bool:
        """Whether the appliance has answered through this tunnel just now."""
        heard = self._tunnel_heard.get(tunnel)
        return heard is not None and self.loop.clock() - heard < TUNNEL_ALIVE_S

    def _watch_survival(self, now: float) -> None:
        last = max(self._tunnel_heard.values(), default=self._began)
        cut_off = now - last > CUT_OFF_AFTER_S
        if cut_off != self.survival.cut_off:
            self.survival = Survival(cut_off, time.time())
            log.warning("this branch is %s", "cut off" if cut_off else "connected again")

    def _set_mtu(self) -> None:
        """Packets that fit every line, so that no change of line breaks a large one."""
        sizes = [each.mtu for each in self.watched if each.way is not None and each.mtu]
        if not sizes:
            return
        mtu = max(SMALLEST_MTU, min(LARGEST_MTU, min(sizes) - TUNNEL_OVERHEAD))
        if mtu != self.mtu:
            self.mtu = mtu
            names = [routes.TUNNELS[each] for each in routes.tunnels_of(self.profile)]
            kernel.ip([f"link set {name} mtu {mtu}" for name in names])

    def _look_at_profile(self) -> None:
        """End when another profile is there; one that cannot be read is left alone."""
        if self.options.profile is None:
            return
        try:
            found = read(self.options.profile.read_bytes())
        except (OSError, ProfileError) as error:
            log.error("the profile on the disk cannot be used: %s", error)
            return
        if found != self.profile:
            log.warning("another profile is there: starting anew with it")
            self.loop.over = True

    # ── drills ────────────────────────────────────────────────────────────────────

    def _look_at_order(self, now: float) -> None:
        """Follow what the reporter has brought; a file that says nothing new is nothing."""
        try:
            order = decode(Order, json.loads((self.options.run / "order.json").read_bytes()))
        except FileNotFoundError:
            return
        except ValueError as error:
            log.warning("the order makes no sense: %s", error)
            return
        good = self._good_lines(now)
        drill = self.drill
        told = order.kind == "abort" and drill is not None and drill.order.id == order.id
        if drill is not None and drill.state == "running":
            was_cut = drill.cut
            drill.step(now, good, emergency=order.emergency, told=told)
            if was_cut and not drill.cut:
                kernel.nft(rules.cut(""))
                log.warning("drill %s: the line is whole again", drill.order.id)
        elif order.kind == "drill" and (drill is None or drill.order.id != order.id):
            self._begin_drill(order, now, good)

    def _begin_drill(self, order: Order, now: float, good: list[str]) -> None:
        names = [line.name for line in self.profile.lines]
        calls = kernel.calls(self.profile.server.inner_address, rules.RTP_RANGE)
        self.drill = Drill.begin(order, now, good, names, calls)
        log.warning("drill %s on %s: %s %s", order.id, order.line, *_outcome(self.drill))
        if self.drill.cut:
            kernel.nft(rules.cut(self.profile.line(order.line).interface))
            self._probe_for_drill()

    def _probe_for_drill(self) -> None:
        if self.drill is None or self.drill.state != "running":
            return
        active = self.wiring.active
        far = (self.profile.server.tunnel_gateways[active], self.profile.server.probe_port)
        self.tunnel_askers[active].ask(far, active, 1.0)
        self.drill.sent += 1
        self.loop.after(PROBE_S, self._probe_for_drill)

    def _good_lines(self, now: float) -> list[str]:
        return [
            name
            for name, state in self.machine.lines.items()
            if state.state(now) in (State.GOOD, State.HEALING)
        ]

    # ── what is told ──────────────────────────────────────────────────────────────

    def status(self) -> dict[str, Any]:
        """Everything, for the status file, the metrics and the console."""
        now = self.loop.clock()
        choice = self.machine.choice if self._started else Choice()
        return {
            "site": self.profile.site,
            "label": self.profile.label,
            "generation": self.profile.identity.generation,
            "boot": f"{self.identity.instance:016x}",
            "mode": self.profile.mode,
            "at": round(time.time(), 1),
            "up_s": round(now - self._began),
            "voice": choice.voice,
            "second": choice.second if self.profile.mode == "protected" else "",
            "data": choice.data,
            "mtu": self.mtu,
            "lines": [self._line_status(each, now) for each in self.watched],
            "tunnels": [
                {"tunnel": each, "up": self.tunnel_up(each), "line": self.wiring.tunnels[each],
                 "active": each == self.wiring.active}
                for each in routes.tunnels_of(self.profile)
            ],
            "moves_total": self.moves_total,
            "moves": [self._told(number, move) for number, move in self.moves],
            "survival": self.survival.told(),
            "drill": self.drill.told(now) if self.drill else None,
        }  # fmt: skip

    def _line_status(self, watched: Watched, now: float) -> dict[str, Any]:
        state = self.machine.lines[watched.line.name]
        figures, found = state.score.figures(), state.state(now)
        received, sent = kernel.counters(watched.line.interface)
        return {
            "received_bytes": received,
            "sent_bytes": sent,
            "name": watched.line.name,
            "state": found.name.lower(),
            "state_number": int(found),
            "fault": state.fault or "",
            "address": watched.address,
            "mtu": watched.mtu,
            "loss_percent": figures.loss_percent,
            "rtt_ms": figures.rtt_ms,
            "jitter_ms": figures.jitter_ms,
            "hold_s": round(state.hold_s),
            "month_bytes": self.usage.used(watched.line.name),
            "queue": self.queues.get(watched.line.name, ""),
        }

    def _told(self, number: int, move: Move) -> dict[str, Any]:
        ago = self.loop.clock() - move.at
        return {
            "number": number,
            "gap_ms": round(move.gap_s * 1000),
            "at": round(time.time() - ago, 2),
            "role": move.role,
            "from": move.old,
            "to": move.new,
            "cause": move.cause,
            "loss_percent": move.figures.loss_percent,
            "rtt_ms": move.figures.rtt_ms,
        }

    def _write_status(self) -> None:
        write_json(self.options.run / "status.json", self.status())


def _identity(profile: RouterProfile) -> Identity:
    key = bytes.fromhex(profile.server.probe_key)
    return Identity(profile.identity.number, profile.identity.generation, secrets.randbits(32), key)


def _outcome(drill: Drill) -> tuple[str, str]:
    return drill.state, drill.why
