"""The page of the support file."""

import pytest

pytestmark = pytest.mark.row("D1")


def test_logs_are_left_out_unless_somebody_chooses_them(manager):
    page = manager.get("/support/").text
    assert 'name="logs" value="" checked' in page


def test_the_file_is_written_and_fetched_and_both_are_noted(manager):
    assert manager.send("/support/file").status_code == 404
    place = manager.send("/support/write", {"logs": "masked"}).headers["Location"]
    while "pronto" not in (page := manager.get(place).text):
        assert "Esame" in page
    answer = manager.send("/support/file")
    assert answer.data == b"pretended"
    assert answer.headers["Content-Disposition"].endswith('.tar.gz"')
    log = manager.get("/audit/").text
    assert "assistenza creato" in log
    assert "assistenza scaricato" in log
