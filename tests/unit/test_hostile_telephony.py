"""Values that want to be syntax, through every text of the telephony services.

Whatever somebody types is either refused by name, or stands in the file as what it is: the
rendered files are read by an independent reader and compared with what was meant.
"""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from appliance.asterisk.voicemail_texts import TEXTS
from appliance.services import registry
from appliance.state.faults import StateError
from appliance.state.machine import Machine
from appliance.state.system_state import SCHEMA_VERSION
from tests.support.asterisk_config import NotUnderstood, as_map, read

MACHINE = Machine()

NASTY = (
    ";",
    "\\;",
    ";--",
    "--;",
    "#include",
    "#exec /bin/sh",
    "[default]",
    "](!)",
    "${EXTEN}",
    "$[1+1]",
    "&PJSIP/1",
    ",1,x",
    "|delete=yes",
    '"',
    "'",
    "=",
    "=>",
    "<sip:1@h>",
    "\n",
    "\r\n",
    "\x00",
    "\u202e",
    "\u2028",
    "%0d%0a",
    " ",
    "日本",
    "Niccolò",
    "x" * 90,
)

texts = st.lists(st.one_of(st.sampled_from(NASTY), st.text(max_size=6)), max_size=6).map("".join)


def company(name="Anna", group="Vendite", prefix="V", pickup="Vendite", music="Inverno", email=""):
    """Plain data of a company in which every free text of telephony can be chosen."""
    return {
        "users": {"users": [{"id": "anna", "first_name": "", "last_name": name, "email": email}]},
        "extensions": {
            "extensions": [
                {"id": "anna", "number": "201", "user": "anna"},
                {"id": "room", "number": "202", "user": None, "label": name},
            ]
        },
        "ring_groups": {
            "groups": [
                {
                    "id": "sales",
                    "number": "300",
                    "name": group,
                    "caller_prefix": prefix,
                    "members": [{"extension": "anna"}],
                }
            ]
        },
        "pickup_groups": {"groups": [{"id": "sales", "name": pickup, "members": ["anna"]}]},
        "voicemail_boxes": {
            "boxes": [{"id": "anna", "extension": "anna"}, {"id": "room", "extension": "room"}]
        },
        "music_on_hold": {"classes": [{"id": "winter", "name": music}]},
    }


def files(data):
    """Path -> text of what the telephony services render; StateError for refused values."""
    state = registry.decode({"schema_version": SCHEMA_VERSION, "services": data})
    faults = registry.check(state)
    if faults:
        raise StateError(faults)
    known = registry.references(state)
    names = (*data, "feature_codes")
    return {
        file.path.rpartition("/")[2]: file.content.decode()
        for name in names
        for file in registry.SERVICES[name].files(state[name], known, MACHINE)
    }


def shown(name):
    """A display name as files hold it: signs that quote or bracket a name become blanks."""
    return re.sub(r'["\\<>]', " ", name).strip()


@settings(max_examples=150)
@given(name=texts, group=texts, prefix=texts, pickup=texts, music=texts)
@example(name="a\\;b", group=";--", prefix="\\", pickup="x", music="y")
def test_every_text_is_refused_or_stands_for_itself(name, group, prefix, pickup, music):
    harmless = files(company())
    try:
        rendered = files(company(name, group, prefix, pickup, music))
    except StateError:
        return
    people = as_map(rendered["map_extensions.conf"])
    assert set(people) == {"201", "202"}
    assert people["201"]["name"] == shown(name)
    groups = as_map(rendered["map_ring_groups.conf"])
    assert (groups["300"]["name"], groups["300"]["prefix"]) == (shown(group), shown(prefix))
    for path, text in rendered.items():
        assert structure(text) == structure(harmless[path]), path


def structure(text):
    """Everything of a file but the values: what a hostile value must not change."""
    return [
        (section.name, section.options, [name for name, _value in section.lines])
        for section in read(text)
    ]


@settings(max_examples=150)
@given(name=texts)
def test_a_name_makes_no_field_of_a_voicemail_box(name):
    try:
        rendered = files(company(name))
    except StateError:
        return
    boxes = as_map(rendered["voicemail.conf"])["default"]
    for number in ("201", "202"):
        password, shown_name, mail, pager, options = boxes[number].split(",", 4)
        assert (password, mail, pager) == ("-", "", "")
        assert options.startswith("attach=yes|delete=no|")
        assert not set(shown_name) & set('"<>\\${}|')


@pytest.mark.parametrize("language", sorted(TEXTS))
def test_the_texts_of_mails_hold_no_sign_with_a_meaning_in_voicemail_conf(language):
    text = TEXTS[language]
    assert not set(text.subject + text.body) & set("|;\n")


