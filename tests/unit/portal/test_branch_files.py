"""Files for routers of other makers: handed over where they can connect, and recorded."""

import io
import re
import tarfile

import pytest

from portal.branches import desk
from portal.core.audit import AuditEntry
from portal.core.db import db
from portal.preview import add_account
from tests.support import branch_office
from tests.support.portal_accounts import session_of
from tests.unit.portal.conftest import PASSWORD

pytestmark = pytest.mark.row("I4")
MADE_FOR = {"openwrt-script": "own", "openwrt-archive": "own", "routeros": "routeros"}


@pytest.fixture
def manager(company):
    add_account(company, "it@example.com", "Ada Fermi", PASSWORD, "it_manager")
    return session_of(company, "it@example.com")


@pytest.mark.parametrize("kind", MADE_FOR)
def test_a_file_for_another_router_is_handed_over_and_recorded(company, manager, kind):
    branch_office.apply(company, router=MADE_FOR[kind])
    answer = manager.send(f"/branches/parma/file/{kind}")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    content = answer.data
    if kind == "openwrt-archive":
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            (entry,) = archive.getmembers()
            assert entry.name == "etc/uci-defaults/99-branch"
            content = archive.extractfile(entry).read()
    assert b"BEGIN PRIVATE KEY" in content
    with company.app_context():
        acts = list(db.session.scalars(db.select(AuditEntry.action)))
        assert "branch.file" in acts
        key = re.search(rb"BEGIN PRIVATE KEY-----(?:\\n|\n)(\S{20})", content)[1].decode()
        everything = str([r.certificate + str(r.status) for r in desk.routers_of("parma")])
        assert key not in everything


@pytest.mark.parametrize(("router", "shut"), [("own", "routeros"), ("routeros", "openwrt-script")])
def test_a_file_that_could_not_connect_is_not_handed_over(company, manager, router, shut):
    branch_office.apply(company, router=router)
    assert manager.send(f"/branches/parma/file/{shut}").status_code == 409
    text = manager.get("/branches/parma").get_data(as_text=True)
    assert f"/file/{shut}" not in text
    assert "/branches/parma/file/" in text
