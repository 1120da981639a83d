"""A backup restored at the machine's own console."""

import shutil

import pytest

from appliance.firstboot import actions
from appliance.system import restore_console
from appliance.system.backup import place
from appliance.terminal.texts import Texts
from tests.support.backups import CODE, GROUPS, blank, kept

pytestmark = pytest.mark.row("N12")


class Scripted:
    """A terminal at which these answers are typed."""

    def __init__(self, *answers):
        self.answers, self.said = list(answers), []

    def say(self, line=""):
        self.said.append(line)

    def line(self, question):
        self.said.append(question)
        return self.answers.pop(0)


@pytest.fixture
def new(tmp_path):
    return blank(tmp_path / "new")


@pytest.fixture
def stick(tmp_path, backup):
    """A USB stick with the backup and with something else."""
    folder = tmp_path / "stick"
    folder.mkdir()
    shutil.copy(backup, folder / "pbx-20260101T000000Z.backup")
    (folder / "odd name\x1b[2J.backup").write_bytes(b"x")
    return folder


def ask(layout, screen, *folders, language="it"):
    files = restore_console.found(layout, folders)
    return restore_console.ask(screen, Texts(language), layout, files)


def test_the_console_offers_it(new):
    assert actions.offered("restore")


def test_a_backup_on_a_stick_becomes_the_machine(layout, new, stick):
    screen = Scripted("1", CODE.reveal().lower(), "n", "RIPRISTINA")
    assert ask(new, screen, stick) is True
    place.finish(new, GROUPS)
    assert kept(new) == kept(layout)


def test_its_name_is_taken_by_choice(new, stick):
    assert ask(new, Scripted("1", CODE.reveal(), "s", "RIPRISTINA"), stick) is True
    assert place.ordered(new).identity == "take"


def test_without_the_word_nothing_is_ordered(new, stick):
    assert ask(new, Scripted("1", CODE.reveal(), "n", "sì"), stick) is False
    assert place.ordered(new) is None


def test_a_wrong_code_is_told_and_nothing_is_changed(new, stick):
    screen = Scripted("1", "AAAA", "n", "RESTORE")
    assert ask(new, screen, stick, language="en") is None
    assert screen.said[-1] == "Nothing was changed."
    assert place.ordered(new) is None


def test_a_name_that_a_terminal_would_obey_is_not_listed(new, stick):
    screen = Scripted("")
    assert ask(new, screen, stick) is False
    assert not any("\x1b" in line for line in screen.said)


def test_without_a_backup_it_says_what_to_do(new):
    screen = Scripted()
    assert ask(new, screen) is False
    assert "chiavetta" in screen.said[0]
