"""The job kinds of the ground."""

from datetime import time
from pathlib import Path
from typing import Any

from projects.jobs import QUICK, Kind, register
from projects.models.jobs import Job
from projects.services.housekeeping import tidy_up


def _tidy_up(job: Job, result: dict[str, Any], outputs: Path) -> dict[str, Any]:
    """Tidy up inside the job's own transaction."""
    return tidy_up()


register(
    Kind(
        name="projects.housekeeping",
        title="Remove what is no longer needed",
        apply=_tidy_up,
        lane=QUICK,
        site_daily_at=time(3, 30),
    )
)
