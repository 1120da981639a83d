"""A sample company for previews, screenshots and tests: forty people at two sites."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from appliance.services import (
    devices,
    dids,
    extensions,
    inbound_routes,
    numbering,
    organisation,
    outbound_routes,
    provisioning,
    registry,
    trunks,
    users,
)
from appliance.state.references import Destination
from appliance.state.system_state import SystemState
from appliance.state.tokens import new_secret
from portal.core import audit, draft
from portal.core.db import transaction
from portal.core.screens import slug
from provisioning.enrolment import new_site

FIRST = (
    "Niccolò", "Chiara", "Matteo", "Zoë", "Gian Luca", "Beatrice", "Ömer", "Lucia", "Davide",
    "Fatima", "Andrea", "Noemi", "Pier Paolo", "Giulia", "Tommaso", "Ilaria", "Samuele",
    "Ludovica", "Enrico", "Maria José",
)  # fmt: skip
LAST = (
    "D'Amico", "Ferretti", "Dell'Orto", "Bianchi", "Müller", "Esposito", "De Santis", "Nardò",
    "Gagliardi", "Benedetti", "Lo Monaco", "Caruso", "Fantuzzi", "Degl'Innocenti", "Rinaldi",
    "Sforza", "Marchetti", "Pellegrino", "Zanichelli", "Valentini",
)  # fmt: skip
DEPARTMENTS = ("Vendite", "Amministrazione", "Magazzino", "Assistenza", "Direzione")
MODELS = ("yealink-t46u", "snom-d785", "cisco-8845")
PEOPLE = 40


def fill() -> None:
    """Put the sample company into an empty draft."""
    if not draft.settings("organisation")[0].name:
        with transaction():
            draft.replace(company(), "draft.wizard", "sample", author=audit.SYSTEM)


def company(people: int = PEOPLE) -> SystemState:
    """The sample company with any number of people."""
    persons = list(itertools.islice(_people(), people))
    numbers = [str(200 + i) if people <= 700 else str(10000 + i) for i in range(people)]
    return registry.empty_state().replaced(
        organisation=organisation.State(
            name="Ceramiche Val d'Enza S.r.l.",
            sites=(
                organisation.Site("main", "Sede di Reggio Emilia", "Via Emilia Ospizio 12"),
                organisation.Site("parma", "Magazzino di Parma", "Strada dell'Ugozzolo 5"),
            ),
        ),
        numbering=numbering.State(area_code="0522"),
        trunks=trunks.State((_line(),)),
        dids=dids.State(
            (
                dids.DidRange(
                    "block",
                    "carrier",
                    "+390522123200",
                    "+390522123239",
                    "Selezione passante",
                    direct_digits=3,
                    otherwise=Destination("extension", numbers[0]),
                ),
            )
        ),
        inbound_routes=inbound_routes.State(
            (
                inbound_routes.InboundRoute(
                    "main-number",
                    "+390522123200",
                    Destination("extension", numbers[0]),
                    label="Numero principale",
                ),
            )
        ),
        outbound_routes=outbound_routes.State(
            (
                outbound_routes.OutboundRoute(
                    "mobiles", ("carrier",), "Cellulari", categories=("mobile",)
                ),
            )
        ),
        provisioning=provisioning.State((new_site("main"), new_site("parma"))),
        users=users.State(tuple(persons)),
        extensions=extensions.State(
            tuple(
                extensions.Extension(number, number, person.id)
                for number, person in zip(numbers, persons, strict=True)
            )
        ),
        devices=devices.State(
            tuple(
                devices.Device(
                    id=f"0015651a{index:04x}",
                    mac=f"0015651a{index:04x}",
                    model=MODELS[index % len(MODELS)],
                    lines=(devices.Line(number, 1, new_secret()),),
                    label=f"{person.first_name} {person.last_name}",
                    site=person.site,
                    token=new_secret(),
                )
                for index, (number, person) in enumerate(zip(numbers, persons, strict=True))
            )
        ),
    )


def _line() -> trunks.Trunk:
    """A line as many Italian carriers sell it."""
    return trunks.Trunk(
        "carrier",
        "Operatore principale",
        "registration",
        "sip.example.com",
        user="390522123200",
        password=new_secret(),
        number="+390522123200",
        presents_all=True,
        max_calls=8,
    )


def _people() -> Iterator[users.User]:
    """Different people without end."""
    for index in itertools.count():
        first = FIRST[index % len(FIRST)]
        last = LAST[(index * 7 + index // len(FIRST)) % len(LAST)]
        id = f"{slug(first)}-{slug(last)}"
        round_number = index // (len(FIRST) * len(LAST))
        known = f"{id}-{index}" if index >= PEOPLE else id
        yield users.User(
            id=known,
            first_name=first,
            last_name=last if not round_number else f"{last} {round_number + 1}",
            email=f"{slug(first).replace('-', '')}.{slug(last).replace('-', '')}@example.com",
            department=DEPARTMENTS[index % len(DEPARTMENTS)],
            site="parma" if index % 5 == 2 else "main",
        )
