"""Reading back over the console of a real Asterisk."""

import time

import pytest

from appliance.asterisk import modules
from appliance.asterisk.console import _Answers
from appliance.verify import readback
from appliance.verify.probes import Probe

LOADED = Probe("asterisk_core", "module show", tuple(modules.ALL))


@pytest.fixture
def kept_from_reading(monkeypatch):
    """Seconds for which the next readers are busy elsewhere while Asterisk answers."""
    seconds, read = [], _Answers.up_to

    def later(self, mark):
        time.sleep(seconds.pop() if seconds else 0)
        return read(self, mark)

    monkeypatch.setattr(_Answers, "up_to", later)
    return seconds


def test_an_answer_from_which_asterisk_has_dropped_lines_is_asked_for_again(pbx, kept_from_reading):
    kept_from_reading.append(0.3)
    (answer,) = pbx.console.ask_all([LOADED.command])
    assert LOADED.mismatch(answer), "nothing was dropped, so this shows nothing"
    kept_from_reading.append(0.3)
    assert readback.compare(pbx.console, [LOADED]) == ()


def test_what_stays_missing_is_told_once(pbx):
    absent = Probe("asterisk_core", "core show version", ("Centrex",))
    (found,) = readback.compare(pbx.console, [LOADED, absent])
    assert str(found) == "asterisk_core: “core show version” does not show Centrex"
