"""A machine with slots for each test."""

import pytest

from tests.support.slots import SlotMachine


@pytest.fixture
def machine(tmp_path):
    return SlotMachine(tmp_path)
