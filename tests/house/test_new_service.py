"""A new service begins with skeletons that cannot be forgotten."""

import ast

import pytest

from tools.new_service import skeletons, write


@pytest.fixture
def made():
    return skeletons("call_queues", "Call queues: callers wait for agents.")


def test_every_folder_of_a_service_gets_its_skeleton(made):
    tops = {path.split("/")[0] for path in made}
    assert tops == {"appliance", "templates", "tests", "portal", "changes"}


def test_skeletons_are_python_that_fails_until_it_is_written(made):
    for path, text in made.items():
        if path.endswith(".py"):
            ast.parse(text, path)
    assert made["appliance/services/call_queues.py"].count("raise AssertionError") == 3
    assert "pytest.fail" in made["tests/calls/test_call_queues.py"]


def test_what_is_there_already_is_left_alone(made, tmp_path):
    mine = tmp_path / "appliance/services/call_queues.py"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    assert "appliance/services/call_queues.py" not in write(tmp_path, made)
    assert mine.read_text() == "mine"
    assert write(tmp_path, made) == []
