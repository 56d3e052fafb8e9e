"""Lets the test runner empty the database, which the triggers of what is only added to rightly refuse."""

import pytest
from django.db.backends.postgresql.base import DatabaseOperations as PostgresqlOperations
from django.db.backends.sqlite3.base import DatabaseOperations as SqliteOperations

TABLES = ("projects_auditentry", "evaluations_look")


@pytest.fixture(autouse=True, scope="session")
def _flush_the_audit_trail():
    """Set the triggers aside while a transactional test cleans up behind itself."""
    patch = pytest.MonkeyPatch()
    plain_sqlite, plain_postgresql = SqliteOperations.execute_sql_flush, PostgresqlOperations.execute_sql_flush

    def flush_sqlite(operations, statements):
        with operations.connection.cursor() as cursor:
            cursor.execute(
                "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name IN (%s, %s)", TABLES
            )
            triggers = cursor.fetchall()
        dropped = [f"DROP TRIGGER {name}" for name, _ in triggers]
        plain_sqlite(operations, [*dropped, *statements, *(sql for _, sql in triggers)])

    def flush_postgresql(operations, statements):
        there = [table for table in TABLES if table in operations.connection.introspection.table_names()]
        statements = [
            *(f"ALTER TABLE {table} DISABLE TRIGGER USER" for table in there),
            *statements,
            *(f"ALTER TABLE {table} ENABLE TRIGGER USER" for table in there),
        ]
        plain_postgresql(operations, statements)

    patch.setattr(SqliteOperations, "execute_sql_flush", flush_sqlite)
    patch.setattr(PostgresqlOperations, "execute_sql_flush", flush_postgresql)
    yield
    patch.undo()
