"""Whether the broker answers, asked in a bounded time and without the job machinery."""

import socket
import time
from urllib.parse import unquote, urlsplit

import redis
from django.conf import settings

from freelance_ml.up.embedded_redis import answers
from freelance_ml.up.instance import read_state

REMEMBERED = 5.0  # seconds; a page that asks for health must not wait for the broker each time
PATIENCE = 1.0  # seconds

_last: tuple[float, str] = (0.0, "")


def url() -> str:
    """Give the broker's address, also where the running supervisor put the socket elsewhere, or found no Redis."""
    if not settings.REDIS_URL and not settings.BROKER_URL:
        unix_socket = read_state(settings.VAR_DIR / "run").get("redis_socket")
        if unix_socket is not None:
            return f"redis+socket://{unix_socket}" if unix_socket else "filesystem://"
    return str(settings.CELERY_BROKER_URL)


def state() -> str:
    """Say "ok", "away", or "files" when messages go through the file system."""
    global _last  # noqa: PLW0603  # one remembered answer for the process
    asked, answer = _last
    if not answer or time.monotonic() - asked > REMEMBERED:
        answer = _ask(url())
        _last = (time.monotonic(), answer)
    return answer


def _ask(address: str) -> str:
    parts = urlsplit(address)
    if parts.scheme == "filesystem":
        return "files"
    if parts.scheme.endswith("+socket") or parts.scheme == "unix":
        return "ok" if answers(unquote(parts.path)) else "away"
    try:
        client = redis.Redis.from_url(
            address, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE, retry=None, single_connection_client=True
        )
        with client:
            client.ping()
    except (redis.RedisError, OSError, socket.gaierror, ValueError):
        return "away"
    return "ok"
