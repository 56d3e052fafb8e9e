import django.db.models.deletion
from django.db import migrations, models

import projects.access

SQLITE = [
    f"""
    CREATE TRIGGER projects_auditentry_no_{act} BEFORE {act} ON projects_auditentry
    BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END
    """
    for act in ("UPDATE", "DELETE")
] + [
    """
    CREATE TRIGGER projects_auditentry_no_REPLACE BEFORE INSERT ON projects_auditentry
    WHEN EXISTS (
        SELECT 1 FROM projects_auditentry
        WHERE id = NEW.id OR (chain = NEW.chain AND sequence = NEW.sequence)
    )
    BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END
    """
]
POSTGRESQL = [
    """
    CREATE OR REPLACE FUNCTION projects_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'the audit trail is append-only'; END $$
    """,
    """
    CREATE TRIGGER projects_auditentry_no_change BEFORE UPDATE OR DELETE ON projects_auditentry
    FOR EACH ROW EXECUTE FUNCTION projects_append_only()
    """,
    """
    CREATE TRIGGER projects_auditentry_no_truncate BEFORE TRUNCATE ON projects_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION projects_append_only()
    """,
]


def forbid_changes(apps, schema_editor):
    """Let the database itself refuse to change or remove an entry."""
    for statement in POSTGRESQL if schema_editor.connection.vendor == "postgresql" else SQLITE:
        schema_editor.execute(statement)


def allow_changes(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP TRIGGER projects_auditentry_no_change ON projects_auditentry")
        schema_editor.execute("DROP TRIGGER projects_auditentry_no_truncate ON projects_auditentry")
        return
    for act in ("UPDATE", "DELETE", "REPLACE"):
        schema_editor.execute(f"DROP TRIGGER projects_auditentry_no_{act}")


class Migration(migrations.Migration):
    dependencies = [
        ("projects", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="AuditHead",
            fields=[
                ("chain", models.CharField(max_length=36, primary_key=True, serialize=False)),
                ("sequence", models.BigIntegerField(default=0)),
                (
                    "hash",
                    models.CharField(
                        default="0000000000000000000000000000000000000000000000000000000000000000", max_length=64
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="AuditCheckpoint",
            fields=[
                (
                    "id",
                    models.UUIDField(default=projects.access.new_id, editable=False, primary_key=True, serialize=False),
                ),
                ("chain", models.CharField(max_length=36)),
                ("sequence", models.BigIntegerField()),
                ("hash", models.CharField(max_length=64)),
                ("at", models.DateTimeField()),
                ("key_id", models.CharField(max_length=16)),
                ("signature", models.CharField(max_length=128)),
                (
                    "workspace",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="audit_checkpoints",
                        to="projects.workspace",
                    ),
                ),
            ],
            options={
                "ordering": ["-at", "pk"],
            },
        ),
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                (
                    "id",
                    models.UUIDField(default=projects.access.new_id, editable=False, primary_key=True, serialize=False),
                ),
                ("chain", models.CharField(max_length=36)),
                ("sequence", models.BigIntegerField()),
                ("at", models.DateTimeField()),
                ("actor_id", models.UUIDField(blank=True, db_index=True, null=True)),
                ("actor_name", models.CharField(blank=True, max_length=150)),
                ("via", models.CharField(max_length=16)),
                ("action", models.CharField(max_length=80)),
                ("target_type", models.CharField(blank=True, max_length=80)),
                ("target_id", models.CharField(blank=True, max_length=64)),
                ("target_label", models.CharField(blank=True, max_length=200)),
                ("detail_json", models.TextField(default="{}")),
                ("address", models.CharField(blank=True, max_length=64)),
                ("request_id", models.CharField(blank=True, max_length=64)),
                ("previous_hash", models.CharField(max_length=64)),
                ("hash", models.CharField(max_length=64)),
                (
                    "workspace",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="audit_entries",
                        to="projects.workspace",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "audit entries",
                "ordering": ["-at", "-sequence"],
                "indexes": [
                    models.Index(fields=["target_type", "target_id"], name="audit_entry_target"),
                    models.Index(fields=["workspace", "-sequence"], name="audit_entry_newest"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("chain", "sequence"), name="audit_entry_sequence_once")
                ],
            },
        ),
        migrations.RunPython(forbid_changes, allow_changes),
    ]
