"""Nothing of a bundle is believed before its signature, and nothing after it unread."""

import io
import struct

import pytest

from appliance.updates import bundle
from appliance.updates.refused import UpdateRefused
from tests.support.slots import made_bundle, signed
from tools.image import signing

FIRST_LENGTH = slice(16, 20)


def opened(data, machine, **options):
    keys = sorted((machine.folder / "keys").glob("*.pem"))
    return bundle.opened(io.BytesIO(data), keys, **options)


@pytest.fixture
def made(machine):
    return made_bundle(machine.folder, machine.private)


def test_a_signed_bundle_gives_its_parts(machine, made):
    found = opened(made, machine)
    assert found.manifest.release.version == "1.1.0"
    parts = {}
    for name in bundle.PARTS:
        pieces = []
        found.copy(name, pieces.append, lambda _done: None)
        parts[name] = b"".join(pieces)
    assert parts["system"] == b"system" * 100_000
    assert parts["initrd"] == b"first"


def test_a_bundle_of_a_stranger_is_refused(machine):
    stranger = machine.folder / "stranger.pem"
    signing.make_key(stranger)
    with pytest.raises(UpdateRefused, match="signature"):
        opened(made_bundle(machine.folder, stranger), machine)


def test_any_of_several_keys_is_believed_while_keys_are_changed(machine):
    following = machine.folder / "next.pem"
    signing.make_key(following)
    (machine.folder / "keys/next.pem").write_bytes(signing.public_key(following))
    assert opened(made_bundle(machine.folder, following), machine).manifest.release


def test_without_any_key_nothing_is_believed(made):
    with pytest.raises(UpdateRefused, match="signature"):
        bundle.opened(io.BytesIO(made), [])


def test_the_manifest_is_not_even_read_before_its_signature(machine):
    """A text that no JSON reader would survive stays a wrong signature."""
    text = b"[" * 60_000
    data = struct.pack(">16sI64s", bundle.MAGIC, len(text), b"\1" * 64) + text
    with pytest.raises(UpdateRefused, match="signature"):
        opened(data, machine)


@pytest.mark.parametrize("at", [20, 83, 84, 200])
def test_one_changed_byte_of_signature_or_manifest_is_noticed(machine, made, at):
    changed = bytearray(made)
    changed[at] ^= 1
    with pytest.raises(UpdateRefused):
        opened(bytes(changed), machine)


def test_one_changed_byte_of_a_part_is_noticed_while_it_is_copied(machine, made):
    changed = bytearray(made)
    changed[-100_000] ^= 1
    found = opened(bytes(changed), machine)
    with pytest.raises(UpdateRefused, match="damaged"):
        found.copy("system", lambda _piece: None, lambda _done: None)


@pytest.mark.parametrize("length", [0, 15, 83, 120, -1])
def test_a_file_that_is_cut_off_is_refused(machine, made, length):
    with pytest.raises(UpdateRefused, match=r"cut off|no update"):
        opened(made[:length], machine)


@pytest.mark.parametrize("length", [0, bundle.LONGEST_MANIFEST + 1, 2**32 - 1])
def test_a_manifest_of_impossible_length_is_not_read(machine, length):
    data = struct.pack(">16sI64s", bundle.MAGIC, length, b"\1" * 64) + b"x" * 100
    with pytest.raises(UpdateRefused, match="no update"):
        opened(data, machine)


@pytest.mark.parametrize("text", [b"{}", b"[]", b"not json", b'{"product": 3}'])
def test_a_signed_manifest_that_is_unknown_here_asks_for_a_step_between(machine, text):
    sign = signed(machine.folder, machine.private, bundle.to_be_signed(text))
    data = struct.pack(">16sI64s", bundle.MAGIC, len(text), sign) + text
    with pytest.raises(UpdateRefused, match="in between"):
        opened(data, machine)


def test_the_beginning_alone_says_what_a_bundle_is(machine, made):
    found = opened(made[:2000], machine, whole=False)
    assert found.manifest.release.version == "1.1.0"
