import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import projects.access

# The rules of the day, frozen: a later change of the rules is a later migration.
STEPS = {
    "projects_scopeversion": {
        "draft": ("sent",),
        "sent": ("signed", "superseded"),
        "signed": ("superseded",),
    },
    "projects_changeorder": {
        "requested": ("priced", "withdrawn"),
        "priced": ("sent", "withdrawn"),
        "sent": ("approved", "declined", "withdrawn"),
    },
}
# What does not change any more once a row has been sent.
FROZEN = {
    "projects_scopeversion": ("document", "body", "digest", "number", "sent_at"),
    "projects_changeorder": (
        *("wish", "what", "why", "lines", "days", "expires_on"),
        *("body", "digest", "number", "sent_at", "requested_minor"),
    ),
}
OPEN = {"projects_scopeversion": "('draft')", "projects_changeorder": "('requested', 'priced')"}


def allowed(steps):
    pairs = ", ".join(f"'{old}>{new}'" for old, news in steps.items() for new in news)
    return f"(OLD.status || '>' || NEW.status) IN ({pairs})"


def changed(table, different):
    terms = " OR ".join(f"OLD.{term} {different} NEW.{term}" for term in FROZEN[table])
    return f"OLD.status NOT IN {OPEN[table]} AND ({terms})"


def sqlite():
    for table, steps in STEPS.items():
        yield f"""
        CREATE TRIGGER {table}_transition BEFORE UPDATE OF status ON {table}
        WHEN OLD.status <> NEW.status AND NOT {allowed(steps)}
        BEGIN SELECT RAISE(ABORT, 'this status cannot follow'); END
        """
        yield f"""
        CREATE TRIGGER {table}_frozen BEFORE UPDATE ON {table} WHEN {changed(table, "IS NOT")}
        BEGIN SELECT RAISE(ABORT, 'what was sent does not change'); END
        """


def postgresql():
    for table, steps in STEPS.items():
        yield f"""
        CREATE TRIGGER {table}_transition BEFORE UPDATE OF status ON {table} FOR EACH ROW
        WHEN (OLD.status <> NEW.status AND NOT {allowed(steps)})
        EXECUTE FUNCTION projects_refuse('this status cannot follow')
        """
        yield f"""
        CREATE TRIGGER {table}_frozen BEFORE UPDATE ON {table} FOR EACH ROW
        WHEN ({changed(table, "IS DISTINCT FROM")})
        EXECUTE FUNCTION projects_refuse('what was sent does not change')
        """


def guard(apps, schema_editor):
    """Let the database itself refuse a status that cannot follow, and a change of what was sent."""
    for statement in postgresql() if schema_editor.connection.vendor == "postgresql" else sqlite():
        schema_editor.execute(statement, params=None)  # None: a per cent sign in it is no placeholder


def unguard(apps, schema_editor):
    postgres = schema_editor.connection.vendor == "postgresql"
    for table in STEPS:
        for rule in ("transition", "frozen"):
            schema_editor.execute(f"DROP TRIGGER {table}_{rule}" + (f" ON {table}" if postgres else ""))


