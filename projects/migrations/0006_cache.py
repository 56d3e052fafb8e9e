from django.core.management import call_command
from django.db import migrations

TABLE = "projects_cache"


def make_table(apps, schema_editor):
    """Make the table of Django's database cache, which remembers used codes of authenticator apps."""
    call_command("createcachetable", TABLE, database=schema_editor.connection.alias, verbosity=0)


class Migration(migrations.Migration):
    dependencies = [
        ("projects", "0005_shares"),
    ]

    operations = [
        migrations.RunPython(make_table, migrations.RunPython.noop),
    ]
