"""What goes on in Asterisk, followed by its events. No I/O: a recorded stream tests it.

Everything that browsers see is an object under a key (`docs/live.md`). An event marks keys
as touched; `changes()` compares the touched ones with what was told last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from appliance.asterisk import names
from ari_apps.live import channels
from ari_apps.live.channels import Channel

Event = Mapping[str, str]
Objects = dict[str, Any]

_DEVICE_STATES: Mapping[str, str] = {
    "NOT_INUSE": "free",
    "INUSE": "busy",
    "BUSY": "busy",
    "RINGING": "ringing",
    "RINGINUSE": "ringing",
    "ONHOLD": "hold",
    "UNAVAILABLE": "offline",
}
"""Asterisk's device state -> ours; INVALID and UNKNOWN mean that there is no such device."""

_REGISTRATIONS: Mapping[str, str] = {
    "Registered": "registered",
    "Rejected": "refused",
    "Unregistered": "trying",
    "Stopped": "none",
}

_CHANNEL_EVENTS = ("Newstate", "NewCallerid", "NewConnectedLine")

ASTERISK = "asterisk"


class LiveMachine:
    """The state of one Asterisk, as far as people want to see it live."""

    def __init__(self) -> None:
        self._channels: dict[str, Channel] = {}
        self._legs: dict[str, set[str]] = {}
        self._devices: dict[str, dict[str, Any]] = {}
        self._trunks: dict[str, dict[str, Any]] = {}
        self._registrations: dict[str, str] = {}
        self._registrations_by_uri: dict[str, str] = {}
        self._asterisk: dict[str, Any] = {"up": False, "since": 0.0}
        self._told: Objects = {}
        self._touched: set[str] = {ASTERISK}
        self._ended: set[str] | None = None
        self._handlers: dict[str, Callable[[Event], None]] = {
            "Newchannel": self._newchannel,
            "Hangup": self._hangup,
            "DialBegin": self._dial,
            "DialState": self._dial,
            "BridgeEnter": self._bridge_enter,
            "BridgeLeave": self._bridge_leave,
            "Hold": lambda event: self._hold(event, True),
            "Unhold": lambda event: self._hold(event, False),
            "DeviceStateChange": self._device_state,
            "Registry": self._registry,
            **dict.fromkeys(_CHANNEL_EVENTS, self._channel),
        }

    @property
    def wanted(self) -> frozenset[str]:
        """The names of the events that matter here."""
        return frozenset(self._handlers)

    @property
    def up(self) -> bool:
        return bool(self._asterisk["up"])

    def event(self, name: str, event: Event) -> None:
        """Follow one event; one of an unknown channel or of none of ours changes nothing."""
        self._handlers[name](event)

    # ── the whole state, after a connection was made ─────────────────────────────────

    def begin_snapshot(self) -> None:
        """Forget everything; events that come while the lists are asked for count already."""
        self._touched |= set(self._told)
        self._channels, self._legs, self._devices, self._trunks = {}, {}, {}, {}
        self._ended = set()

    def finish_snapshot(
        self,
        now: float,
        shown_channels: Iterable[Event],
        device_states: Iterable[Event],
        registrations: Iterable[Event],
    ) -> None:
        """Fill in what the lists say; what events have said meanwhile is newer and stays."""
        ended, self._ended = self._ended or set(), None
        for entry in shown_channels:
            id = entry["Uniqueid"]
            if id not in ended and id not in self._channels:
                self._newchannel({**entry, "Timestamp": str(now)})
        for entry in device_states:
            if not self._known(entry["Device"].removeprefix("PJSIP/")):
                self._device_state(entry)
        for entry in registrations:
            self._registration(entry["ObjectName"], entry["Status"], entry["ClientUri"])
        self._asterisk = {"up": True, "since": now}
        self._touched.add(ASTERISK)

    def lost(self, now: float) -> None:
        """Asterisk cannot be followed any more; what was told stays, marked as uncertain."""
        if self._ended is not None:  # in the middle of a snapshot: half of it tells nothing
            self._ended = None
            self._touched.clear()
        if self.up:
            self._asterisk = {"up": False, "since": now}
            self._touched.add(ASTERISK)

    def compare_channels(self, shown: Iterable[Event]) -> int:
        """Drop channels that Asterisk no longer shows; how many there were.

        Zero for ever, unless an event was missed: this is the safety net under the events.
        """
        there = {entry["Uniqueid"] for entry in shown}
        gone = [id for id in self._channels if id not in there]
        for id in gone:
            self._drop(id)
        return len(gone)

    def channel_ids(self) -> frozenset[str]:
        """The channels known at this moment."""
        return frozenset(self._channels)

    # ── the sound of legs ────────────────────────────────────────────────────────────

    def talking(self) -> list[tuple[Channel, bool]]:
        """(leg, whether sound is due of it) for each leg that was answered.

        Sound is due between two who are connected; while one holds the other, of nobody.
        """
        found = []
        for ids in self._legs.values():
            legs = [leg for id in ids if (leg := self._channels[id]).state == "up"]
            connected = [leg for leg in legs if leg.bridge]
            due = len(connected) > 1 and not any(leg.on_hold for leg in legs)
            found += [(leg, due and bool(leg.bridge)) for leg in legs]
        return found

    def others_of(self, leg: Channel) -> list[Channel]:
        """The other answered legs of a leg's call, in the order in which they came."""
        legs = (self._channels[id] for id in self._legs.get(leg.call, ()) if id != leg.id)
        return sorted((each for each in legs if each.state == "up"), key=lambda each: each.since)

    def mark(self, id: str, no_sound: Mapping[str, Any] | None) -> None:
        """Say that sound of a leg or to it does not arrive, or (None) that it does again."""
        channel = self._channels.get(id)
        if channel and channel.no_sound != no_sound:
            channel.no_sound = no_sound
            self._touched.add(f"calls/{channel.call}")

    # ── what to tell ─────────────────────────────────────────────────────────────────

    def changes(self) -> tuple[Objects, list[str]]:
        """(new or changed objects, keys that are gone) since the last time; often nothing.

        Nothing at all while a snapshot is under way, so that nobody sees it half done.
        """
        new: Objects = {}
        gone: list[str] = []
        if self._ended is not None:
            return new, gone
        for key in sorted(self._touched):
            value = self._object(key)
            if value is None:
                if self._told.pop(key, None) is not None:
                    gone.append(key)
            elif self._told.get(key) != value:
                self._told[key] = new[key] = value
        self._touched.clear()
        return new, gone

    def objects(self) -> Objects:
        """Everything that was told so far and still holds."""
        return dict(self._told)

    def _object(self, key: str) -> Any:
        kind, _, name = key.partition("/")
        if kind == "calls":
            legs = [self._channels[id] for id in self._legs.get(name, ())]
            return channels.call_data(legs) if legs else None
        if kind == "devices":
            return self._devices.get(name)
        if kind == "trunks":
            return self._trunk(name)
        return dict(self._asterisk)

    def _trunk(self, name: str) -> Any:
        trunk = self._trunks.get(name)
        registration = self._registrations.get(name)
        if trunk is None or registration is None:
            return trunk
        return {**trunk, "registration": registration}

    # ── events ───────────────────────────────────────────────────────────────────────

    def _newchannel(self, event: Event) -> None:
        channel = channels.begun(event)
        if channel:
            self._channels[channel.id] = channel
            self._join(channel)

    def _channel(self, event: Event, prefix: str = "") -> None:
        channel = self._channels.get(event.get(f"{prefix}Uniqueid", ""))
        if channel:
            # A transfer may have moved the leg into another conversation.
            self._leave(channel)
            channels.update(channel, event, prefix)
            self._join(channel)

    def _dial(self, event: Event) -> None:
        self._channel(event)
        self._channel(event, "Dest")

    def _bridge_enter(self, event: Event) -> None:
        self._channel(event)
        self._set_bridge(event, event["BridgeUniqueid"])

    def _bridge_leave(self, event: Event) -> None:
        self._channel(event)
        self._set_bridge(event, "")

    def _set_bridge(self, event: Event, bridge: str) -> None:
        channel = self._channels.get(event["Uniqueid"])
        if channel:
            channel.bridge = bridge

    def _hold(self, event: Event, on_hold: bool) -> None:
        self._channel(event)
        channel = self._channels.get(event["Uniqueid"])
        if channel:
            channel.on_hold = on_hold

    def _hangup(self, event: Event) -> None:
        if self._ended is not None:
            self._ended.add(event["Uniqueid"])
        self._drop(event["Uniqueid"])

    def _drop(self, id: str) -> None:
        channel = self._channels.pop(id, None)
        if channel:
            self._leave(channel)

    def _device_state(self, event: Event) -> None:
        endpoint = event["Device"].removeprefix("PJSIP/")
        if endpoint == event["Device"]:
            return  # a hint, a parking place, a custom state: not a line
        state = _DEVICE_STATES.get(event["State"])
        ours = names.number_and_slot(endpoint)
        if ours:
            self._touched.add(f"devices/{endpoint}")
            if state is None:
                self._devices.pop(endpoint, None)
            else:
                self._devices[endpoint] = _device(*ours, state)
        elif endpoint.startswith("trunk-"):
            self._trunk_state(endpoint.removeprefix("trunk-"), state)

    def _trunk_state(self, name: str, state: str | None) -> None:
        self._touched.add(f"trunks/{name}")
        if state is None:
            self._trunks.pop(name, None)
        else:
            self._trunks[name] = {"state": "down" if state == "offline" else "up"}

    def _known(self, endpoint: str) -> bool:
        return endpoint in self._devices or endpoint.removeprefix("trunk-") in self._trunks

    def _registry(self, event: Event) -> None:
        name = self._registrations_by_uri.get(event.get("Username", ""))
        if name:
            self._registration(name, event.get("Status", ""), event["Username"])

    def _registration(self, object_name: str, status: str, client_uri: str) -> None:
        name = object_name.removeprefix("trunk-")
        self._registrations_by_uri[client_uri] = name
        self._registrations[name] = _REGISTRATIONS.get(status, "trying")
        self._touched.add(f"trunks/{name}")

    def _join(self, channel: Channel) -> None:
        self._legs.setdefault(channel.call, set()).add(channel.id)
        self._touched.add(f"calls/{channel.call}")

    def _leave(self, channel: Channel) -> None:
        legs = self._legs[channel.call]
        legs.discard(channel.id)
        if not legs:
            del self._legs[channel.call]
        self._touched.add(f"calls/{channel.call}")


def _device(number: str, slot: int, state: str) -> dict[str, Any]:
    return {"number": number, "slot": slot, "registered": state != "offline", "state": state}
