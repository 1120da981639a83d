"""Hold music: what becomes of an upload, and what is refused with a reason."""

import io
import os
import re
import shutil
import subprocess
import wave
from pathlib import Path

import pytest

from portal.core import draft
from portal.core.db import transaction
from portal.music_on_hold import loudness, shelf, sound
from portal.music_on_hold.shelf import Shelf

SOUNDS = Path(__file__).parent.parent.parent / "support/sounds"

pytestmark = [
    pytest.mark.skipif(
        not all(shutil.which(name) for name in ("sox", "faad")),
        reason="converters are Debian packages that `make test` installs",
    )
]


def made(folder: Path, *synth: str, rate: int = 44100, channels: int = 2) -> Path:
    """A sound that sox makes."""
    target = folder / "sound.wav"
    command = ["sox", "-n", "-r", str(rate), "-c", str(channels), str(target), "synth", *synth]
    subprocess.run(command, check=True)
    return target


def samples(path: Path) -> list[bytes]:
    """A finished file as libebur128 takes it: 32-bit floats."""
    kind = ("-t", "raw", "-e", "signed", "-b", "16", "-c", "1", "-r", "48000")
    source = (*kind, str(path)) if path.suffix == ".sln48" else (str(path),)
    command = ["sox", *source, "-t", "f32", "-r", "48000", "-c", "1", "-"]
    return [subprocess.run(command, check=True, capture_output=True).stdout]


def test_a_full_tone_is_as_loud_as_the_standard_says(tmp_path):
    """ITU-R BS.1770-5 annex 1: 997 Hz at full scale in one channel reads -3.01 LKFS."""
    tone = made(tmp_path, "10", "sine", "997", channels=1, rate=48000)
    found = loudness.measured(samples(tone), 48000)
    assert found.integrated == pytest.approx(-3.01, abs=0.05)
    assert found.peak == pytest.approx(0, abs=0.01)


@pytest.mark.row("P13")
@pytest.mark.row("D7")
@pytest.mark.parametrize(
    "synth",
    [
        ("20", "pinknoise"),
        ("10", "sine", "440", "vol", "0.004"),
        ("10", "sine", "440", "tremolo", "1", "90"),
    ],
)
def test_every_upload_comes_out_at_three_rates_and_one_loudness(tmp_path, synth):
    result = sound.make(made(tmp_path, *synth), tmp_path / "out")
    for ending, rate in (("wav", 8000), ("wav16", 16000)):
        with wave.open(str(result.folder / f"music.{ending}")) as file:
            assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (rate, 1, 2)
    whole = result.folder / "music.sln48"
    assert whole.stat().st_size == round(result.seconds * 48000) * 2
    for ending in sound.OUTPUTS:
        file = tmp_path / f"check.{'sln48' if ending == 'sln48' else 'wav'}"
        shutil.copy(result.folder / f"music.{ending}", file)
        found = loudness.measured(samples(file), 48000)
        assert found.integrated == pytest.approx(-23, abs=1)
        assert found.peak < 0


@pytest.mark.row("P13")
@pytest.mark.parametrize("name", ["tone.mp3", "tone.m4a"])
def test_mp3_and_m4a_are_taken_whatever_they_are_called(tmp_path, name):
    upload = tmp_path / "upload.bin"
    shutil.copy(SOUNDS / name, upload)
    result = sound.make(upload, tmp_path / "out")
    assert result.seconds == pytest.approx(3, abs=0.1)
    assert result.loudness == pytest.approx(-23, abs=1)


def silent(folder):
    return made(folder, "5", "sine", "440", "vol", "0")


def short(folder):
    return made(folder, "1", "sine", "440")


def written(name, content):
    def make(folder):
        (folder / name).write_bytes(content)
        return folder / name

    return make


@pytest.mark.row("P13")
@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (silent, "non si sente nulla"),
        (short, "almeno 2 secondi"),
        (written("a.mp3", b""), "vuoto"),
        (written("a.mp3", b"<html>no music</html>"), "WAV, MP3, M4A"),
        (written("a.wav", b"RIFF\x00\x00\x00\x00WAVEjunk"), "danneggiato"),
        (written("a.m4a", b"\x00\x00\x00\x18ftypM4A " + b"\x00" * 400), "danneggiato"),
        (written("a.mp3", b"ID3" + bytes(range(256)) * 40), "danneggiato"),
        (written("a.exe", b"MZ\x90\x00"), "WAV, MP3, M4A"),
    ],
)
def test_a_wrong_file_is_refused_with_its_reason(app, tmp_path, make, reason):
    with app.test_request_context(), pytest.raises(sound.WrongFile) as refused:
        sound.make(make(tmp_path), tmp_path / "out")
    assert reason in str(refused.value)
    assert not (tmp_path / "out").exists()


