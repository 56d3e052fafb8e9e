"""Jobs for tests, and a way to carry them out at once."""

from projects.dispatch import start_job
from projects.models import Job, JobLogLine, Schedule
from projects.services import mail, schedules
from projects.services.job_claims import claim_job
from projects.services.job_runs import carry_out
from tests.factories.projects import count, make_workspace
from tests.faults import kinds as kinds  # registers the kinds of the tests


def make_job(*, workspace=None, by=None, kind="test.add", **fields):
    workspace = workspace or (by.workspace if by else make_workspace())
    return start_job(kind=kind, workspace=workspace, by=by, **fields)


def make_job_log_line(*, job=None, workspace=None, **fields):
    job = job or make_job(workspace=workspace)
    return JobLogLine.objects.create(job=job, **({"number": next(count), "text": "a line"} | fields))


def make_schedule(*, workspace=None, by=None, **fields):
    workspace = workspace or (by.workspace if by else make_workspace())
    fields = {"name": f"Schedule {next(count)}", "kind": "test.add", "cadence": Schedule.Cadence.DAILY} | fields
    return schedules.create_schedule(workspace=workspace, by=by, **fields)


def make_mail(*, workspace=None, **fields):
    fields = {"to": "carla@client.example", "subject": "Hello", "body": "A letter."} | fields
    return mail.queue_mail(workspace=workspace or make_workspace(), **fields)


def work_off(job: Job) -> Job:
    """Carry out a queued job here and now, with its real child process; others that are more urgent come first."""
    while claimed := claim_job(hint=job.pk):
        carry_out(claimed, beats=False)
        if claimed.pk == job.pk:
            break
    job.refresh_from_db()
    return job
