"""Whether the router that reports is the one that reported before. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

REMEMBERED = 8
"""Former starts of a router that are told from a second router."""

Verdict = Literal["same", "started", "repeated", "duplicate"]


@dataclass(frozen=True, slots=True)
class Seen:
    """What is remembered of a router: the start (`boot`) that reports, its last number, and
    starts before it."""

    boot: str = ""
    sequence: int = -1
    former: tuple[str, ...] = ()


def judge(seen: Seen, boot: str, sequence: int) -> tuple[Verdict, Seen]:
    """What a report means, and what is to be remembered after it.

    A router that starts again never comes back with a boot it had before. One that does is a
    second machine with the same identity: a copied disk, or a spare beside what it replaced.
    """
    if boot == seen.boot:
        if sequence <= seen.sequence:
            return "repeated", seen
        return "same", Seen(boot, sequence, seen.former)
    if boot in seen.former:
        return "duplicate", seen
    former = (*seen.former, seen.boot)[-REMEMBERED:] if seen.boot else ()
    return "started", Seen(boot, sequence, former)
