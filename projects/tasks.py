"""What Celery carries: the id of a job, as a hint that there is work."""

from uuid import UUID

from celery import shared_task

from projects.services import job_runs


@shared_task(name="projects.run_job", ignore_result=True)
def run_job(job_id: str) -> None:
    """Take the most urgent job of the hinted job's lane; safe to deliver any number of times."""
    job_runs.run_next(hint=UUID(job_id))
