"""Every model's file, read back by an independent reader and compared with what was meant."""

import dataclasses
import re
from pathlib import Path

import pytest

from appliance.services.devices import CODECS, FunctionKey, Line
from appliance.services.feature_codes import State as FeatureCodes
from appliance.state.fields import Secret
from appliance.state.references import Destination
from provisioning import catalogue, keys, phones, render
from tests.support import phone_estate
from tests.support.phone_estate import KEYS, device, phone
from tests.support.vendors.readers import READERS

MODELS = tuple(catalogue.models())
FAMILY_MODELS = ("yealink-t54w", "snom-d785", "snom-d865", "cisco-8851")
CODES = phones.Codes("*8", "*9", "700", "*97")
VOCABULARY = Path(phone_estate.__file__).parent / "vendors/vocabulary"


def read(wanted):
    return READERS[wanted.model.vendor](render.configuration(wanted).content, wanted.mac)


@pytest.mark.row("K4")
def test_there_are_models_of_three_vendors():
    vendors = [model.vendor for model in catalogue.models().values()]
    assert len(vendors) >= 20
    assert {vendor: vendors.count(vendor) >= 7 for vendor in set(vendors)} == {
        "yealink": True,
        "snom": True,
        "cisco": True,
    }


@pytest.mark.row("K4")
@pytest.mark.parametrize("model", MODELS)
def test_a_phone_understands_what_was_meant(model):
    wanted = dataclasses.replace(phone(device(model, keys=KEYS, transport="tls")), codes=CODES)
    found = read(wanted)
    (account,) = found.accounts
    assert (account.server, account.port, account.transport) == ("192.0.2.10", 5061, "tls")
    assert (account.user, account.auth) == ("215-1", "215-1")
    assert account.secret == "Line-Secret_" + "x" * 12
    assert account.name == phone_estate.HOSTILE_NAME.replace(
        "%NULL%", "% NULL %" if wanted.model.vendor == "yealink" else "%NULL%"
    )
    assert account.codecs == CODECS["tls"]
    assert account.srtp
    assert account.expires_s == wanted.expires_s
    assert account.retry_s == wanted.retry_s
    assert found.voicemail == "*97"
    assert found.web_password == phone_estate.WEB
    assert found.ntp_server == "192.0.2.10"
    assert found.language in ("Italian", "Italiano")
    assert found.authority == "http://192.0.2.10/provisioning/authority.crt"
    assert found.refresh_s == 3600
    folder, _, name = found.next_url.rpartition("/")
    assert folder == f"https://192.0.2.10/provisioning/p/{phone_estate.TOKEN}"
    assert name.lower() in (f"{wanted.mac}.cfg", f"{wanted.mac}.xml")


@pytest.mark.row("K4")
@pytest.mark.parametrize("model", MODELS)
def test_every_account_and_key_that_is_not_used_is_switched_off(model):
    wanted = phone(device(model, keys=KEYS))
    found, facts = read(wanted), wanted.model.facts
    assert found.off == frozenset(range(2, facts.accounts + 1))
    used = {key.position for key in KEYS if key.position <= facts.keys}
    assert {place for place in found.keys if place[0] == 0} == {(0, n) for n in used}
    assert found.idle == {(0, n) for n in range(1, facts.keys + 1) if n not in used}


@pytest.mark.parametrize("model", MODELS)
def test_a_key_beyond_the_capacity_is_reported_and_not_written(model):
    facts = catalogue.models()[model].facts
    beyond = FunctionKey(facts.keys + 1, "speed_dial", number="118")
    wanted = phone(device(model, keys=(beyond,)))
    assert str(facts.keys + 1) in " ".join(map(str, render.problems(wanted)))
    assert "118" not in {key.value for key in read(wanted).keys.values()}


