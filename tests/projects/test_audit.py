"""The audit trail: what is written, and that nobody can rewrite it unseen."""

import json
from contextlib import contextmanager
from datetime import date
from decimal import Decimal

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import Error, connection, transaction
from django.db.models import ProtectedError

from projects.models import AuditCheckpoint, AuditEntry, AuditHead
from projects.queries.audit import entries_for, entries_of, find_entries
from projects.services import audit
from projects.services.audit_checks import check_trail, check_workspace, sign_checkpoints
from tests.factories import projects as make

pytestmark = pytest.mark.django_db


def test_an_entry_says_who_did_what_to_which_row(actor):
    entry = audit.record(by=actor, action="workspace.renamed", target=actor.workspace, detail={"fields": ["name"]})
    entry = AuditEntry.objects.visible_to(actor).get(pk=entry.pk)
    assert (entry.actor_id, entry.actor_name, entry.via) == (actor.user.pk, "Alice", "page")
    assert (entry.target_type, entry.target_id) == ("projects.workspace", str(actor.workspace.pk))
    assert entry.detail == {"fields": ["name"]}


def test_an_account_without_a_name_does_not_put_its_address_into_the_trail(workspace):
    entry = audit.record(by=make.make_actor(workspace=workspace), action="a.b")
    assert "@" not in entry.actor_name


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


def test_values_that_readers_disagree_about_are_kept_as_text(actor):
    detail = {
        "amount": Decimal("1.20"),
        "on": date(2026, 11, 20),
        "big": 2**60,
        "share": 1e22,
        "tags": {"b"},
        "no": None,
    }
    entry = AuditEntry.objects.get(pk=audit.record(by=actor, action="a.b", detail=detail).pk)
    assert entry.detail == {
        "amount": "1.20",
        "big": str(2**60),
        "no": None,
        "on": "2026-11-20",
        "share": 1e22,
        "tags": ["b"],
    }
    assert audit.hash_of(entry) == entry.hash


@pytest.mark.parametrize("name", ["\0", "é" * 500, "\u2028", "<script>"])
def test_odd_names_keep_the_chain_whole(actor, name):
    actor.workspace.name = name
    audit.record(by=actor, action="a.b", target=actor.workspace)
    audit.record(by=None, action="a.b", detail={"text": name})
    assert check_trail().is_whole


def test_a_failed_change_leaves_no_entry(actor):
    with pytest.raises(RuntimeError), transaction.atomic():
        audit.record(by=actor, action="a.b")
        raise RuntimeError
    assert not AuditEntry.objects.exists()
    assert audit.record(by=actor, action="a.b").sequence == 1


def test_a_workspace_with_a_trail_stays(actor):
    audit.record(by=actor, action="a.b")
    with pytest.raises(ProtectedError):
        actor.workspace.delete()


def test_queries_see_the_own_workspace_only(actor, stranger):
    row = make.make_client(workspace=actor.workspace)
    mine = audit.record(by=actor, action="client.created", target=row)
    audit.record(by=stranger, action="client.created", target=row)
    assert list(entries_for(row, by=actor)) == list(entries_of(actor)) == [mine]
    assert list(find_entries(by=actor, action="client", person="ali")) == [mine]
    assert not find_entries(by=actor, action="token").exists()


# --- tampering -----------------------------------------------------------------------------------
@pytest.fixture
def trail(actor, stranger, settings, tmp_path):
    """Six entries of Alice among those of Mallory."""
    settings.VAR_DIR = tmp_path  # a key ring of its own
    for number in range(1, 7):
        audit.record(by=actor, action=f"step.{number}", detail={"number": number})
        audit.record(by=stranger, action="other")
    return AuditEntry.objects.filter(chain=str(actor.workspace.pk))


@contextmanager
def someone_with_the_database():
    """Remove the triggers, as only someone can who holds the database itself, and put them back."""
    table = "projects_auditentry"
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # else the open transaction forbids ALTER TABLE
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            yield
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
            return
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s", [table])
        triggers = cursor.fetchall()
        for name, _ in triggers:
            cursor.execute(f"DROP TRIGGER {name}")
        yield
        for _, sql in triggers:
            cursor.execute(sql)


def rewrite(entries):
    """Give entries hashes that fit again, as a careful forger would."""
    previous = None
    for entry in entries.order_by("sequence"):
        entry.previous_hash = previous or entry.previous_hash
        entry.hash = previous = audit.hash_of(entry)
        entry.save()
    AuditHead.objects.filter(chain=entry.chain).update(sequence=entry.sequence, hash=entry.hash)


