"""Lets the test runner empty the database, which the audit trail's triggers rightly refuse."""

import pytest
from django.db.backends.postgresql.operations import DatabaseOperations as PostgresqlOperations
from django.db.backends.sqlite3.operations import DatabaseOperations as SqliteOperations

TRAIL = "projects_auditentry"


@pytest.fixture(autouse=True, scope="session")
def _flush_the_audit_trail():
    """Set the triggers aside while a transactional test cleans up behind itself."""
    patch = pytest.MonkeyPatch()
    plain_sqlite, plain_postgresql = SqliteOperations.execute_sql_flush, PostgresqlOperations.execute_sql_flush

    def flush_sqlite(operations, statements):
        with operations.connection.cursor() as cursor:
            cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s", [TRAIL])
            triggers = cursor.fetchall()
        dropped = [f"DROP TRIGGER {name}" for name, _ in triggers]
        plain_sqlite(operations, [*dropped, *statements, *(sql for _, sql in triggers)])

    def flush_postgresql(operations, statements):
        if TRAIL in operations.connection.introspection.table_names():
            statements = [
                f"ALTER TABLE {TRAIL} DISABLE TRIGGER USER",
                *statements,
                f"ALTER TABLE {TRAIL} ENABLE TRIGGER USER",
            ]
        plain_postgresql(operations, statements)

    patch.setattr(SqliteOperations, "execute_sql_flush", flush_sqlite)
    patch.setattr(PostgresqlOperations, "execute_sql_flush", flush_postgresql)
    yield
    patch.undo()
