"""From the settings to a running installation: lock, port, migrations, plan."""

import fcntl
import os
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from freelance_ml.up import embedded_redis
from freelance_ml.up.instance import open_port, private_folder, take_lock
from freelance_ml.up.plan import Part, Plan

Say = Callable[[str], None]

BROKER, WEB, WORKING = 1, 2, 3  # stages: each starts when the one before answers, and stops before it
# Two arenas for malloc: with one for each thread, an idle process keeps tens of megabytes for nothing.
FRUGAL = {"MALLOC_ARENA_MAX": "2", "PYTHONUNBUFFERED": "1"}


def run_folder() -> Path:
    """Return the folder of locks and notes of the running installation."""
    return Path(settings.VAR_DIR) / "run"


def hold_installation() -> tuple[int, int]:
    """Take the lock and the port, or raise what stands in the way; both survive the exec.

    Raises AlreadyRunningError, PortTakenError.
    """
    private_folder(Path(settings.VAR_DIR))
    lock = take_lock(run_folder())
    listener = open_port(settings.LISTEN_ON, settings.PORT)
    return lock, listener.detach()


def bring_up_to_date(*, say: Say) -> None:
    """Migrate the database and collect static files where either is behind."""
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        say("Bringing the database up to date.")
        call_command("migrate", interactive=False, verbosity=0)
    connection.close()
    if _static_files_are_old():
        _collect_static_files(say)


def _collect_static_files(say: Say) -> None:
    """Collect one at a time, and leave the files of before: another installation of this code may serve them now."""
    folder = Path(settings.STATIC_ROOT)
    private = os.umask(0o022)  # these files are no secret, and installations of other users may serve them
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if _static_files_are_old():  # whoever held the lock may have done it
                say("Collecting static files.")
                call_command("collectstatic", interactive=False, verbosity=0)
    finally:
        os.umask(private)


def _static_files_are_old() -> bool:
    """Say whether a source is newer than what was collected: a page with an unknown asset would not be shown."""
    manifest = Path(settings.STATIC_ROOT) / "staticfiles.json"
    if not manifest.exists():
        return True
    code = Path(__file__).parent
    sources = [code / "finders.py", settings.BASE_DIR / "package-lock.json", *(code / "static").rglob("*")]
    collected = manifest.stat().st_mtime
    return any(source.stat().st_mtime > collected for source in sources if source.is_file())


def make_plan(*, listener: int, notes: list[str]) -> Plan:
    """Say what runs: a broker of our own unless one is configured, web, worker, dispatcher."""
    environment = {**FRUGAL, "GUNICORN_BIND": f"fd://{listener}"}
    figures = run_folder() / "figures"
    private_folder(figures)
    for old in figures.glob("*.db"):
        old.unlink()
    environment["PROMETHEUS_MULTIPROC_DIR"] = str(figures)
    parts = []
    if not settings.REDIS_URL and not settings.BROKER_URL:
        redis = _redis_part()
        if redis is None:
            environment["BROKER_URL"] = "filesystem://"
            notes = [*notes, "No Redis on this machine: messages to the workers go through files, which is slower."]
        else:
            parts.append(redis)
            environment["REDIS_URL"] = f"redis+socket://{redis.socket}?virtual_host=0"
    parts += _working_parts(listener)
    return Plan(
        parts=parts,
        address=settings.SITE_URL,
        host=settings.LISTEN_ON,
        port=settings.PORT,
        health_host=_health_host(),
        log_folder=str(private_folder(Path(settings.VAR_DIR) / "log")),
        run_folder=str(run_folder()),
        notes=notes,
        environment=environment,
    )


def _redis_part() -> Part | None:
    server = embedded_redis.find_server(settings.REDIS_SERVER)
    if server is None:
        return None
    folder = Path(settings.VAR_DIR) / "redis"
    unix_socket = embedded_redis.socket_path(folder)
    argv = embedded_redis.arguments(server, folder=folder, unix_socket=unix_socket)
    return Part("redis", argv, stage=BROKER, stop_within=10, socket=str(unix_socket))


def _working_parts(listener: int) -> list[Part]:
    python, manage = sys.executable, str(settings.BASE_DIR / "manage.py")
    worker = ["-m", "celery", "--quiet", "-A", "freelance_ml", "worker"]
    worker += ["--without-gossip", "--without-mingle", "--loglevel", settings.LOG_LEVEL]
    return [
        Part("web", [python, "-m", "gunicorn"], stage=WEB, stop_within=20, inherits=[listener]),
        Part("worker", [python, *worker], stage=WORKING, stop_within=20, waits_for_answer=True),
        Part("dispatcher", [python, manage, "dispatch"], stage=WORKING, stop_within=10, waits_for_answer=True),
    ]


def _health_host() -> str:
    parts = urlsplit(settings.SITE_URL)
    return parts.netloc or "localhost"


def become_supervisor(plan: Plan, *, lock: int, listener: int) -> None:
    """Replace this process by the supervisor, which needs none of Django's memory."""
    sys.stdout.flush()
    os.chdir(settings.BASE_DIR)
    with plan.to_file() as written:
        for descriptor in (lock, listener, written.fileno()):
            os.set_inheritable(descriptor, True)  # noqa: FBT003  # the library's signature
        command = [sys.executable, "-m", "freelance_ml.up.supervisor", str(written.fileno())]
        os.execv(sys.executable, command)  # noqa: S606  # our own
