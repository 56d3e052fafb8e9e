from django.db import migrations

CREATE = """
CREATE STATISTICS IF NOT EXISTS charge_follows_source (dependencies)
ON source_id, period_start, currency, billing_account FROM billing_charge
"""


def create(apps, editor):
    """Tell PostgreSQL that a file has few periods and accounts; else it expects next to no line and reads them all."""
    if editor.connection.vendor == "postgresql":
        editor.execute(CREATE)


def drop(apps, editor):
    if editor.connection.vendor == "postgresql":
        editor.execute("DROP STATISTICS IF EXISTS charge_follows_source")


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0003_item_spend"),
    ]

    operations = [migrations.RunPython(create, drop)]
