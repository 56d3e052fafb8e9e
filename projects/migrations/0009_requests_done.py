from importlib import import_module

from django.db import migrations, models


scopes = import_module("projects.migrations.0008_scopes")


def guard_again(apps, schema_editor):
    """Bring back the guards that SQLite loses when it makes a table anew."""
    if schema_editor.connection.vendor == "sqlite":
        for statement in scopes.sqlite():
            schema_editor.execute(statement.replace("CREATE TRIGGER", "CREATE TRIGGER IF NOT EXISTS"), params=None)


class Migration(migrations.Migration):
    dependencies = [
        ("projects", "0008_scopes"),
    ]

    operations = [
        migrations.RunPython(migrations.RunPython.noop, guard_again),
        migrations.AddField(
            model_name="changeorder",
            name="done_at",
            field=models.DateTimeField(
                blank=True, editable=False, null=True, verbose_name="when it was done, being in scope"
            ),
        ),
        migrations.AddField(
            model_name="changeorder",
            name="done_by",
            field=models.CharField(blank=True, default="", editable=False, max_length=120),
        ),
        migrations.AddConstraint(
            model_name="changeorder",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("done_at__isnull", True), ("done_by", "")),
                    models.Q(("done_at__isnull", False), ("fit", "in"), ("status", "requested")),
                    _connector="OR",
                ),
                name="change_order_done_in_scope",
            ),
        ),
        migrations.RunPython(guard_again, migrations.RunPython.noop),
    ]