@pytest.mark.parametrize("model", FAMILY_MODELS)
def test_keys_do_what_was_wished(model):
    wanted = dataclasses.replace(phone(device(model, keys=KEYS)), codes=CODES)
    found = read(wanted).keys
    assert (found[0, 1].kind, found[0, 1].line) == ("line", 1)
    lamp = found[0, 2]
    assert (lamp.kind, lamp.value, lamp.pickup) == ("blf", "216", "*8")
    assert lamp.label == "Élodie Müller-Ça"
    speed = found[0, 4]
    assert (speed.kind, speed.value) == ("speed_dial", "+390522123456")
    assert speed.label == "Ing. Rossi; sede & <B>"


def test_keys_go_on_in_the_side_modules():
    plenty = tuple(FunctionKey(n, "speed_dial", number=f"{n}") for n in (27, 28, 87, 88))
    wanted = phone(device("yealink-t54w", keys=plenty, expansion_modules=2))
    found = {place: key.value for place, key in read(wanted).keys.items() if key.kind != "line"}
    assert found == {(0, 27): "27", (1, 1): "28", (1, 60): "87", (2, 1): "88"}
    assert not [p for p in render.problems(wanted) if "beyond" in str(p)]


def test_a_phone_takes_no_more_modules_than_its_model():
    facts = catalogue.models()["snom-d785"]
    assert facts.capacity(99) == 24 + 4 * 18
    assert keys.place(facts, 24 + 19) == keys.Place(2, 1)


@pytest.mark.parametrize("model", FAMILY_MODELS)
def test_a_phone_with_two_lines_has_a_key_for_each(model):
    lines = tuple(Line(n, 1, Secret(n * 8)) for n in ("215", "216"))
    lamp = FunctionKey(1, "blf", watches=Destination("extension", "217"))
    found = read(phone(device(model, lines=lines, keys=(lamp,))))
    assert [account.user for account in found.accounts] == ["215-1", "216-1"]
    assert [(found.keys[0, n].kind, found.keys[0, n].line) for n in (2, 3)] == [
        ("line", 1),
        ("line", 2),
    ]


def test_lines_beyond_the_model_are_left_out_and_reported():
    lines = tuple(Line(n, 1, Secret(n * 8)) for n in ("215", "216"))
    wanted = phone(device("cisco-7811", lines=lines))
    assert [account.index for account in read(wanted).accounts] == [1]
    assert "2 are wished" in " ".join(map(str, render.problems(wanted)))


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
@pytest.mark.parametrize("model", FAMILY_MODELS)
def test_codecs_and_encryption_are_those_of_the_endpoint(model, transport):
    (account,) = read(phone(device(model, transport=transport))).accounts
    assert account.codecs == CODECS[transport]
    assert account.srtp == (transport == "tls")
    assert account.port == (5061 if transport == "tls" else 5060)


def known_names(vendor):
    """One pattern for all names of a vendor's vocabulary; N stands for a number."""
    lines = (VOCABULARY / f"{vendor}.txt").read_text().splitlines()
    names = (re.escape(line) for line in lines if line and line[0] != "#")
    number = r"(?<![A-Za-z0-9])N(?![A-Za-z0-9])"
    return re.compile("|".join(re.sub(number, r"\\d+", name) for name in names))


@pytest.mark.parametrize("model", MODELS)
def test_only_parameters_that_the_vendor_knows_are_written(model):
    wanted = phone(device(model, keys=KEYS, expansion_modules=1))
    known = known_names(wanted.model.vendor)
    for served in (render.configuration(wanted), render.introduction(wanted)):
        names = READERS[wanted.model.vendor](served.content, wanted.mac).names
        assert [name for name in names if not known.fullmatch(name)] == []


@pytest.mark.parametrize("model", FAMILY_MODELS)
def test_a_code_is_the_same_for_the_dialplan_and_for_phones(model):
    def told(**codes):
        wanted = device(model, keys=KEYS)
        state = phone_estate.company(wanted).replaced(feature_codes=FeatureCodes(**codes))
        door = phones.door(state, phone_estate.FACTS)
        found = read(phones.phone_of(phones.Estate(state), wanted, door))
        return found.keys[0, 2].pickup, found.voicemail

    assert told() == ("**", "*97")
    assert told(directed_pickup="*5", own_voicemail="*1") == ("*5", "*1")


