"""The audit trail: what is written, and that nobody can rewrite it unseen."""

import pytest
from django.db import Error, connection, transaction

from projects.models import AuditEntry
from projects.services import audit

pytestmark = pytest.mark.django_db


def test_an_entry_says_who_did_what_to_which_row(actor):
    entry = audit.record(by=actor, action="workspace.renamed", target=actor.workspace, detail={"fields": ["name"]})
    entry = AuditEntry.objects.visible_to(actor).get(pk=entry.pk)
    assert (entry.actor_id, entry.actor_name, entry.via) == (actor.user.pk, "Alice", "page")
    assert (entry.target_type, entry.target_id) == ("projects.workspace", str(actor.workspace.pk))
    assert entry.detail == {"fields": ["name"]}


def test_every_workspace_has_a_chain_of_its_own(actor, stranger):
    first = audit.record(by=actor, action="a.b")
    other = audit.record(by=stranger, action="a.b")
    second = audit.record(by=actor, action="a.b")
    assert (first.sequence, second.sequence, other.sequence) == (1, 2, 1)
    assert second.previous_hash == first.hash
    assert not AuditEntry.objects.visible_to(stranger).filter(pk=first.pk).exists()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE projects_auditentry SET action = 'nothing'",
        "DELETE FROM projects_auditentry",
    ],
)
def test_the_database_refuses_to_change_the_trail(actor, statement):
    audit.record(by=actor, action="a.b")
    with pytest.raises(Error, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert AuditEntry.objects.get().action == "a.b"


@pytest.mark.django_db(transaction=True)
def test_a_transactional_test_cleans_up(actor):
    audit.record(by=actor, action="a.b")
