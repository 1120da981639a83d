"""The people: who they are and in which language the system speaks to them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from appliance.render.fileset import File
from appliance.state.checks import duplicate_ids
from appliance.state.faults import Fault
from appliance.state.fields import Email, Label, Language, ObjectId, OptionalLabel
from appliance.state.machine import Machine
from appliance.state.references import Reference, References
from appliance.verify.probes import Probe


@dataclass(frozen=True, slots=True)
class User:
    """One person. `email` gets voicemail and notices; empty means none."""

    id: ObjectId
    first_name: OptionalLabel
    last_name: Label
    email: Email = ""
    language: Language = "it"
    department: OptionalLabel = ""
    site: ObjectId = "main"

    @property
    def full_name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()


@dataclass(frozen=True, slots=True)
class State:
    users: tuple[User, ...] = ()


def references(state: State) -> Iterator[Reference]:
    """Yield every person; `detail` says what voicemail and phones need of them."""
    for user in state.users:
        detail = {"email": user.email, "language": user.language, "site": user.site}
        yield Reference("user", user.id, user.full_name, detail=detail)


def check(state: State, references: References) -> Iterator[Fault]:
    """Yield faults of people who share an id or belong to no site."""
    yield from duplicate_ids("users", state.users)
    for user in state.users:
        yield from references.missing(f"users/{user.id}/site", "site", user.site)


def files(_state: State, _references: References, _machine: Machine) -> Iterator[File]:
    """No file of their own."""
    yield from ()


def probes(_state: State, _references: References) -> Iterator[Probe]:
    """Nothing to ask."""
    yield from ()
