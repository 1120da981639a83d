"""The pages of certificates."""

import io
import re

import pytest

from appliance.state.codec import canonical_json
from portal.core import draft

pytestmark = pytest.mark.row("D1")
PEM = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
KEY = b"-----BEGIN PRIVATE KEY-----\nS3CR3TK3Y\n-----END PRIVATE KEY-----\n"


def uploaded(browser, content, **more):
    data = {"certificate": (io.BytesIO(content), "a.pem"), "servers": "web", **more}
    return browser.send("/certificates/upload", data, content_type="multipart/form-data")


def test_the_page_tells_what_is_presented_and_until_when(manager):
    page = manager.get("/certificates/").text
    assert "pbx.example.com" in page
    assert re.search(r"mancano (249|250) giorni", page)


def test_the_authority_is_downloaded_in_both_forms(manager):
    assert manager.get("/certificates/authority.crt").text.startswith("-----BEGIN CERTIFICATE")
    answer = manager.get("/certificates/authority.cer")
    assert answer.data == b"pretended"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="authority.cer"'


def test_a_certificate_that_is_brought_takes_effect_and_its_key_is_not_kept(manager, app):
    answer = uploaded(manager, PEM + KEY)
    assert answer.status_code == 302
    assert "caricato" in manager.get("/certificates/").text
    with app.app_context():
        assert "S3CR3TK3Y" not in canonical_json(draft.data()).decode()
    assert "S3CR3TK3Y" not in manager.get("/audit/").text
    kept = app.extensions["settings"].folder
    assert not [p for p in kept.rglob("*") if p.is_file() and b"S3CR3TK3Y" in p.read_bytes()]


def test_a_refused_one_says_why_in_the_readers_language(manager):
    answer = uploaded(manager, b"nonsense")
    assert answer.status_code == 422
    assert "non è né PEM né PKCS#12" in answer.text


def test_forgetting_the_file_or_who_presents_it_says_so(manager):
    assert uploaded(manager, b"").status_code == 422
    assert uploaded(manager, PEM, servers="nobody").status_code == 422


def test_a_request_is_shown_and_downloaded(manager):
    assert manager.get("/certificates/request.csr").status_code == 404
    manager.send("/certificates/request", {"names": "pbx.example.com", "organisation": "Rossi"})
    assert "CERTIFICATE REQUEST" in manager.get("/certificates/request.csr").text


def automatic(browser, **values):
    page = browser.get("/certificates/automatic").text
    version = re.search(r'name="version" value="(\d+)"', page)[1]
    form = {"directory": "https://acme.example/directory", "mail": "", "authority": ""}
    return browser.send("/certificates/automatic", {**form, "version": version, **values})


def test_automatic_certificates_are_a_wish_like_any_other(manager, app):
    answer = automatic(manager, automatic="y", names="pbx.example.com\r\nvoip.example.com")
    assert answer.status_code == 302
    with app.app_context():
        assert draft.settings("certificates")[0].names == ("pbx.example.com", "voip.example.com")


@pytest.mark.parametrize(
    "wrong",
    [
        {"directory": "http://plain.example/"},
        {"directory": "https://a.example/$(id)"},
        {"names": "a b.example.com;id"},
        {"names": "-x.example.com"},
        {"authority": "-----BEGIN CERTIFICATE-----"},
    ],
)
def test_values_that_a_shell_might_read_are_refused(manager, wrong):
    assert automatic(manager, **{"names": "pbx.example.com", **wrong}).status_code == 422
