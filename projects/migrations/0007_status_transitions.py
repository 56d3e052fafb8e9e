from django.db import migrations

# The rules of the day, frozen: a later change of the rules is a later migration.
MILESTONE = {
    "planned": ("in_progress", "cancelled"),
    "in_progress": ("submitted", "cancelled"),
    "submitted": ("changes_requested", "accepted", "in_progress", "cancelled"),
    "changes_requested": ("in_progress", "submitted", "cancelled"),
    "accepted": ("invoiced",),
    "invoiced": ("paid",),
    "cancelled": ("planned",),
}
ENGAGEMENT = {
    "draft": ("active", "cancelled"),
    "active": ("on_hold", "completed", "cancelled"),
    "on_hold": ("active", "completed", "cancelled"),
    "completed": ("active", "archived"),
    "cancelled": ("archived",),
}
TABLES = {"projects_milestone": MILESTONE, "projects_engagement": ENGAGEMENT}
TERMS = ("title", "promise", "deliverables", "criteria", "fee_minor", "accepted_at")


def allowed(steps):
    pairs = ", ".join(f"'{old}>{new}'" for old, news in steps.items() for new in news)
    return f"(OLD.status || '>' || NEW.status) IN ({pairs})"


def changed(different):
    return " OR ".join(f"OLD.{term} {different} NEW.{term}" for term in TERMS)


ACCEPTED = "OLD.status IN ('accepted', 'invoiced', 'paid')"


def sqlite():
    for table, steps in TABLES.items():
        yield f"""
        CREATE TRIGGER {table}_transition BEFORE UPDATE OF status ON {table}
        WHEN OLD.status <> NEW.status AND NOT {allowed(steps)}
        BEGIN SELECT RAISE(ABORT, 'this status cannot follow'); END
        """
    yield f"""
    CREATE TRIGGER projects_milestone_terms BEFORE UPDATE ON projects_milestone
    WHEN {ACCEPTED} AND ({changed("IS NOT")})
    BEGIN SELECT RAISE(ABORT, 'the terms of an accepted milestone do not change'); END
    """


def postgresql():
    yield """
    CREATE OR REPLACE FUNCTION projects_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'check_violation'; END $$
    """
    for table, steps in TABLES.items():
        yield f"""
        CREATE TRIGGER {table}_transition BEFORE UPDATE OF status ON {table} FOR EACH ROW
        WHEN (OLD.status <> NEW.status AND NOT {allowed(steps)})
        EXECUTE FUNCTION projects_refuse('this status cannot follow')
        """
    yield f"""
    CREATE TRIGGER projects_milestone_terms BEFORE UPDATE ON projects_milestone FOR EACH ROW
    WHEN ({ACCEPTED} AND ({changed("IS DISTINCT FROM")}))
    EXECUTE FUNCTION projects_refuse('the terms of an accepted milestone do not change')
    """


def guard(apps, schema_editor):
    """Let the database itself refuse a status that cannot follow, and new terms after acceptance."""
    for statement in postgresql() if schema_editor.connection.vendor == "postgresql" else sqlite():
        schema_editor.execute(statement, params=None)  # None: a per cent sign in it is no placeholder


def unguard(apps, schema_editor):
    postgres = schema_editor.connection.vendor == "postgresql"
    for table, rule in (
        ("projects_milestone", "transition"),
        ("projects_milestone", "terms"),
        ("projects_engagement", "transition"),
    ):
        schema_editor.execute(f"DROP TRIGGER {table}_{rule}" + (f" ON {table}" if postgres else ""))


class Migration(migrations.Migration):
    dependencies = [("projects", "0006_cache")]

    operations = [migrations.RunPython(guard, unguard)]