@settings(max_examples=150)
@given(local=texts)
def test_an_address_for_voicemail_is_refused_or_stays_what_it_is(local):
    try:
        rendered = files(company(email=f"{local}@example.it"))
    except StateError:
        return
    box = as_map(rendered["voicemail.conf"])["default"]["201"]
    assert box.split(",")[2] == f"{local}@example.it"


@pytest.mark.parametrize(
    ("service", "data", "where"),
    [
        ("feature_codes", {"group_pickup": "*8;"}, "feature_codes/group_pickup"),
        ("feature_codes", {"directed_pickup": "*8"}, None),
        ("feature_codes", {"own_voicemail": "**201"}, "feature_codes/own_voicemail"),
        ("feature_codes", {"blind_transfer": "*2"}, "feature_codes/attended_transfer"),
        ("feature_codes", {"voicemail": "98"}, "feature_codes/voicemail"),
        ("mail", {"server": "h -x", "sender": "a@b.it"}, "mail/server"),
        ("mail", {"server": "h", "sender": ""}, "mail/sender"),
        ("mail", {"user": "a b", "password": "x"}, "mail/user"),
        ("mail", {"user": "a", "password": "x y"}, "mail/password"),
        ("mail", {"user": "a", "password": "x\ny"}, "mail/password"),
        ("mail", {"user": "a", "password": ""}, "mail/password"),
        ("mail", {"user": "a", "password": "x", "security": "none"}, "mail/security"),
        ("music_on_hold", {"classes": [{"id": "../etc", "name": "x"}]}, None),
        ("music_on_hold", {"classes": [{"id": "default", "name": "x"}]}, "music_on_hold/default"),
        ("music_on_hold", {"default_class": "none"}, "music_on_hold/default_class"),
        (
            "music_on_hold",
            {"default_class": "w", "classes": [{"id": "w", "name": "x"}]},
            "music_on_hold/default_class",
        ),
        ("music_on_hold", {"classes": [{"id": "w", "name": "x", "pieces": ["a/../b"]}]}, None),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_its_place(service, data, where):
    with pytest.raises(StateError) as caught:
        files({**company(), service: data})
    if where:
        assert where in [fault.where for fault in caught.value.faults]


@pytest.mark.row("P12")
@pytest.mark.parametrize(
    "pin",
    ["1234", "123456", "987654", "000000", "12121", "121212", "202202", "020299", "12345a",
     "１２３４５６", "7304120000000"],
)  # fmt: skip
def test_a_pin_that_somebody_would_try_first_is_refused(pin):
    data = company()
    data["voicemail_boxes"]["boxes"][1]["pin"] = pin
    with pytest.raises(StateError) as caught:
        files(data)
    assert [fault.where for fault in caught.value.faults] == ["voicemail_boxes/room/pin"]


@pytest.mark.row("P12")
def test_no_file_holds_a_pin():
    data = company()
    data["voicemail_boxes"]["boxes"][0]["pin"] = "730412"
    assert not any("730412" in text for text in files(data).values())


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"on_busy": {"kind": "extension", "id": "anna"}}, "extensions/anna/on_busy"),
        ({"on_no_answer": {"kind": "extension", "id": "nobody"}}, "extensions/anna/on_no_answer"),
        ({"on_unreachable": {"kind": "user", "id": "anna"}}, "extensions/anna/on_unreachable"),
        ({"number": "300"}, "ring_groups/sales"),
    ],
)
def test_a_destination_that_cannot_be_is_refused(change, where):
    data = company()
    data["extensions"]["extensions"][0] |= change
    with pytest.raises(StateError) as caught:
        files(data)
    assert where in [fault.where for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"members": []}, "ring_groups/sales/members"),
        ({"members": [{"extension": "sales"}]}, "ring_groups/sales/members"),
        ({"members": [{"extension": "anna"}] * 2}, "ring_groups/sales/members"),
        ({"fallback": {"kind": "ring_group", "id": "sales"}}, "ring_groups/sales/fallback"),
    ],
)
def test_a_ring_group_that_cannot_work_is_refused(change, where):
    data = company()
    data["ring_groups"]["groups"][0] |= change
    with pytest.raises(StateError) as caught:
        files(data)
    assert where in [fault.where for fault in caught.value.faults]


def test_the_reader_refuses_what_is_syntax():
    for text in ("#include x", "[a]\n;-- b", "a = b", "[a]\nb"):
        with pytest.raises(NotUnderstood):
            read(text)
    assert as_map("[a]\nb = c\\;d ; e")["a"]["b"] == "c;d"
