"""Every rule of lint finds what it is for, and is silent about a company that is in order."""

from __future__ import annotations

from dataclasses import replace

import pytest

from appliance.lint import RULES, blocking, lint
from appliance.services import registry
from appliance.services.classes_of_service import ClassOfService, Permission, TimeWindow
from appliance.services.devices import Device, FunctionKey, Line
from appliance.services.dids import DidRange
from appliance.services.dids import State as Dids
from appliance.services.extensions import Extension
from appliance.services.inbound_routes import InboundRoute
from appliance.services.inbound_routes import State as InboundRoutes
from appliance.services.numbering import NumberRange
from appliance.services.numbering import State as Numbering
from appliance.services.organisation import Site
from appliance.services.organisation import State as Organisation
from appliance.services.outbound_routes import OutboundRoute
from appliance.services.outbound_routes import State as Routes
from appliance.services.provisioning import SitePhones
from appliance.services.ring_groups import Member, RingGroup
from appliance.services.ring_groups import State as Groups
from appliance.services.trunks import State as Trunks
from appliance.services.trunks import Trunk
from appliance.services.users import User
from appliance.services.voicemail_boxes import State as Boxes
from appliance.services.voicemail_boxes import VoicemailBox
from appliance.state.fields import Secret
from appliance.state.references import Destination
from appliance.system.bans import Block
from appliance.system.bans import State as Bans
from appliance.system.firewall import State as Firewall
from appliance.system.network import Interface
from appliance.system.network import State as Network
from tests.support import branches

ANNA = Destination("extension", "anna")
SECRET = Secret("a-secret-of-a-line-that-is-long")
MOBILE = Destination("external", "+393381234567")
GERMANY = Destination("external", "+493012345678")


def trunk(id, **fields):
    usual = {"number": "+390522123400", "addresses": (f"203.0.113.{len(id)}",)}
    return Trunk(id, id, "address", f"198.51.100.{len(id)}", **{**usual, **fields})


def in_order():
    """A company about which lint has nothing to say."""
    users = (User("anna", "Anna", "Rossi", "anna@example.it"), User("bruno", "Bruno", "Verdi"))
    extensions = (Extension("anna", "201", "anna"), Extension("bruno", "202", "bruno"))
    devices = tuple(
        Device(f"p-{each.id}", "generic", (Line(each.id, 1, SECRET),)) for each in extensions
    )
    devices = (devices[0], replace(devices[1], lines=(Line("bruno", 1, Secret("b" * 24)),)))
    members = (Member("anna"), Member("bruno"))
    return registry.empty_state().replaced(
        firewall=Firewall(telephones=("10.20.1.0/24",)),
        organisation=Organisation(
            sites=(Site("main", "Sede", "Via Roma 1", number="+390522123400"),)
        ),
        numbering=Numbering(ranges=(NumberRange("people", "people", "200", "299"),
                                    NumberRange("groups", "groups", "400", "499"))),
        users=replace(registry.empty_state()["users"], users=users),
        extensions=replace(registry.empty_state()["extensions"], extensions=extensions),
        devices=replace(registry.empty_state()["devices"], devices=devices),
        ring_groups=Groups((RingGroup("sales", "400", "Vendite", members, fallback=ANNA),)),
        trunks=Trunks((trunk("one"), trunk("second", number="+390599000000"))),
        dids=Dids((DidRange("a", "one", "+390522123400", "+390522123409", otherwise=ANNA),
                   DidRange("b", "second", "+390599000000", "+390599000000", otherwise=ANNA))),
        voicemail_boxes=Boxes((VoicemailBox("anna", "anna", pin=Secret("849362")),)),
    )  # fmt: skip


def changed(**services):
    return in_order().replaced(**services)


def classes(*more, **fields):
    usual = in_order()["classes_of_service"]
    return changed(classes_of_service=replace(usual, classes=(*usual.classes, *more), **fields))


def extension(index=0, **fields):
    found = list(in_order()["extensions"].extensions)
    found[index] = replace(found[index], **fields)
    return changed(extensions=replace(in_order()["extensions"], extensions=tuple(found)))


def more(service, field, *objects):
    state = in_order()[service]
    return changed(**{service: replace(state, **{field: (*getattr(state, field), *objects)})})


def device(**fields):
    found = in_order()["devices"].devices
    return changed(devices=replace(in_order()["devices"],
                                   devices=(replace(found[0], **fields), found[1])))  # fmt: skip


def group(**fields):
    (one,) = in_order()["ring_groups"].groups
    return changed(ring_groups=Groups((replace(one, **fields),)))


def lines(*trunks):
    return changed(trunks=Trunks(trunks))


def circle():
    found = in_order()["extensions"].extensions
    bruno = Destination("extension", "bruno")
    return changed(
        extensions=replace(
            in_order()["extensions"],
            extensions=(replace(found[0], on_no_answer=bruno), replace(found[1], on_busy=ANNA)),
        )
    )


def no_trunks():
    return changed(trunks=Trunks(), dids=Dids())


