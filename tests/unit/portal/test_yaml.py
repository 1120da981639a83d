"""The system as YAML: the same bytes again, secrets apart, hostile files refused."""

import pytest

from appliance.state.system_state import encode_system
from appliance.system import network
from portal import sample
from portal.core import draft, yaml_files
from portal.core.db import transaction
from portal.core.yaml_files import YamlError


@pytest.mark.row("N7")
def test_what_is_written_and_read_and_written_again_is_the_same_to_the_byte(inside, tmp_path):
    with transaction():
        draft.replace(sample.company(), "test")
    first, second = tmp_path / "one.yaml", tmp_path / "two.yaml"
    yaml_files.write(first, draft.state())
    with transaction():
        draft.replace(yaml_files.read(first), "test")
    yaml_files.write(second, draft.state())
    assert first.read_bytes() == second.read_bytes()
    beside = [yaml_files.secrets_beside(path).read_bytes() for path in (first, second)]
    assert beside[0] == beside[1]
    assert encode_system(yaml_files.read(second)) == encode_system(draft.state())


@pytest.mark.row("N7", "D1")
def test_the_network_of_a_machine_goes_through_a_file_and_back(tmp_path):
    lan = network.Interface(
        id="lan", mac="00:50:56:a1:b2:c3", ipv4="static", address="192.0.2.10/24",
        routes=(network.Route("10.30.0.0/16", "192.0.2.9"),),
    )  # fmt: skip
    vlan = network.Vlan(id="voice", label="Voce", parent="lan", number=40)
    wanted = network.State(
        managed=True, host_name="pbx.example.com", dns=("192.0.2.53",),
        interfaces=(lan,), vlans=(vlan,),
    )  # fmt: skip
    path = tmp_path / "company.yaml"
    yaml_files.write(path, sample.company(1).replaced(network=wanted))
    assert yaml_files.read(path)["network"] == wanted


@pytest.mark.row("N7")
def test_secrets_stand_only_in_the_second_file_for_the_owner_alone(tmp_path):
    path = tmp_path / "company.yaml"
    state = sample.company(5)
    beside = yaml_files.write(path, state)
    text = state["devices"].devices[0].lines[0].secret.reveal()
    assert text not in path.read_text()
    assert text in beside.read_text()
    assert beside.stat().st_mode & 0o777 == 0o600


def test_a_missing_secret_is_named_by_its_place(tmp_path):
    path = tmp_path / "company.yaml"
    yaml_files.write(path, sample.company(1)).unlink()
    with pytest.raises(YamlError, match="devices/0015651a0000/lines/0/secret"):
        yaml_files.read(path)


BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"


@pytest.mark.row("N7")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BOMB, "aliases"),
        ("a: *unknown\n", "alias"),
        ("a: !!python/object/apply:os.system ['true']\n", "tags"),
        ("a: !!str 5\n", "tags"),
        ("a: !secret x\n", "tags"),
        ("a: 1\na: 2\n", "twice"),
        ("a: {b: 1, b: 2}\n", "twice"),
        ("1: a\n", "keys must be texts"),
        ("? [a, b]\n: c\n", "keys must be texts"),
        ("<<: {a: 1}\n", "keys must be texts"),
        ("[" * 100 + "]" * 100, "nested"),
        ("a: 'b\n", "quoted"),
        ("a: 1\n---\nb: 2\n", "document"),
        ("a: \x07\n", "character"),
        (b"\xff\xfe\x00", "UTF-8"),
    ],
)
def test_a_hostile_file_is_refused_with_a_reason(text, said):
    with pytest.raises(YamlError, match=said):
        yaml_files.load(text if isinstance(text, bytes) else text.encode())


def test_a_very_large_file_is_refused_before_it_is_read(monkeypatch):
    monkeypatch.setattr(yaml_files, "LARGEST_FILE", 10)
    with pytest.raises(YamlError, match="larger"):
        yaml_files.load(b"a" * 11)
