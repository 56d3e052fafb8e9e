"""Put a SQLite without the WAL-reset bug under Django.

SQLite 3.7.0 to 3.51.2 can corrupt a database in WAL mode when two processes
write and checkpoint at once, which is exactly web and workers side by side.
"""

import importlib
import sqlite3
import sys

FIXED = (3, 51, 3)


def use_fixed_sqlite() -> None:
    """Replace the standard library's SQLite by the package's newer one where it is too old."""
    if sqlite3.sqlite_version_info >= FIXED or "pysqlite3" in sys.modules:
        return
    try:
        newer = importlib.import_module("pysqlite3")
    except ImportError:  # no wheel for this platform: the system check says what to do
        return
    sys.modules["sqlite3"] = newer
    sys.modules["sqlite3.dbapi2"] = importlib.import_module("pysqlite3.dbapi2")
