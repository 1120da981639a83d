"""Answers about the address as the network's settings. Pure."""

from __future__ import annotations

from dataclasses import replace

from appliance.firstboot.answers import Answers
from appliance.state.faults import Fault
from appliance.state.references import References
from appliance.system import network
from appliance.system.network import Interface, State

FIRST = "lan"
"""The id of the interface that the first start and the console speak of."""


def with_address(state: State, device: str, answers: Answers) -> State:
    """The settings with another address on one interface; "" as the address means DHCP.

    `device` is the kernel's name of it. What else is set stays: routes, VLANs, a MAC address.
    """
    held = next((each for each in state.interfaces if device in (each.name, each.id)), None)
    held = held or next(iter(state.interfaces), None) or Interface(id=FIRST, name=device)
    changed = _addressed(held, answers)
    others = [each for each in state.interfaces if each.id != held.id]
    return replace(
        state,
        managed=True,
        host_name=answers.host_name or state.host_name,
        dns=answers.dns,
        interfaces=(changed, *others),
    )


def _addressed(held: Interface, answers: Answers) -> Interface:
    if not answers.address:
        return replace(held, ipv4="dhcp", ipv6="automatic", gateway="", gateway6="")
    if ":" in answers.address:
        six = replace(held, ipv4="off", address="", gateway="", ipv6="static")
        return replace(six, address6=answers.address, gateway6=answers.gateway)
    four = replace(held, ipv4="static", address=answers.address, gateway=answers.gateway)
    return replace(four, ipv6="automatic", address6="", gateway6="")


def faults(state: State) -> tuple[Fault, ...]:
    """What is wrong with the settings, as far as they can be looked at alone."""
    known = References.of(network.references(state))
    return tuple(network.check(state, known))
