"""The kinds of places for copies of backups, on each Python that we run on."""

import importlib
from typing import get_args

import pytest

from appliance.services.backups import Kind
from appliance.system.backup import stores


@pytest.mark.row("N12")
@pytest.mark.parametrize("kind", get_args(Kind))
def test_each_kind_of_place_has_its_module_and_the_library_that_this_needs(kind):
    assert callable(importlib.import_module(f"{stores.__name__}.{kind}").opened)