def window():
    never = TimeWindow("never", "Mai", ())
    special = ClassOfService("special", "S", (Permission("mobile", "never"),))
    usual = in_order()["classes_of_service"]
    return classes(special, windows=(*usual.windows, never))


def walls(**fields):
    return changed(firewall=replace(in_order()["firewall"], **fields))


def blocks(*networks):
    made = tuple(Block(f"b{index}", *each) for index, each in enumerate(networks))
    return changed(bans=Bans(blocks=made))


def site_phones():
    site = SitePhones("main", Secret("a-password-of-web-pages-1A"), networks=("10.20.2.0/24",))
    return changed(provisioning=replace(in_order()["provisioning"], sites=(site,)))


def by_name():
    return Trunk("byname", "By name", "registration", "sip.example.it", user="u",
                 password=Secret("a long password"), number="+390522123400")  # fmt: skip


WRONG = {
    "sip-open-to-the-world": lambda: walls(sip_from_everywhere=True),
    "telephones-reach-nothing": lambda: walls(telephones=()),
    "telephones-of-a-site-shut-out": site_phones,
    "telephones-are-the-internet": lambda: walls(telephones=("93.0.0.0/12",)),
    "line-from-no-address": lambda: lines(trunk("one"), trunk("second"), by_name()),
    "nobody-never-banned": lambda: no_trunks().replaced(firewall=Firewall()),
    "ssh-from-the-internet": lambda: walls(administration=("93.0.0.0/16",)),
    "block-is-over": lambda: blocks(("203.0.114.0/24", "guessed", "2020-01-31")),
    "block-twice": lambda: blocks(("203.0.114.0/24", "a"), ("203.0.114.7/32", "b")),
    "emergency-unreachable": lambda: lines(
        trunk("one", enabled=False), trunk("second", enabled=False)
    ),
    "no-outside-line": no_trunks,
    "single-line": lambda: lines(trunk("one"), trunk("second", enabled=False)),
    "emergency-list-without-112": lambda: changed(numbering=Numbering(emergency=("118",))),
    "did-unassigned": lambda: changed(
        dids=Dids((DidRange("a", "one", "+390522123400", "+390522123409"),))
    ),
    "inbound-route-shadowed": lambda: changed(inbound_routes=InboundRoutes((
        InboundRoute("all", "+390522123400", ANNA, last="+390522123409"),
        InboundRoute("hidden", "+390522123405", ANNA),
    ))),
    "trunk-without-number": lambda: lines(trunk("one", number=""), trunk("second")),
    "trunk-without-dids": lambda: more("trunks", "trunks", trunk("third-line")),
    "trunk-slow-to-notice": lambda: lines(trunk("one", qualify_s=30), trunk("second")),
    "trunk-in-the-clear": lambda: lines(trunk("one", transport="tls"), trunk("second")),
    "route-without-live-line": lambda: changed(
        trunks=Trunks((trunk("one"), trunk("second"), trunk("third-line", enabled=False))),
        outbound_routes=Routes((OutboundRoute("r", ("third-line",), prefixes=("+41",)),)),
    ),
    "forward-above-class": lambda: extension(on_busy=GERMANY),
    "presented-number-not-ours": lambda: extension(presented_number="+390612345678"),
    "site-number-not-ours": lambda: changed(organisation=Organisation(
        sites=(Site("main", "Sede", "Via Roma 1", number="+390612345678"),))),
    "site-without-number": lambda: changed(
        organisation=Organisation(sites=(Site("main", "Sede", "Via Roma 1"),))
    ),
    "site-without-address": lambda: changed(
        organisation=Organisation(sites=(Site("main", "Sede", number="+390522123400"),))
    ),
    "number-hides-outside": lambda: more(
        "extensions", "extensions", Extension("tax", "117", on_unreachable=ANNA)
    ),
    "number-under-prefix": lambda: changed(numbering=Numbering(outside_prefix="2")),
    "class-unused": lambda: classes(ClassOfService("odd", "Mai usata")),
    "window-never-open": window,
    "class-abroad-without-country": lambda: classes(
        ClassOfService("odd", "Estero", (Permission("foreign"),))
    ),
    "costly-class-in-use": lambda: extension(class_of_service="unrestricted"),
    "many-calls-abroad": lambda: classes(foreign_calls_in_all=50),
    "fallback-loop": circle,
    "extension-without-device": lambda: more("extensions", "extensions", Extension("x", "203")),
    "group-nobody-answers": lambda: changed(
        ring_groups=Groups((RingGroup("sales", "400", "Vendite", (Member("x"),)),)),
        extensions=replace(in_order()["extensions"], extensions=(
            *in_order()["extensions"].extensions, Extension("x", "203"))),
    ),
    "group-of-one": lambda: group(members=(Member("anna"),)),
    "group-without-fallback": lambda: group(fallback=None),
    "device-without-line": lambda: more("devices", "devices", Device("bare", "generic", ())),
    "device-without-mac": lambda: device(
        token=Secret("t" * 40), web_password=Secret("w" * 20), mac=""
    ),
    "key-watches-itself": lambda: device(keys=(FunctionKey(1, "blf", watches=ANNA),)),
    "user-without-extension": lambda: more("users", "users", User("carlo", "Carlo", "Neri")),
    "same-name": lambda: more("users", "users", User("anna2", "Anna", "Rossi")),
    "same-mail": lambda: more("users", "users", User("x", "X", "Y", "ANNA@example.it")),
    "number-outside-ranges": lambda: extension(number="301"),
    "weak-pin": lambda: changed(
        voicemail_boxes=Boxes((VoicemailBox("anna", "anna", pin=Secret("849362")),
                               VoicemailBox("bruno", "bruno", pin=Secret("849362"))))
    ),
    "voicemail-unheard": lambda: changed(
        extensions=replace(in_order()["extensions"], extensions=(
            *in_order()["extensions"].extensions, Extension("x", "203", on_unreachable=ANNA))),
        voicemail_boxes=Boxes((VoicemailBox("x", "x", send_mail=False),)),
    ),
}  # fmt: skip

