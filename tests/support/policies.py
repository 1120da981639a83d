"""Companies with an outbound policy, for tests of the decision and of the dialplan."""

from __future__ import annotations

from typing import Any

from appliance.services import registry
from appliance.services.classes_of_service import (
    OPENING_HOURS,
    STANDARD,
    ClassOfService,
    NumberRule,
    Opening,
    Permission,
    TimeWindow,
)
from appliance.services.classes_of_service import State as Classes
from appliance.services.dids import DidRange
from appliance.services.dids import State as Dids
from appliance.services.extensions import Extension
from appliance.services.extensions import State as Extensions
from appliance.services.numbering import State as Numbering
from appliance.services.organisation import Site
from appliance.services.organisation import State as Organisation
from appliance.services.outbound_routes import OutboundRoute
from appliance.services.outbound_routes import State as Routes
from appliance.services.trunks import State as Trunks
from appliance.services.trunks import Trunk
from appliance.services.users import State as Users
from appliance.services.users import User
from appliance.state.fields import Secret
from appliance.state.system_state import SystemState

SITES = (
    Site("main", "Reggio Emilia", "Via Roma 1", number="+390522123400"),
    Site("branch", "Bolzano", "Viale Druso 2", number="+390471555000"),
    Site("far", "New York", time_zone="America/New_York"),
)

NIGHT = TimeWindow(
    "night",
    "Notte",
    (Opening(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), "22:00", "24:00"),
     Opening(("sun",), "00:00", "06:30")),
)  # fmt: skip

TRAVEL = ClassOfService(
    "travel",
    "Ufficio viaggi",
    (Permission("national"), Permission("mobile", NIGHT.id), Permission("foreign")),
    ("DE", "GB", "US", "CH"),
    exceptions=(
        NumberRule("+39199"),
        NumberRule("+39199123", "always"),
        NumberRule("+4930", OPENING_HOURS.id),
        NumberRule("+44"),
        NumberRule("+442", NIGHT.id),
    ),
)

PEOPLE = {
    # number: class, own number shown, site
    "210": ("internal", "", "main"),
    "215": ("national", "", "main"),
    "216": ("international", "+390522123477", "branch"),
    "217": ("unrestricted", "+390471555017", "far"),
    "218": ("travel", "", "branch"),
    "3051": ("national", "", "main"),
}

TRUNKS = (
    Trunk("tim", "TIM", "registration", "ims.example.it", user="+390522123400",
          password=Secret("pa;ss"), number="+390522123400", priority=10),
    Trunk("bolzano", "Linea Bolzano", "address", "203.0.113.9", number="+390471555000",
          number_format="national", caller_format="national", received_format="national",
          priority=20),
    Trunk("spare", "Riserva", "address", "198.51.100.7", number="+390599000000",
          number_format="plain", caller_format="zeros", presents_all=True, priority=30),
    Trunk("off", "Spenta", "address", "192.0.2.1", enabled=False, priority=1),
)  # fmt: skip

ROUTES = (
    OutboundRoute("branch-local", ("bolzano", "tim"), categories=("local", "national", "mobile"),
                  sites=("branch",)),
    OutboundRoute("swiss", ("spare",), prefixes=("+41", "+423")),
    OutboundRoute("abroad", ("spare", "tim", "off"), categories=("foreign", "satellite")),
)  # fmt: skip

RANGES = (
    DidRange("block", "tim", "+390522123400", "+390522123499", direct_digits=2,
             direct_prefix="2"),
    DidRange("bolzano", "bolzano", "+390471555000", "+390471555099"),
)  # fmt: skip


def policy_company(
    *, country: str = "IT", prefix: str = "", area_code: str = "", **services: Any
) -> SystemState:
    """People of every class at three sites, three lines, routes and number ranges."""
    users = Users(tuple(User(f"u{n}", "", f"P{n}", site=s) for n, (_, _, s) in PEOPLE.items()))
    extensions = Extensions(
        tuple(
            Extension(n, n, f"u{n}", class_of_service=c, presented_number=shown)
            for n, (c, shown, _) in PEOPLE.items()
        )
    )
    base = registry.empty_state().replaced(
        organisation=Organisation(country=country, sites=SITES),
        numbering=Numbering(prefix, area_code),
        users=users,
        classes_of_service=Classes((*STANDARD, TRAVEL), (OPENING_HOURS, NIGHT)),
        extensions=extensions,
        trunks=Trunks(TRUNKS),
        outbound_routes=Routes(ROUTES),
        dids=Dids(RANGES),
    )
    return base.replaced(**services)