def edit(entries):
    entries.filter(sequence=3).update(action="innocent")


def edit_detail(entries):
    entries.filter(sequence=3).update(detail_json='{"number":4}')


def delete(entries):
    entries.filter(sequence=3)._raw_delete("default")


def delete_first(entries):
    entries.filter(sequence=1)._raw_delete("default")


def insert(entries):
    last = entries.get(sequence=6)
    last.pk, last.sequence, last.action = None, 7, "never.happened"
    last.save(force_insert=True)


def reorder(entries):
    entries.filter(sequence=3).update(sequence=100)
    entries.filter(sequence=4).update(sequence=3)
    entries.filter(sequence=100).update(sequence=4)


def cut_off(entries):
    entries.filter(sequence__gt=4)._raw_delete("default")


def move_to_another_time(entries):
    entries.filter(sequence=3).update(at="2020-01-01T00:00:00Z")


TAMPERING = [edit, edit_detail, delete, delete_first, insert, reorder, cut_off, move_to_another_time]


def test_an_untouched_trail_is_whole(trail):
    check = check_trail()
    assert (check.is_whole, check.entries, check.chains) == (True, 12, 2)


@pytest.mark.parametrize("harm", TAMPERING)
def test_tampering_shows(trail, harm, capsys):
    with someone_with_the_database():
        harm(trail)
    with pytest.raises(CommandError) as found:
        call_command("verify_audit")
    assert found.value.returncode == 1
    assert f"chain {trail.first().chain}, entry " in capsys.readouterr().err


@pytest.mark.parametrize("harm", TAMPERING)
def test_a_careful_forger_is_betrayed_by_a_checkpoint_kept_elsewhere(trail, harm, tmp_path, capsys):
    outside = tmp_path / "checkpoints.jsonl"
    call_command("checkpoint_audit", "--to", str(outside))
    with someone_with_the_database():
        harm(trail)
        for number, entry in enumerate(trail.order_by("sequence"), 1):
            trail.filter(pk=entry.pk).update(sequence=number)
        rewrite(trail)
        AuditCheckpoint.objects.all().delete()
    if harm not in {insert}:  # what was added after the checkpoint is not its business
        with pytest.raises(CommandError):
            call_command("verify_audit", "--checkpoint", str(outside))
    else:
        call_command("verify_audit", "--checkpoint", str(outside))


def test_a_rewritten_chain_that_was_signed_again_is_betrayed_by_the_first_statement(trail, tmp_path, capsys):
    outside = tmp_path / "checkpoints.jsonl"
    call_command("checkpoint_audit", "--to", str(outside))
    with someone_with_the_database():
        edit(trail)
        rewrite(trail)
        AuditCheckpoint.objects.all().delete()
    call_command("checkpoint_audit", "--to", str(outside))  # the next day's statement about the same entry
    with pytest.raises(CommandError):
        call_command("verify_audit", "--checkpoint", str(outside))
    assert "the chain was rewritten" in capsys.readouterr().err


def test_a_whole_chain_thrown_away_shows_with_a_checkpoint(trail, tmp_path):
    outside = tmp_path / "checkpoints.jsonl"
    call_command("checkpoint_audit", "--to", str(outside))
    with someone_with_the_database():
        AuditHead.objects.filter(chain=trail.first().chain).delete()
        trail._raw_delete("default")
        AuditCheckpoint.objects.all().delete()
    assert check_trail().is_whole
    with pytest.raises(CommandError):
        call_command("verify_audit", "--checkpoint", str(outside))


def test_lines_that_are_no_checkpoints_are_named(trail, tmp_path, capsys):
    outside = tmp_path / "checkpoints.jsonl"
    call_command("checkpoint_audit", "--to", str(outside))
    good = json.loads(outside.read_text().splitlines()[0])
    read = sorted(set(good) - {"public_key"})  # that one is for people
    odd = [json.dumps(good | {field: value}) for field in read for value in (None, True, 1.5, [], {}, "\0", "\ud800")]
    odd += [json.dumps(good | {"sequence": value}) for value in (10**30, "1")]
    odd += ["[]", "7", "null", "{", "[" * 100_000, "\N{REPLACEMENT CHARACTER}"]
    outside.write_bytes("\n".join(odd).encode() + b"\n\xff\n \n")
    with pytest.raises(CommandError) as found:
        call_command("verify_audit", "--checkpoint", str(outside))
    assert found.value.returncode == 1
    said = capsys.readouterr().err
    for number in range(1, len(odd) + 2):
        assert f"line {number} of the checkpoint file" in said
    assert f"line {len(odd) + 2} " not in said


