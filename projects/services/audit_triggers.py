"""Whether the triggers that make the audit trail append-only are still what the migration made."""

from collections.abc import Iterator
from importlib import import_module

from django.db import connection

TABLE = "projects_auditentry"
MADE = import_module("projects.migrations.0002_audit")
FUNCTION = "projects_append_only"
# How PostgreSQL writes them back, under names that the search path finds.
POSTGRESQL = {
    f"{TABLE}_no_change": (
        f"CREATE TRIGGER {TABLE}_no_change BEFORE DELETE OR UPDATE ON {TABLE} "
        f"FOR EACH ROW EXECUTE FUNCTION {FUNCTION}()"
    ),
    f"{TABLE}_no_truncate": (
        f"CREATE TRIGGER {TABLE}_no_truncate BEFORE TRUNCATE ON {TABLE} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {FUNCTION}()"
    ),
}
FIRES = {"O", "A"}  # always; not "D", disabled, nor "R", on replicas alone


def changed_triggers() -> list[str]:
    """Say in words what is wrong with the triggers of the trail; empty if nothing is."""
    look = _postgresql if connection.vendor == "postgresql" else _sqlite
    return list(look())


def _sqlite() -> Iterator[str]:
    wanted = {text.split()[2]: _flat(text) for text in MADE.SQLITE}
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s", [TABLE])
        found = {name: _flat(text) for name, text in cursor.fetchall()}
    yield from _compare(wanted, found)


def _postgresql() -> Iterator[str]:
    body = _flat(MADE.POSTGRESQL[0].split("$$")[1])
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgname, tgenabled::text, pg_get_triggerdef(oid, true) FROM pg_trigger"
            " WHERE tgrelid = %s::regclass AND NOT tgisinternal",
            [TABLE],
        )
        rows = cursor.fetchall()
        cursor.execute(
            "SELECT prosrc FROM pg_proc JOIN pg_language ON pg_language.oid = prolang"
            " WHERE pg_proc.oid IN (SELECT tgfoid FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal)"
            " AND lanname = 'plpgsql'",
            [TABLE],
        )
        bodies = {_flat(text) for (text,) in cursor.fetchall()}
    yield from _compare(POSTGRESQL, {name: _flat(text) for name, _, text in rows})
    for name, state, _ in rows:
        if name in POSTGRESQL and state not in FIRES:
            yield f"the trigger {name}, which makes the trail append-only, is switched off"
    if rows and bodies != {body}:
        yield f"the function {FUNCTION}, which refuses changes of the trail, was rewritten"


def _compare(wanted: dict[str, str], found: dict[str, str]) -> Iterator[str]:
    for name, text in wanted.items():
        if name not in found:
            yield f"the trigger {name}, which makes the trail append-only, is gone: someone removed it"
        elif found[name] != text:
            yield f"the trigger {name}, which makes the trail append-only, was rewritten"
    for name in sorted(found.keys() - wanted.keys()):
        yield f"the trigger {name} on the trail is none of ours"


def _flat(text: str) -> str:
    return " ".join(text.split())
