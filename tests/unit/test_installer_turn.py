"""Two consoles of the installer: one installs, the other shows how far it is."""

import threading

import pytest

from appliance.installer import turn
from appliance.installer.turn import AnotherConsoleInstalls, Said


@pytest.fixture
def lock(tmp_path):
    return tmp_path / "lock"


def following(lock):
    """Another console that follows: (what it was shown, the event of the first, its end)."""
    shown, seen, ends = [], threading.Event(), []

    def show(step, share):
        shown.append((step, share))
        seen.set()

    follower = threading.Thread(target=lambda: ends.append(turn.followed(show, lock, 0.01)))
    return follower, shown, seen, ends


def test_the_second_console_does_not_install_too(lock):
    with turn.taken(lock), pytest.raises(AnotherConsoleInstalls), turn.taken(lock):
        pass


def test_the_other_console_shows_the_same_bar_and_the_end(lock):
    follower, shown, seen, ends = following(lock)
    with turn.taken(lock) as own:
        follower.start()
        own.say(Said("Writing the system", 0.5))
        assert seen.wait(10)
    follower.join(10)
    assert shown[0] == ("Writing the system", 0.5)
    assert ends == [Said(end="finished")]


def failing(lock, follower, seen):
    with turn.taken(lock) as own:
        follower.start()
        own.say(Said("Partitioning", 0.1))
        assert seen.wait(10)
        raise OSError("the disk is full")


def test_the_other_console_says_why_the_installation_failed(lock):
    follower, _shown, seen, ends = following(lock)
    with pytest.raises(OSError, match="full"):
        failing(lock, follower, seen)
    follower.join(10)
    assert ends == [Said(end="failed", why="the disk is full")]


def test_a_shorter_word_leaves_nothing_of_a_longer_one(lock):
    with turn.taken(lock) as own:
        own.say(Said("Writing the start files", 0.123456))
        own.say(Said("Done", 1.0))
        assert lock.read_text() == '["Done", 1.0, "", ""]'


def test_after_a_failure_the_next_console_may_begin(lock):
    with pytest.raises(OSError, match="broken"), turn.taken(lock):
        raise OSError("broken")
    with turn.taken(lock):
        assert '"failed"' not in lock.read_text()
