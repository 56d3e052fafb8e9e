"""What is configured, reachable, writable and outdated, and what to do about it."""

import importlib.metadata
import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from django.conf import settings
from django.core.checks import run_checks
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils.version import get_version_tuple

from freelance_ml import doctor_machinery as machinery
from freelance_ml.checks import is_elsewhere
from freelance_ml.doctor_rows import Row, State
from projects.sandbox import isolation
from projects.secrets import ring_path

MEBIBYTE = 1 << 20
LARGE_WAL = 64 * MEBIBYTE
LITTLE_DISK = 2 << 30  # bytes
# Older versions have known faults that matter here.
FLOORS = {
    "django": "5.2.19",
    "celery": "5.7",
    "kombu": "5.7",
    "cryptography": "46",
    "pyarrow": "24",
    "skops": "0.13",
    "gunicorn": "23",
    "django-allauth": "65.21",
    "djangorestframework": "3.18",
    "nh3": "0.3",
}


def examine() -> list[Row]:
    """Look at everything; what cannot be looked at is an error, never a crash."""
    rows: list[Row] = []
    for look in LOOKS:
        try:
            rows.extend(look())
        except Exception as error:  # noqa: BLE001  # the doctor must get through to the end
            rows.append(Row(look.__name__.strip("_"), State.ERROR, f"{type(error).__name__}: {error}"))
    return rows


def _python() -> Iterator[Row]:
    yield Row("Python", State.OK, f"{sys.version.split()[0]} in {sys.prefix}")


def _system_checks() -> Iterator[Row]:
    found = [message for message in run_checks(include_deployment_checks=settings.SECURE_SITE) if message.level >= 30]  # noqa: PLR2004  # warnings
    for message in found:
        state = State.ERROR if message.is_serious() else State.NOTE
        yield Row(f"check {message.id}", state, str(message.msg), message.hint or "")
    if not found:
        yield Row("system checks", State.OK, "nothing found")


def _database() -> Iterator[Row]:
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT sqlite_version()")
        else:
            cursor.execute("SHOW server_version")
        version = cursor.fetchone()[0]
    yield Row("database", State.OK, f"{connection.display_name} {version}")
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        yield Row("migrations", State.ERROR, f"{len(missing)} are missing", "python manage.py migrate")
    else:
        yield Row("migrations", State.OK, "all applied")


def _write_ahead_log() -> Iterator[Row]:
    if connection.vendor != "sqlite":
        return
    wal = Path(f"{connection.settings_dict['NAME']}-wal")
    size = wal.stat().st_size if wal.exists() else 0
    found = f"{size / MEBIBYTE:.1f} MiB"
    if size > LARGE_WAL:
        yield Row("write-ahead log", State.NOTE, found, "A long read keeps it open: look for a process that hangs.")
    else:
        yield Row("write-ahead log", State.OK, found)


def _shared_keys() -> Iterator[Row]:
    """Look whether other machines of this installation could open what this one seals."""
    if settings.FREELANCE_ML_KEYS:
        yield Row("key ring", State.OK, "from FREELANCE_ML_KEYS")
    elif any(is_elsewhere(url) for url in (settings.DATABASE_URL, settings.REDIS_URL)):
        remedy = f"With more than one machine, set FREELANCE_ML_KEYS to the content of {ring_path()} on all of them."
        yield Row("key ring", State.NOTE, "in a file of this machine, while services are on others", remedy)
    else:
        yield Row("key ring", State.OK, f"in {ring_path()}")


def _keys() -> Iterator[Row]:
    folder = Path(settings.VAR_DIR) / "keys"
    files = [path for path in folder.glob("*") if path.is_file()] if folder.is_dir() else []
    loose = [path.name for path in files if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)]
    if loose:
        yield Row("keys", State.ERROR, f"others may read {', '.join(loose)}", f"chmod 600 {folder}/*")
    else:
        yield Row("keys", State.OK, f"{len(files)} in {folder}, readable by you alone; keep a copy elsewhere")


def _folders() -> Iterator[Row]:
    var = Path(settings.VAR_DIR)
    if not os.access(var, os.W_OK | os.X_OK):
        yield Row("folder", State.ERROR, f"{var} cannot be written", f"chown it to user {os.getuid()}")
        return
    free = shutil.disk_usage(var).free
    found = f"{var}, {free / (1 << 30):.1f} GiB free"
    if free < LITTLE_DISK:
        yield Row("folder", State.ERROR, found, "Free some space: uploads and jobs stop below 2 GiB.")
    else:
        yield Row("folder", State.OK, found)


def _file_store() -> Iterator[Row]:
    name = default_storage.save("doctor/probe", ContentFile(b"well"))
    try:
        with default_storage.open(name) as file:
            well = file.read() == b"well"
    finally:
        default_storage.delete(name)
    where = settings.STORAGE_URL.split("?")[0] or str(Path(settings.VAR_DIR) / "files")
    if well:
        yield Row("file store", State.OK, f"written and read back in {where}")
    else:
        yield Row("file store", State.ERROR, f"{where} gave back other bytes", "Check the store.")


def _isolation() -> Iterator[Row]:
    isolated, words = isolation.describe()
    if isolated:
        yield Row("isolation of work", State.OK, words)
    else:
        yield Row(
            "isolation of work", State.NOTE, words, "Work on clients' files on Linux, where children have no network."
        )


def _versions() -> Iterator[Row]:
    old = []
    for name, floor in FLOORS.items():
        version = importlib.metadata.version(name)
        if get_version_tuple(version) < get_version_tuple(floor):
            old.append(f"{name} {version} (at least {floor})")
    if old:
        yield Row("packages", State.ERROR, ", ".join(old), "make setup")
    else:
        yield Row("packages", State.OK, "none below its safe version")


def _safety() -> Iterator[Row]:
    if settings.DEBUG:
        yield Row(
            "DEBUG", State.NOTE, "on: errors show the program's inside", "Unset DEBUG where others can reach the site."
        )
    address = machinery.address()
    if address.startswith("https://"):
        yield Row("site", State.OK, f"{address}, with secure cookies")
    elif settings.LISTEN_ON in {"127.0.0.1", "::1", "localhost"}:
        yield Row("site", State.OK, f"{address}, for this machine alone")
    else:
        remedy = "Put a proxy with TLS in front and set SITE_URL=https://…"
        yield Row("site", State.ERROR, f"{address} is open to the network without TLS", remedy)
    if os.geteuid() == 0:
        yield Row("user", State.NOTE, "runs as root", "Run it as a user of its own.")


LOOKS: list[Callable[[], Iterator[Row]]] = [
    _python,
    _versions,
    _system_checks,
    _database,
    _write_ahead_log,
    _keys,
    _shared_keys,
    _folders,
    _file_store,
    machinery.running,
    machinery.messages,
    machinery.redis_version,
    machinery.parts,
    machinery.jobs,
    machinery.schedules,
    _isolation,
    _safety,
    machinery.mail,
]
