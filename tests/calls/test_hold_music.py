"""Hold music of the company's own: what is played is what was put there."""

from __future__ import annotations

import wave

import pytest

from appliance.services import music_on_hold
from appliance.services.music_on_hold import MusicOnHoldClass
from tests.calls.company import company
from tests.support.softphones import tones

PITCH_HZ = 1040


@pytest.mark.row("P13")
def test_a_held_caller_hears_the_music_that_the_company_chose(desks, pbx):
    put_tone(pbx, "winter", "tone")
    own = MusicOnHoldClass("winter", "Inverno", ("tone",))
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


def put_tone(pbx, class_id, piece):
    folder = music_on_hold.folder(pbx.machine.layout, class_id)
    folder.mkdir(parents=True)
    with wave.open(str(folder / f"{piece}.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(tones.sine(PITCH_HZ, 8000, 5).tobytes())
