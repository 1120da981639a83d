"""What an installer may say beforehand about a machine, and the rules that each answer obeys.

Every source is somebody else's text: an answer that breaks its rule is left out and named
on the console, and the others hold.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")


@dataclass(frozen=True, slots=True)
class Answers:
    """All answers; empty where nobody said anything.

    `address` is an IPv4 or IPv6 address with prefix length, "" for DHCP. `telephones`
    are networks whose telephones may register. `setup_code` makes the first
    administrator once; "" lets the machine make one.
    """

    host_name: str = ""
    address: str = ""
    gateway: str = ""
    dns: tuple[str, ...] = ()
    telephones: tuple[str, ...] = ()
    setup_code: str = ""

    def filled_up(self, later: Answers) -> Answers:
        """These answers, with those of a later source where nothing was said."""
        names = [field.name for field in fields(self)]
        return Answers(**{name: getattr(self, name) or getattr(later, name) for name in names})


def host_name(text: str) -> str:
    """A host name of RFC 1123, with or without a domain."""
    name = text.strip().rstrip(".").lower()
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise ValueError("not a host name")
    if name.replace(".", "").isdigit() or name.partition(".")[0] == "localhost":
        raise ValueError("not a name for a machine")
    return name


def address(text: str) -> str:
    """An address with prefix length that a machine can have."""
    if "/" not in text:
        raise ValueError("the prefix length is missing")
    found = ipaddress.ip_interface(text.strip())
    if found.ip.is_loopback or found.ip.is_multicast or found.ip.is_unspecified:
        raise ValueError("not an address of a machine")
    if (
        found.version == 4
        and found.network.prefixlen < 31
        and found.ip
        in (
            found.network.network_address,
            found.network.broadcast_address,
        )
    ):
        raise ValueError("the address of a network, not of a machine")
    return found.with_prefixlen


def single_address(text: str) -> str:
    """An address without prefix length."""
    return str(ipaddress.ip_address(text.strip()))


def addresses(text: str) -> tuple[str, ...]:
    """Up to four addresses, separated by blanks or commas."""
    return tuple(single_address(word) for word in _words(text, 4))


def networks(text: str) -> tuple[str, ...]:
    """Up to 64 networks, separated by blanks or commas."""
    return tuple(str(ipaddress.ip_network(word, strict=False)) for word in _words(text, 64))


def setup_code(text: str) -> str:
    """A code of at most 64 visible signs of ASCII; only letters and digits count, 12 of them.

    The portal compares nothing else, so that hyphens and case may be typed as one likes.
    """
    if len(text) > 64 or not all("!" <= sign <= "~" for sign in text):
        raise ValueError("at most 64 signs without blanks")
    if sum(sign.isalnum() for sign in text) < 12:
        raise ValueError("12 letters and digits at least")
    return text


def _words(text: str, most: int) -> list[str]:
    words = text.replace(",", " ").split()
    if len(words) > most:
        raise ValueError(f"more than {most}")
    return words


_RULES: Mapping[str, Callable[[str], Any]] = {
    "host_name": host_name,
    "address": address,
    "gateway": single_address,
    "dns": addresses,
    "telephones": networks,
    "setup_code": setup_code,
}


def read(given: Mapping[str, Any]) -> tuple[Answers, list[str]]:
    """The answers among `given`, and a sentence for each that was not taken.

    Names that mean nothing here are passed over: a virtual machine's host gives its own.
    The sentence never repeats what was given, which may be a secret.
    """
    taken: dict[str, Any] = {}
    refused = []
    for name, rule in _RULES.items():
        value = given.get(name)
        if isinstance(value, (list, tuple)):
            value = " ".join(map(str, value))
        if not value:
            continue
        try:
            taken[name] = rule(str(value))
        except ValueError as error:
            refused.append(f"{name}: {error}")
    return Answers(**taken), refused
