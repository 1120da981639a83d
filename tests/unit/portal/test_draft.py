"""The draft: objects in, the same state out; versions, undo, secrets."""

import pytest

from appliance.services import devices, registry, users
from appliance.state.fields import Secret
from appliance.state.system_state import encode_system
from portal import sample
from portal.core import audit, draft
from portal.core.db import db, transaction
from portal.core.draft import CannotUndo, Edit, Stale
from portal.core.shapes import Place

pytestmark = pytest.mark.usefixtures("inside")


def commit(*edits: Edit) -> audit.AuditEntry:
    with transaction():
        return draft.commit(edits)


ADA = users.User("ada", "Ada", "Fermi")
ADA_AT = Place("users", "users", "ada")


def test_an_empty_draft_is_the_state_of_an_empty_machine(app):
    assert draft.state() == registry.empty_state()


def test_what_is_put_in_comes_out_the_same(app):
    wanted = sample.company()
    with transaction():
        draft.replace(wanted, "test")
    assert encode_system(draft.state()) == encode_system(wanted)


def test_replacing_by_the_same_state_changes_nothing(company):
    before = draft.version()
    with transaction():
        assert draft.replace(draft.state(), "test") is None
    assert draft.version() == before


def test_secrets_stand_sealed_in_the_database(app):
    line = devices.Line("215", 1, Secret("a-very-secret-password-1"))
    device = devices.Device("phone", "snom-d785", (line,))
    commit(Edit(Place("devices", "devices", "phone"), device))
    stored = str(db.session.execute(db.text("SELECT data FROM draft_objects")).all())
    audited = str(db.session.execute(db.text("SELECT edits FROM audit_entries")).all())
    assert "a-very-secret" not in stored + audited
    assert draft.state()["devices"].devices == (device,)


def test_a_version_that_was_not_seen_is_refused_and_nothing_is_written(app):
    commit(Edit(ADA_AT, ADA, 0))
    commit(Edit(ADA_AT, users.User("ada", "Ada", "Rossi"), 1))
    with pytest.raises(Stale):
        commit(Edit(ADA_AT, users.User("ada", "Ada", "Bianchi"), 1))
    assert draft.state()["users"].users[0].last_name == "Rossi"


def test_one_stale_object_stops_the_whole_change(app):
    commit(Edit(ADA_AT, ADA, 0))
    other = Place("users", "users", "bea")
    with pytest.raises(Stale):
        commit(Edit(other, users.User("bea", "Bea", "Verdi"), 0), Edit(ADA_AT, None, 7))
    assert draft.find(other) is None


def test_undo_brings_back_what_was_and_where_it_was(company):
    before = encode_system(draft.state())
    people = [row.place for row in draft.objects("users", "users")][3:9]
    entry = commit(*(Edit(place, None) for place in people))
    with transaction():
        draft.undo(entry)
    assert encode_system(draft.state()) == before


def test_undo_can_be_undone(app):
    entry = commit(Edit(ADA_AT, ADA, 0))
    with transaction():
        undone = draft.undo(entry)
    assert draft.find(ADA_AT) is None
    with transaction():
        draft.undo(undone)
    assert draft.instance(draft.find(ADA_AT)) == ADA


def test_what_was_changed_again_is_not_undone(app):
    entry = commit(Edit(ADA_AT, ADA, 0))
    commit(Edit(ADA_AT, users.User("ada", "Ada", "Rossi"), 1))
    with pytest.raises(CannotUndo), transaction():
        draft.undo(entry)
    assert draft.instance(draft.find(ADA_AT)).last_name == "Rossi"


def test_every_change_has_an_entry_with_both_sides(app):
    commit(Edit(ADA_AT, ADA, 0))
    entry = commit(Edit(ADA_AT, users.User("ada", "Ada", "Rossi"), 1))
    (made,) = entry.edits
    assert (made["before"]["last_name"], made["after"]["last_name"]) == ("Fermi", "Rossi")


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_entries SET author = 'x'", "DELETE FROM audit_entries"]
)
def test_the_audit_log_only_grows(app, statement):
    with pytest.raises(Exception, match="only grows"):
        db.session.execute(db.text(statement))
    db.session.rollback()


def test_a_new_order_is_kept(company):
    state = draft.state()
    turned = state.replaced(users=users.State(tuple(reversed(state["users"].users))))
    with transaction():
        draft.replace(turned, "test")
    assert draft.state()["users"] == turned["users"]