class Migration(migrations.Migration):
    dependencies = [
        ("projects", "0007_status_transitions"),
    ]

    operations = [
        migrations.CreateModel(
            name="ScopeVersion",
            fields=[
                (
                    "id",
                    models.UUIDField(default=projects.access.new_id, editable=False, primary_key=True, serialize=False),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("number", models.PositiveSmallIntegerField(editable=False)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("draft", "Draft"),
                            ("sent", "Sent"),
                            ("signed", "Signed"),
                            ("superseded", "Superseded"),
                        ],
                        default="draft",
                        editable=False,
                        max_length=10,
                    ),
                ),
                ("document", models.JSONField(default=dict)),
                ("work", models.JSONField(blank=True, default=list, verbose_name="work items with hours")),
                (
                    "rate_minor",
                    models.BigIntegerField(blank=True, null=True, verbose_name="cost of an hour in minor units"),
                ),
                ("undo", models.JSONField(blank=True, default=list, editable=False)),
                (
                    "links",
                    models.JSONField(
                        blank=True, default=dict, editable=False, verbose_name="milestones by their id in the document"
                    ),
                ),
                ("body", models.JSONField(blank=True, editable=False, null=True, verbose_name="frozen body")),
                (
                    "digest",
                    models.CharField(blank=True, editable=False, max_length=64, verbose_name="SHA-256 of the body"),
                ),
                ("sent_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("signed_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("superseded_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("countersigned_name", models.CharField(blank=True, editable=False, max_length=120)),
                (
                    "created_by",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "engagement",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="scopes", to="projects.engagement"
                    ),
                ),
            ],
            options={
                "ordering": ["-number", "pk"],
            },
        ),
        migrations.CreateModel(
            name="ChangeOrder",
            fields=[
                (
                    "id",
                    models.UUIDField(default=projects.access.new_id, editable=False, primary_key=True, serialize=False),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("number", models.PositiveSmallIntegerField(blank=True, editable=False, null=True)),
                ("wish", models.CharField(max_length=300, verbose_name="what is asked for")),
                ("asked_by", models.CharField(blank=True, max_length=120, verbose_name="who asked")),
                ("asked_on", models.DateField(verbose_name="when")),
                (
                    "fit",
                    models.CharField(
                        blank=True,
                        choices=[("in", "In scope"), ("out", "Out of scope")],
                        default="",
                        max_length=3,
                        verbose_name="in or out of scope",
                    ),
                ),
                ("what", models.TextField(blank=True, verbose_name="what changes")),
                ("why", models.TextField(blank=True, verbose_name="why it is outside the scope")),
                ("lines", models.JSONField(blank=True, default=list, verbose_name="price lines")),
                ("days", models.SmallIntegerField(default=0, verbose_name="days added")),
                ("expires_on", models.DateField(blank=True, null=True, verbose_name="valid until")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("requested", "Requested"),
                            ("priced", "Priced"),
                            ("sent", "Sent"),
                            ("approved", "Approved"),
                            ("declined", "Declined"),
                            ("withdrawn", "Withdrawn"),
                        ],
                        default="requested",
                        editable=False,
                        max_length=9,
                    ),
                ),
                ("requested_minor", models.BigIntegerField(blank=True, editable=False, null=True)),
                ("agreed_minor", models.BigIntegerField(blank=True, editable=False, null=True)),
                ("body", models.JSONField(blank=True, editable=False, null=True, verbose_name="frozen body")),
                (
                    "digest",
                    models.CharField(blank=True, editable=False, max_length=64, verbose_name="SHA-256 of the body"),
                ),
                ("sent_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("decided_at", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "engagement",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="change_orders",
                        to="projects.engagement",
                    ),
                ),
                (
                    "result",
                    models.OneToOneField(
                        blank=True,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.RESTRICT,
                        related_name="from_change",
                        to="projects.scopeversion",
                    ),
                ),
            ],
            options={
                "ordering": ["-asked_on", "-created_at", "pk"],
            },
        ),
        migrations.AddConstraint(
            model_name="scopeversion",
            constraint=models.UniqueConstraint(fields=("engagement", "number"), name="scope_number_once"),
        ),
        migrations.AddConstraint(
            model_name="scopeversion",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status", "draft")), fields=("engagement",), name="scope_one_draft"
            ),
        ),
        migrations.AddConstraint(
            model_name="scopeversion",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status", "sent")), fields=("engagement",), name="scope_one_sent"
            ),
        ),
        migrations.AddConstraint(
            model_name="scopeversion",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status", "signed")), fields=("engagement",), name="scope_one_signed"
            ),
        ),
        migrations.AddConstraint(
            model_name="scopeversion",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("body__isnull", True), ("digest", ""), ("sent_at__isnull", True), ("status", "draft")),
                    models.Q(
                        ("body__isnull", False),
                        ("sent_at__isnull", False),
                        ("status__in", ["sent", "signed", "superseded"]),
                        models.Q(("digest", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="scope_frozen_when_sent",
            ),
        ),
        migrations.AddConstraint(
            model_name="scopeversion",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("signed_at__isnull", True), ("status__in", ["draft", "sent"])),
                    models.Q(("signed_at__isnull", False), ("status", "signed")),
                    models.Q(("status", "superseded"), ("superseded_at__isnull", False)),
                    _connector="OR",
                ),
                name="scope_signed_has_date",
            ),
        ),
        migrations.AddConstraint(
            model_name="changeorder",
            constraint=models.UniqueConstraint(fields=("engagement", "number"), name="change_order_number_once"),
        ),
        migrations.AddConstraint(
            model_name="changeorder",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("body__isnull", True), ("number__isnull", True), ("status__in", ["requested", "priced"])),
                    models.Q(
                        ("body__isnull", False),
                        ("number__isnull", False),
                        ("requested_minor__isnull", False),
                        ("sent_at__isnull", False),
                        ("status__in", ["sent", "approved", "declined"]),
                    ),
                    ("status", "withdrawn"),
                    _connector="OR",
                ),
                name="change_order_frozen_when_sent",
            ),
        ),
        migrations.AddConstraint(
            model_name="changeorder",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("agreed_minor__isnull", False), ("result__isnull", False), ("status", "approved")),
                    models.Q(
                        models.Q(("status", "approved"), _negated=True),
                        ("agreed_minor__isnull", True),
                        ("result__isnull", True),
                    ),
                    _connector="OR",
                ),
                name="change_order_agreed_when_approved",
            ),
        ),
        migrations.AddConstraint(
            model_name="changeorder",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("fit", "in"), _negated=True), ("status__in", ["requested", "withdrawn"]), _connector="OR"
                ),
                name="change_order_in_scope_costs_nothing",
            ),
        ),
        migrations.RunPython(guard, unguard),
    ]