WINTER = {"name": "Inverno", "order": "by_name"}


@pytest.fixture
def winter(company, manager):
    """A collection with one piece, uploaded."""
    manager.send("/music-on-hold/new", WINTER)
    assert upload(manager).status_code == 302
    return company


def upload(manager, path=SOUNDS / "tone.mp3", name="Vivaldi – L'inverno.mp3"):
    return manager.send(
        "/music-on-hold/inverno/pieces", {"file": (io.BytesIO(path.read_bytes()), name)}
    )


def pieces(app):
    with app.app_context():
        (found,) = draft.state()["music_on_hold"].classes
        return found.pieces


@pytest.mark.row("P13")
def test_an_upload_is_a_piece_of_the_collection_and_can_be_heard(winter, manager):
    (piece,) = pieces(winter)
    assert re.fullmatch(r"vivaldi-l-inverno-[0-9a-f]{8}", piece)
    page = manager.get("/music-on-hold/inverno").text
    assert "vivaldi l inverno" in page
    assert "0:03" in page
    with manager.get(f"/music-on-hold/inverno/pieces/{piece}.wav") as heard:
        assert heard.mimetype == "audio/wav"
        assert heard.data[:4] == b"RIFF"
    folder = winter.extensions["settings"].music / "inverno"
    assert {oct(file.stat().st_mode & 0o777) for file in folder.iterdir()} == {"0o644"}
    assert folder.stat().st_mode & 0o005 == 0o005


def test_saving_the_collection_keeps_its_pieces(winter, manager):
    form = {**WINTER, "name": "Inverno 2026", "version": "2"}
    assert manager.send("/music-on-hold/inverno", form).status_code == 302
    assert len(pieces(winter)) == 1


def test_the_same_piece_twice_is_one(winter, manager):
    upload(manager)
    assert len(pieces(winter)) == 1
    assert "è già nella raccolta" in manager.get("/music-on-hold/inverno").text


def test_a_wrong_upload_changes_nothing_and_says_why(winter, manager, tmp_path):
    wrong = written("x.mp3", b"no music at all")(tmp_path)
    upload(manager, wrong, "<b>x</b>.mp3")
    page = manager.get("/music-on-hold/inverno").text
    assert "Non è un file audio" in page
    assert "<b>x</b>" not in page
    assert len(pieces(winter)) == 1
    assert not list(winter.extensions["settings"].music.glob(".new-*"))


@pytest.mark.row("P13")
def test_a_collection_plays_everywhere_until_it_is_empty(winter, manager):
    def chosen():
        with winter.app_context():
            assert draft.faults() == ()
            return draft.state()["music_on_hold"].default_class

    manager.send("/music-on-hold/inverno/everywhere")
    assert chosen() == "inverno"
    (piece,) = pieces(winter)
    manager.send(f"/music-on-hold/inverno/pieces/{piece}/remove")
    assert chosen() is None
    with winter.app_context(), transaction():
        query = draft.db.select(draft.audit.AuditEntry).order_by(draft.audit.AuditEntry.id.desc())
        draft.undo(draft.db.session.scalars(query.limit(1)).one())
    assert chosen() == "inverno"
    manager.send("/music-on-hold/inverno/delete")
    assert chosen() is None


def test_music_that_nothing_plays_any_more_stays_for_a_month(tmp_path):
    kept = Shelf(tmp_path / "music")
    kept.add("winter", SOUNDS / "tone.mp3", "one")
    (file,) = (tmp_path / "music/winter").glob("*.wav")
    kept.sweep(set())
    kept.sweep(set())
    assert file.exists()
    mark = file.with_suffix(".unused")
    long_ago = mark.stat().st_mtime - shelf.KEPT_S - 60
    os.utime(mark, (long_ago, long_ago))
    kept.sweep({("winter", file.stem)})
    assert file.exists()
    assert not mark.exists()
    kept.sweep(set())
    os.utime(mark, (long_ago, long_ago))
    kept.sweep(set())
    assert list((tmp_path / "music/winter").iterdir()) == []


def test_a_disk_without_room_is_said_and_nothing_is_left_behind(winter, manager, monkeypatch):
    usage = shutil._ntuple_diskusage(10**9, 10**9, 10**6)
    monkeypatch.setattr(shelf.shutil, "disk_usage", lambda _folder: usage)
    assert upload(manager).status_code == 409
    assert not list(winter.extensions["settings"].music.glob(".new-*"))
