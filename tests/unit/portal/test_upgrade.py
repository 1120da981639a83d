"""The portal as it is served."""

import pytest

from appliance import credentials
from portal.core.upgrade import upgraded_app


def test_a_database_that_cannot_be_used_is_told_in_one_line(tmp_path, monkeypatch):
    (tmp_path / "portal.sqlite3").mkdir()
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("CENTRALINO_PREFIX", str(tmp_path))
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    names = (credentials.PORTAL_SESSION, credentials.PORTAL_DATA, credentials.LIVE_TOKEN)
    for name in (*names, credentials.PROVISIONING_KEY):
        (tmp_path / name).write_text("a secret of this test alone, long enough")
    with pytest.raises(SystemExit, match=r"^the portal's database cannot be used: "):
        upgraded_app()
