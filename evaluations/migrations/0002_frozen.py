"""The database itself keeps what is frozen: terms, looks, results and reports.

SQLite forgets the triggers of a table that a later migration makes anew; such a migration puts them back with
``FROZEN`` and ``forbid`` from here. tests/evaluations/test_frozen.py says when one is missing.
"""

import django.db.models.deletion
from django.db import migrations, models

# table → (when a row is frozen, the columns that then stay, what is said)
FROZEN = {
    "evaluations_protocol": (
        "OLD.state IN ('frozen', 'superseded')",
        ("milestone_id", "number", "dataset_version_id", "body", "digest", "reason", "frozen_at"),
        "a frozen protocol cannot change",
    ),
    "evaluations_evaluationrun": (
        "OLD.finished_at IS NOT NULL",
        ("protocol_id", "model_id", "predictions_id", "result", "digest", "verdict", "finished_at"),
        "a finished evaluation cannot change",
    ),
    "evaluations_report": (
        "OLD.digest <> ''",
        ("milestone_id", "number", "run_id", "body", "digest", "signature", "key_id"),
        "a report cannot change",
    ),
}
LOOKS = "evaluations_look"
APPEND_ONLY = "the ledger of looks is append-only"
THAWED = "NEW.state NOT IN ('frozen', 'superseded')"  # a frozen protocol never becomes a draft again


def _rule(table, differs):
    when, columns, said = FROZEN[table]
    changed = " OR ".join(f"OLD.{name} {differs} NEW.{name}" for name in columns)
    if table == "evaluations_protocol":
        changed += f" OR {THAWED}"
    return f"{when} AND ({changed})", said


def sqlite_statements():
    """Write the triggers for SQLite."""
    for table in FROZEN:
        rule, said = _rule(table, "IS NOT")
        yield (
            f"CREATE TRIGGER {table}_frozen BEFORE UPDATE ON {table} WHEN {rule} "
            f"BEGIN SELECT RAISE(ABORT, '{said}'); END"
        )
    for act in ("UPDATE", "DELETE"):
        yield (
            f"CREATE TRIGGER {LOOKS}_no_{act} BEFORE {act} ON {LOOKS} BEGIN SELECT RAISE(ABORT, '{APPEND_ONLY}'); END"
        )
    yield (
        # our own table names; nothing typed comes in here
        f"CREATE TRIGGER {LOOKS}_no_REPLACE BEFORE INSERT ON {LOOKS} WHEN EXISTS (SELECT 1 FROM {LOOKS} WHERE "  # noqa: S608  # as said above
        "id = NEW.id OR run_id = NEW.run_id OR (protocol_id = NEW.protocol_id AND number = NEW.number)) "
        f"BEGIN SELECT RAISE(ABORT, '{APPEND_ONLY}'); END"
    )


def postgresql_statements():
    """Write the triggers for PostgreSQL."""
    yield (
        "CREATE OR REPLACE FUNCTION evaluations_frozen() RETURNS trigger LANGUAGE plpgsql AS $$ "
        "BEGIN RAISE EXCEPTION '%', TG_ARGV[0]; END $$"
    )
    for table in FROZEN:
        rule, said = _rule(table, "IS DISTINCT FROM")
        yield (
            f"CREATE TRIGGER {table}_frozen BEFORE UPDATE ON {table} FOR EACH ROW WHEN ({rule}) "
            f"EXECUTE FUNCTION evaluations_frozen('{said}')"
        )
    yield (
        f"CREATE TRIGGER {LOOKS}_no_change BEFORE UPDATE OR DELETE ON {LOOKS} FOR EACH ROW "
        f"EXECUTE FUNCTION evaluations_frozen('{APPEND_ONLY}')"
    )
    yield (
        f"CREATE TRIGGER {LOOKS}_no_truncate BEFORE TRUNCATE ON {LOOKS} FOR EACH STATEMENT "
        f"EXECUTE FUNCTION evaluations_frozen('{APPEND_ONLY}')"
    )


def forbid(apps, schema_editor):
    """Let the database refuse to change what is frozen."""
    on_postgresql = schema_editor.connection.vendor == "postgresql"
    for statement in postgresql_statements() if on_postgresql else sqlite_statements():
        # No parameters: a per cent sign in a statement is itself.
        schema_editor.execute(statement, params=None)


def allow(apps, schema_editor):
    """Take the triggers away again."""
    on_postgresql = schema_editor.connection.vendor == "postgresql"
    names = [(f"{table}_frozen", table) for table in FROZEN]
    acts = ("change", "truncate") if on_postgresql else ("UPDATE", "DELETE", "REPLACE")
    names += [(f"{LOOKS}_no_{act}", LOOKS) for act in acts]
    for name, table in names:
        schema_editor.execute(f"DROP TRIGGER {name}" + (f" ON {table}" if on_postgresql else ""))


class Migration(migrations.Migration):
    dependencies = [
        ("evaluations", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="acceptanceset",
            name="features_csv",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="evaluations.storedfile",
            ),
        ),
        migrations.RunPython(forbid, allow),
    ]
