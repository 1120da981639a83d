"""Hold music of the company's own: what is played is what was put there."""

from __future__ import annotations

import wave

import pytest

from appliance.services import music_on_hold
from appliance.services.music_on_hold import MusicOnHoldClass
from portal.music_on_hold.shelf import Shelf
from tests.calls.company import company
from tests.support.softphones import tones

PITCH_HZ = 1040


@pytest.mark.row("P13")
def test_a_held_caller_hears_the_music_that_the_company_chose(desks, pbx, tmp_path):
    piece = uploaded_tone(pbx, "winter", tmp_path)
    own = MusicOnHoldClass("winter", "Inverno", (piece,))
    pbx.apply(company("201", "202", music_on_hold=music_on_hold.State((own,), "winter")))
    anna, niccolo = desks.phone("201"), desks.phone("202")
    desks.phones.listen_for(PITCH_HZ)
    call = anna.call("202")
    leg = niccolo.answer()
    call.hears(niccolo)
    leg.hold()
    call.hears(PITCH_HZ)
    leg.resume()
    call.hears(niccolo)


def uploaded_tone(pbx, class_id, folder):
    """A tone put there as the portal does it with an upload."""
    upload = folder / "upload.wav"
    with wave.open(str(upload), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(tones.sine(PITCH_HZ, 8000, 5).tobytes())
    piece, _made = Shelf(pbx.machine.layout.music).add(class_id, upload, "tone")
    return piece
