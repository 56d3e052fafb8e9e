"""Where an attempt has its files, and how its processes are known."""

import hashlib
from contextlib import suppress
from pathlib import Path
from uuid import UUID

from django.conf import settings

from projects.models.jobs import Job


def folder_of(job: Job) -> Path:
    """Name the folder of one attempt; no two attempts ever share one."""
    return Path(settings.JOBS_DIR) / f"{job.pk}.{job.fence}"


def marker_of(job: Job) -> str:
    """Name the attempt in the environment of its processes."""
    return f"{_home()}:{job.pk}:{job.fence}"


def attempt_of_marker(marker: str) -> tuple[UUID, int] | None:
    """Read a marker; None if another installation on this machine has set it."""
    home, _, attempt = marker.partition(":")
    return _attempt(*attempt.split(":")) if home == _home() else None


def attempt_of_folder(folder: Path) -> tuple[UUID, int] | None:
    """Read the name of an attempt's folder; None if it is something else."""
    return _attempt(*folder.name.split("."))


def _attempt(job_id: str = "", fence: str = "", *_rest: str) -> tuple[UUID, int] | None:
    with suppress(ValueError):
        return UUID(job_id), int(fence)
    return None


def _home() -> str:
    return hashlib.sha256(str(settings.JOBS_DIR).encode()).hexdigest()[:16]