HOSTILE = (
    "a\u00a0b",
    "& < > \" ' ]]> <!-- -->",
    "%NULL%",
    "#!version:1.0.0.1",
    "account.1.enable = 0",
    "x" * 80,
    "{{ 7*7 }} {% raw %}",
    "日本語 ﷽ 🙂",
    "$PROXY;fnc=xml;url=http://evil",
    "speed 1|*8 2",
    "a=b;c=d#e\\n",
)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("model", FAMILY_MODELS)
def test_no_name_or_label_changes_what_the_rest_of_the_file_means(model, text):
    plain = phone(device(model, keys=KEYS))

    def named(name):
        accounts = (dataclasses.replace(plain.accounts[0], name=name),)
        wished = tuple(
            dataclasses.replace(k, label=name if k.kind != "line" else "") for k in plain.keys
        )
        return read(dataclasses.replace(plain, accounts=accounts, keys=wished))

    def bare(found):
        labels = {place: dataclasses.replace(key, label="") for place, key in found.keys.items()}
        accounts = tuple(dataclasses.replace(each, name="") for each in found.accounts)
        clock = (found.clock.offset_s, found.clock.saving_s)
        return dataclasses.replace(found, keys=labels, accounts=accounts, clock=clock)

    hostile = named(text)
    assert bare(hostile) == bare(named("Anna"))
    if text != "%NULL%":
        assert hostile.accounts[0].name == text


@pytest.mark.parametrize("model", FAMILY_MODELS)
def test_two_renders_give_the_same_bytes(model):
    wanted = phone(device(model, keys=KEYS))
    assert render.configuration(wanted) == render.configuration(phone(device(model, keys=KEYS)))


@pytest.mark.parametrize("model", FAMILY_MODELS)
def test_a_preview_holds_no_secret(model):
    wanted = phone(device(model, keys=KEYS))
    text = render.preview(wanted)
    for secret in ("Line-Secret_", phone_estate.TOKEN, phone_estate.WEB):
        assert secret not in text
    assert text.count(render.DOTS) >= 3


@pytest.mark.row("K4")
@pytest.mark.parametrize("model", FAMILY_MODELS)
def test_the_first_stage_tells_only_where_to_ask_next(model):
    wanted = phone(device(model, keys=KEYS))
    served = render.introduction(wanted)
    found = READERS[wanted.model.vendor](served.content, wanted.mac)
    assert (found.accounts, found.keys) == ((), {})
    for secret in ("Line-Secret_", phone_estate.WEB, "215"):
        assert secret not in served.content.decode()
    assert found.next_url.startswith(f"https://192.0.2.10/provisioning/p/{phone_estate.TOKEN}/")


def test_a_changed_lamp_changes_that_phone_alone():
    one, two = (
        device("yealink-t54w", 1),
        device("yealink-t54w", 2, lines=(Line("216", 1, Secret("s" * 24)),)),
    )

    def files(*devices):
        state = phone_estate.company(*devices)
        estate, door = phones.Estate(state), phones.door(state, phone_estate.FACTS)
        return [render.configuration(phones.phone_of(estate, d, door)).sha256 for d in devices]

    before = files(one, two)
    after = files(dataclasses.replace(one, keys=KEYS), two)
    assert before[0] != after[0]
    assert before[1] == after[1]


def test_a_phone_by_ipv6_gets_brackets_where_they_belong():
    for model in FAMILY_MODELS:
        wanted = phone(device(model), phone_host="2001:db8::10")
        found = read(wanted)
        assert found.accounts[0].server == "2001:db8::10"
        assert found.next_url.startswith("https://[2001:db8::10]/")


def test_a_device_without_token_mac_or_known_model_is_not_served():
    state = phone_estate.company(
        device("yealink-t54w", 1),
        device("yealink-t54w", 2, token=Secret(""), lines=()),
        device("yealink-t54w", 3, mac="", lines=()),
        device("softphone", 4, lines=()),
        device("yealink-t54w", 5, transport="wss", lines=()),
    )
    assert [each.id for each in phones.provisioned(state)] == ["phone-1"]
