"""The whole file of every model, and the first stage of every vendor.

UPDATE=1 in the environment writes the files anew; look at the difference before you
commit it.
"""

import dataclasses
import os
from pathlib import Path

import pytest

from provisioning import catalogue, phones, render
from tests.support.phone_estate import KEYS, device, phone

FILES = Path(__file__).parent / "files"
CODES = phones.Codes("*8", "*9", "700", "*97")
MODELS = tuple(catalogue.models())


def compare(name: str, content: bytes) -> None:
    path = FILES / name
    if os.environ.get("UPDATE"):
        path.write_bytes(content)
    assert content.decode() == path.read_text("utf-8")


def wanted(model: str) -> phones.Phone:
    # Every other model encrypted, so that both forms stand in the files of each family.
    transport = "tls" if MODELS.index(model) % 2 else "udp"
    return dataclasses.replace(phone(device(model, keys=KEYS, transport=transport)), codes=CODES)


@pytest.mark.row("K4")
@pytest.mark.parametrize("model", MODELS)
def test_the_file_of_a_model_is_the_recorded_one(model):
    compare(f"{model}.txt", render.configuration(wanted(model)).content)


@pytest.mark.row("K4")
@pytest.mark.parametrize("model", ["yealink-t54w", "snom-d785", "cisco-8851"])
def test_the_first_stage_of_a_vendor_is_the_recorded_one(model):
    compare(f"first-{model}.txt", render.introduction(wanted(model)).content)


def test_no_file_is_recorded_for_a_model_that_is_gone():
    recorded = {path.stem for path in FILES.glob("*.txt")}
    assert {name.removeprefix("first-") for name in recorded} == set(MODELS)