QUICK = {"up_kbits": 50_000, "down_kbits": 50_000}


def branch(*lines, **fields):
    """The main site as a branch with these lines, or with two good ones."""
    lines = lines or (internet("wan1"), internet("wan2"))
    return changed(vpn=branches.state(branches.branch("main", 1, lines=lines, **fields)))


def internet(id, **fields):
    return branches.line(id, **{**QUICK, "provider": id, **fields})


WRONG |= {
    "branch-line-too-small": lambda: branch(internet("wan1", up_kbits=500), internet("wan2")),
    "branch-line-speed-unknown": lambda: branch(internet("wan1", up_kbits=0), internet("wan2")),
    "branch-one-line": lambda: branch(internet("wan1")),
    "branch-one-provider": lambda: branch(
        internet("wan1", provider="TIM"), internet("wan2", provider="Tim")
    ),
    "branch-mobile-without-cap": lambda: branch(internet("wan1"), internet("wan2", kind="4g")),
    "branch-voice-duplicated-over-metered": lambda: branch(
        internet("wan1"), internet("wan2", metered=True), mode="protected"
    ),
    "branch-data-lines-only": lambda: branch(
        internet("wan1", carries="data"), internet("wan2", carries="data")
    ),
}


def own_network(dns=(), **fields):
    """The machine at a fixed address."""
    lan = {"ipv4": "static", "address": "192.0.2.10/24", "ipv6": "off", **fields}
    interfaces = (Interface(id="lan", name="ens3", **lan),)
    return changed(network=Network(True, "pbx.example.com", dns=dns, interfaces=interfaces))


WRONG |= {
    "network-dns-unreachable": lambda: own_network(("198.51.100.53",)),
    "network-without-dns": lambda: own_network(gateway="192.0.2.1"),
    "network-without-gateway": lambda: own_network(("192.0.2.53",)),
}


@pytest.mark.row("D1")
@pytest.mark.parametrize(
    "state",
    [
        lambda: own_network(("198.51.100.53",), gateway="192.0.2.1"),
        lambda: own_network(("192.0.2.53",), gateway="192.0.2.1"),
        lambda: own_network(ipv4="dhcp"),
        lambda: own_network(("2001:db8::53",), gateway="192.0.2.1", ipv6="automatic"),
    ],
)
def test_a_network_that_reaches_its_name_server_hears_nothing(state):
    assert [each.message for each in lint(state())] == []


@pytest.mark.row("B1")
def test_a_branch_that_is_in_order_hears_nothing():
    assert [each.message for each in lint(branch())] == []


@pytest.mark.row("N6")
def test_a_company_that_is_in_order_hears_nothing():
    assert [f"{each.rule} {each.where}: {each.message}" for each in lint(in_order())] == []


@pytest.mark.row("N6")
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_finds_what_it_is_for_and_says_what_to_do(rule):
    state = WRONG[rule.id]()
    found = [each for each in lint(state) if each.rule == rule.id]
    assert found, [each.rule for each in lint(state)]
    for each in found:
        assert each.message
        assert each.advice.endswith(".")
        assert each.where.split("/")[0] in registry.SERVICES


def test_every_rule_has_a_case_that_fails_and_no_case_is_left_over():
    assert set(WRONG) == {rule.id for rule in RULES}
    assert len({rule.id for rule in RULES}) == len(RULES) >= 20


def test_errors_come_first():
    state = circle().replaced(organisation=Organisation())
    severities = [each.severity for each in lint(state)]
    assert severities == sorted(severities, key=["error", "warning", "advice"].index)


@pytest.mark.row("P17")
def test_a_class_that_cannot_reach_emergency_stops_the_plan():
    found = blocking(WRONG["emergency-unreachable"]())
    assert {each.rule for each in found} == {"emergency-unreachable"}
    assert not blocking(in_order())
    assert not blocking(no_trunks()), "a company without a line yet must be able to begin"