@pytest.mark.parametrize("field", ["sequence", "hash", "chain", "at", "signature", "key_id"])
def test_a_forged_checkpoint_is_refused(trail, tmp_path, field):
    outside = tmp_path / "checkpoints.jsonl"
    call_command("checkpoint_audit", "--to", str(outside))
    statement = json.loads(outside.read_text().splitlines()[0])
    statement[field] = statement[field] - 1 if field == "sequence" else statement[field][::-1]
    outside.write_text(json.dumps(statement))
    with pytest.raises(CommandError):
        call_command("verify_audit", "--checkpoint", str(outside))


def test_checkpoints_are_signed_only_where_something_happened(trail, actor):
    assert len(sign_checkpoints()) == 2
    assert sign_checkpoints() == []
    audit.record(by=actor, action="a.b")
    assert len(sign_checkpoints(workspace=actor.workspace)) == 1


def test_missing_triggers_show(trail):
    with someone_with_the_database():
        assert "append-only" in str(check_trail().faults[0])
    assert check_trail().is_whole


EMPTY = {
    "sqlite": [
        "DROP TRIGGER projects_auditentry_no_UPDATE",
        (
            "CREATE TRIGGER projects_auditentry_no_UPDATE BEFORE UPDATE ON projects_auditentry "
            "WHEN 0 BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END"
        ),
    ],
    "postgresql": [
        (
            "CREATE OR REPLACE FUNCTION projects_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RETURN NEW; END $$"
        )
    ],
}
NARROW = {
    "sqlite": [
        "DROP TRIGGER projects_auditentry_no_DELETE",
        (
            "CREATE TRIGGER projects_auditentry_no_DELETE BEFORE DELETE ON projects_auditentry "
            "BEGIN SELECT 'the audit trail is append-only'; END"
        ),
    ],
    "postgresql": [
        "DROP TRIGGER projects_auditentry_no_change ON projects_auditentry",
        (
            "CREATE TRIGGER projects_auditentry_no_change BEFORE DELETE ON projects_auditentry "
            "FOR EACH ROW EXECUTE FUNCTION projects_append_only()"
        ),
    ],
}
FURTHER = {
    "sqlite": ["CREATE TRIGGER other AFTER INSERT ON projects_auditentry BEGIN DELETE FROM projects_client; END"],
    "postgresql": [
        "CREATE TRIGGER other AFTER INSERT ON projects_auditentry FOR EACH ROW EXECUTE FUNCTION projects_append_only()"
    ],
}
SWITCHED_OFF = {"postgresql": ["ALTER TABLE projects_auditentry DISABLE TRIGGER projects_auditentry_no_change"]}
ON_REPLICAS = {"postgresql": ["ALTER TABLE projects_auditentry ENABLE REPLICA TRIGGER projects_auditentry_no_change"]}


@pytest.mark.parametrize(
    ("done", "said"),
    [
        (EMPTY, "was rewritten"),
        (NARROW, "was rewritten"),
        (FURTHER, "none of ours"),
        (SWITCHED_OFF, "switched off"),
        (ON_REPLICAS, "switched off"),
    ],
)
def test_triggers_that_no_longer_do_what_they_did_show(trail, done, said):
    if connection.vendor not in done:
        pytest.skip("only PostgreSQL can switch a trigger off; the suite's run there tests it")
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for statement in done[connection.vendor]:
            cursor.execute(statement)
    assert [said in fault.message for fault in check_trail().faults] == [True]


def test_a_file_that_is_not_there(trail, tmp_path):
    with pytest.raises(CommandError) as found:
        call_command("verify_audit", "--checkpoint", str(tmp_path / "none"))
    assert found.value.returncode == 2


def test_the_page_lists_filters_and_checks(signed_in, actor, trail):
    page = signed_in.get("/settings/audit/?action=token").content.decode()
    assert "Nothing fits" in page
    assert "step.6" in signed_in.get("/settings/audit/").content.decode()
    assert "The trail is whole" in signed_in.post("/settings/audit/").content.decode()
    with someone_with_the_database():
        edit(trail)
    assert "The trail was touched" in signed_in.post("/settings/audit/").content.decode()
    assert not check_workspace(by=actor).is_whole


def test_the_page_shows_nothing_of_strangers(client, stranger, trail):
    client.force_login(stranger.user)
    assert "step." not in client.get("/settings/audit/").content.decode()
