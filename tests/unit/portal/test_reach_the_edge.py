"""Which services the page of changes asks the engine about, since a confirmation may be needed."""

import pytest

from appliance.asterisk import reloads
from appliance.services import registry
from appliance.system import edge_facts
from portal.changes.views import REACH_THE_EDGE

CAREFUL = {name for name, value in vars(reloads).items() if value in tuple(reloads.CAREFUL)}
EDGE = tuple(
    value
    for value in vars(edge_facts).values()
    if getattr(value, "__module__", "").startswith("appliance.system.")
)


def speaks_of_the_edge(module):
    """Whether a service yields or reads facts of the edge, or loads files that may cut somebody
    off. For each of these it needs a name of one of two modules."""
    names = vars(module)
    facts = any(value in (edge_facts, *EDGE) for value in names.values())
    return facts or bool(CAREFUL & names.keys())


@pytest.mark.row("N4")
def test_every_service_whose_wishes_reach_network_firewall_or_tunnels_is_asked_about():
    assert {"NETWORK", "FIREWALL", "VPN"} == CAREFUL
    found = {n for n, service in registry.SERVICES.items() if speaks_of_the_edge(service)}
    assert found == REACH_THE_EDGE
