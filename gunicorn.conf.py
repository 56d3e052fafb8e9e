"""The web server's configuration; everything variable comes from the settings."""

import gc
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "freelance_ml.settings")
_own_figures = "" if os.environ.get("PROMETHEUS_MULTIPROC_DIR") else tempfile.mkdtemp(prefix="freelance-ml-figures-")
if _own_figures:  # the figures of all processes are added up there; the library asks for it when it is imported
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = _own_figures

from django.conf import settings  # noqa: E402  # with its modules comes the library

wsgi_app = "freelance_ml.wsgi:application"
bind = [os.environ.get("GUNICORN_BIND") or f"{settings.LISTEN_ON}:{settings.PORT}"]
worker_class = "gthread"
workers = settings.WEB_WORKERS
threads = settings.WEB_THREADS
preload_app = True  # the processes share the program's memory
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108  # a heartbeat file without disk waits
timeout = 60  # seconds without a heartbeat of a process
graceful_timeout = 15  # seconds for the requests under way when stopping
keepalive = 5
max_requests = 20_000  # a process is renewed now and then
max_requests_jitter = 2_000
forwarded_allow_ips = ",".join(settings.TRUSTED_PROXIES) or "127.0.0.1"
forwarder_headers = ""  # no proxy says where in the site we are
control_socket_disable = True  # signals are enough
accesslog = None  # the application writes one line for each request, without its query
logconfig_dict = {
    **settings.LOGGING,
    "loggers": {
        **settings.LOGGING["loggers"],
        "gunicorn.error": {"level": settings.LOG_LEVEL, "handlers": [], "propagate": True},
        "gunicorn.access": {"level": "CRITICAL"},  # with a logging of our own it is written whatever accesslog says
    },
}


def when_ready(server: Any) -> None:
    """Keep what is loaded out of the collector's way: its memory stays shared, and no page waits for a look at it."""
    gc.collect()
    gc.freeze()


def child_exit(server: Any, worker: Any) -> None:
    """Forget the figures of a process that is gone."""
    from prometheus_client import multiprocess  # noqa: PLC0415  # reads the folder when it is imported

    multiprocess.mark_process_dead(worker.pid)


def on_exit(server: Any) -> None:
    """Remove the figures' folder if it was made here."""
    if _own_figures:
        shutil.rmtree(_own_figures, ignore_errors=True)
