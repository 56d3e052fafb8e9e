from importlib import import_module

from django.db import migrations, models


status = import_module("projects.migrations.0007_status_transitions")


def guard_again(apps, schema_editor):
    """Bring back the guards that SQLite loses when it makes a table anew."""
    if schema_editor.connection.vendor == "sqlite":
        for statement in status.sqlite():
            schema_editor.execute(statement.replace("CREATE TRIGGER", "CREATE TRIGGER IF NOT EXISTS"), params=None)


class Migration(migrations.Migration):
    dependencies = [
        ("projects", "0010_second_factor_required"),
    ]

    operations = [
        migrations.RunPython(migrations.RunPython.noop, guard_again),
        migrations.AddField(
            model_name="milestone",
            name="invoice_number",
            field=models.CharField(blank=True, default="", editable=False, max_length=60),
        ),
        migrations.AddField(
            model_name="milestone",
            name="invoiced_on",
            field=models.DateField(blank=True, editable=False, null=True),
        ),
        migrations.RunPython(guard_again, migrations.RunPython.noop),
    ]
