"""System checks: what must hold before the installation may start, and before others may reach it."""

import sqlite3
import stat
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import DatabaseError, connection

from freelance_ml.sqlite import FIXED
from projects.secrets import ring_path

SHORTEST_KEY = 32  # characters


@register(Tags.compatibility)
def sqlite_is_fixed(**kwargs: Any) -> list[CheckMessage]:
    """Refuse a SQLite that can corrupt the database when web and workers write at once."""
    if connection.vendor != "sqlite" or sqlite3.sqlite_version_info >= FIXED:
        return []
    return [
        Error(
            f"SQLite {sqlite3.sqlite_version} can corrupt the database when several processes write.",
            hint="Run make clean and make up, use a Python with SQLite 3.51.3 or newer, or set DATABASE_URL.",
            id="freelance_ml.E010",
        )
    ]


@register(Tags.security)
def folders_are_private(**kwargs: Any) -> list[CheckMessage]:
    """Refuse a folder of data, or one of secrets in it, that others may enter."""
    findings: list[CheckMessage] = []
    for name in ("", "keys", "redis", "run"):
        folder = Path(settings.VAR_DIR) / name
        if folder.is_dir() and _others_may(folder):
            findings.append(
                Error(
                    f"Others on this machine may enter {folder}.",
                    hint=f"chmod 700 {folder}",
                    id="freelance_ml.E011",
                )
            )
    return findings


@register(Tags.security)
def keys_are_private(**kwargs: Any) -> list[CheckMessage]:
    """Refuse key files that others may read."""
    folder = Path(settings.VAR_DIR) / "keys"
    open_files = [file for file in sorted(folder.glob("*")) if file.is_file() and _others_may(file)]
    return [
        Error(f"Others on this machine may read {file}.", hint=f"chmod 600 {file}", id="freelance_ml.E012")
        for file in open_files
    ]


@register(Tags.security)
def keys_are_here(**kwargs: Any) -> list[CheckMessage]:
    """Refuse to make a second key ring: this machine could not open what another one sealed."""
    if settings.FREELANCE_ML_KEYS or ring_path().exists() or not is_elsewhere(settings.DATABASE_URL):
        return []
    try:
        is_new = not get_user_model().objects.exists()
    except DatabaseError:  # no tables yet
        is_new = True
    if is_new:
        return []
    return [
        Error(
            "This machine has no keys, and the database belongs to an installation that has some.",
            hint=f"Set FREELANCE_ML_KEYS as on the other machines, or copy their keys/ring.json to {ring_path()}.",
            id="freelance_ml.E014",
        )
    ]


def is_elsewhere(url: str) -> bool:
    """Say whether a service is on another machine, as far as its address tells."""
    host = (urlsplit(url).hostname or "").lower()
    return bool(host) and not host.startswith("%2f") and host not in {"localhost", "127.0.0.1", "::1"}


@register(Tags.security, deploy=True)
def secret_key_is_long(**kwargs: Any) -> list[CheckMessage]:
    """Ask for a key that cannot be guessed."""
    if len(settings.SECRET_KEY) >= SHORTEST_KEY:
        return []
    return [
        Error(
            f"SECRET_KEY has fewer than {SHORTEST_KEY} characters.",
            hint="Leave it empty to have one made, or write 50 random characters.",
            id="freelance_ml.E013",
        )
    ]


def _others_may(path: Path) -> bool:
    return bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))
