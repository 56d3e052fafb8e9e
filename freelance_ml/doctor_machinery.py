"""The doctor's look at what runs: the parts, their messages, jobs, daily tasks and letters."""

import smtplib
from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.core.mail import get_connection
from django.utils.version import get_version_tuple

from freelance_ml import broker
from freelance_ml.doctor_rows import Row, State
from freelance_ml.start import run_folder
from freelance_ml.up import embedded_redis
from freelance_ml.up.instance import is_running, read_state
from projects.jobs import title_of
from projects.models import Job, Mail, Schedule
from projects.queries.clock import database_now
from projects.services.daily_tasks import last_job
from projects.services.mail import letters_leave
from projects.services.pulses import alive, last_seen

OVERDUE = timedelta(minutes=1)
RECENT = timedelta(days=1)
REDIS_FLOOR = "6.2"
PATIENCE = 5  # seconds


def address() -> str:
    """Tell where the site answers: as the supervisor wrote it down, for it may have been given another port than we."""
    noted = read_state(run_folder()) if is_running(run_folder()) else {}
    return noted.get("address") or str(settings.SITE_URL)


def running() -> Iterator[Row]:
    """Look whether `manage.py up` holds this folder."""
    if is_running(run_folder()):
        state = read_state(run_folder())
        yield Row("running", State.OK, f"at {state.get('address', 'an address not known yet')}")
    else:
        yield Row(
            "running", State.NOTE, "not started by `manage.py up` on this folder", "make up, or as in docs/deploy.md"
        )


def messages() -> Iterator[Row]:
    """Look whether messages reach the workers."""
    match broker.state():
        case "ok":
            yield Row("broker", State.OK, "Redis answers")
        case "files":
            yield Row(
                "broker", State.NOTE, "messages go through files", "Install redis-server for quicker starts of jobs."
            )
        case _ if settings.REDIS_URL or is_running(run_folder()):
            yield Row(
                "broker", State.ERROR, "Redis does not answer", "Start it, or check REDIS_URL. Pages work meanwhile."
            )
        case _:
            server = embedded_redis.find_server(settings.REDIS_SERVER)
            found = f"{server} {embedded_redis.version_of(server)}, started by `up`" if server else "no Redis found"
            yield Row("broker", State.NOTE, found, "" if server else "Messages will go through files.")


def redis_version() -> Iterator[Row]:
    """Look whether the embedded Redis is new enough."""
    server = None if settings.REDIS_URL else embedded_redis.find_server(settings.REDIS_SERVER)
    if server is None:
        return
    version = embedded_redis.version_of(server)
    if get_version_tuple(version) < get_version_tuple(REDIS_FLOOR):
        yield Row("Redis version", State.ERROR, version, f"Install Redis {REDIS_FLOOR} or newer.")


def parts() -> Iterator[Row]:
    """Look who gave a sign of life lately."""
    now = database_now()
    for part, plural, command in (
        ("worker", "workers", "celery -A freelance_ml worker"),
        ("dispatcher", "dispatchers", "python manage.py dispatch"),
    ):
        count, last = alive(part, at=now), last_seen(part)
        if count:
            yield Row(plural, State.OK, f"alive on {count} machine{'s' if count > 1 else ''}")
        elif is_running(run_folder()) or (last and now - last < RECENT):
            yield Row(plural, State.ERROR, f"silent since {last or 'the start'}", f"make up, or start `{command}`")
        else:
            yield Row(plural, State.NOTE, "none is running now", f"make up, or start `{command}`")


def jobs() -> Iterator[Row]:
    """Look whether somebody takes the jobs that may start."""
    now = database_now()
    waiting = Job.objects.due(at=now - OVERDUE).count()
    running = Job.objects.filter(state=Job.State.RUNNING, lease_until__gte=now).count()
    found = f"{running} running, {waiting} waiting for more than a minute"
    if waiting and not running:
        yield Row("jobs", State.ERROR, found, "Nobody takes them: look at the rows of workers, dispatchers and broker.")
    else:
        yield Row("jobs", State.OK, found)


def schedules() -> Iterator[Row]:
    """Look at what the installation does by itself every day."""
    for schedule in Schedule.objects.filter(workspace=None):
        last = last_job(schedule)
        outcome = f"{last.finished_at or last.created_at:%Y-%m-%d %H:%M} {last.state}" if last else "never yet"
        found = f"next {schedule.next_at:%Y-%m-%d %H:%M}, last {outcome} (UTC)"
        title = title_of(schedule.kind)
        name = f"daily: {title[0].lower()}{title[1:]}"
        if last is not None and last.state == Job.State.FAILED:
            yield Row(name, State.ERROR, found, last.error_message)
        elif not schedule.enabled:
            yield Row(name, State.NOTE, "paused", "Let it go on in /admin/, under schedules.")
        else:
            yield Row(name, State.OK, found)


def mail() -> Iterator[Row]:
    """Look where letters go, and which were given up."""
    if letters_leave():
        yield from _mail_server()
    else:
        folder = getattr(settings, "EMAIL_FILE_PATH", "this machine")
        yield Row("mail", State.NOTE, f"goes to {folder}, not out", "Set EMAIL_URL; see docs/settings.md.")
    stuck = Mail.objects.filter(state=Mail.State.FAILED).order_by("-created_at")
    if newest := stuck.first():
        remedy = "Check EMAIL_URL and what the mail server says; letters given up are not tried again."
        yield Row("letters", State.ERROR, f"{stuck.count()} given up, the newest with {newest.error}", remedy)


def _mail_server() -> Iterator[Row]:
    """Sign in to the mail server, as for a letter."""
    where = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
    try:
        with get_connection(timeout=PATIENCE):
            yield Row("mail", State.OK, f"{where} answers")
    except (OSError, smtplib.SMTPException) as error:
        yield Row(
            "mail", State.ERROR, f"{where}: {type(error).__name__}", "Check EMAIL_URL, and the way to the server."
        )
