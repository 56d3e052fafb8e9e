"""What a long-lived installation does by itself every day."""

from datetime import timedelta

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import transaction

from projects.models.jobs import Job, JobLogLine
from projects.models.outbox import Mail
from projects.queries.clock import database_now
from projects.services.audit_checks import sign_checkpoints
from projects.services.guards import forget_quiet
from projects.services.idempotency import forget_old_answers
from projects.services.shares import forget_old_sessions
from projects.strays import sweep_strays

MAIL_KEPT = timedelta(days=90)


@transaction.atomic
def tidy_up() -> dict[str, int]:
    """Remove what is no longer needed, and sign how far the audit trail has come; count what was done."""
    now = database_now()
    SessionStore.clear_expired()
    browsers, _ = UserSession.objects.exclude(session_key__in=Session.objects.values("session_key")).delete()
    old = Job.objects.over().filter(finished_at__lt=now - timedelta(days=settings.JOB_KEEP_DAYS), log_lines__gt=0)
    lines, _ = JobLogLine.objects.filter(job__in=old).delete()
    old.update(log_lines=0, log_bytes=0)
    mails, _ = Mail.objects.filter(state=Mail.State.SENT, sent_at__lt=now - MAIL_KEPT).delete()
    return {
        "log_lines": lines,
        "mails": mails,
        "guards": forget_quiet(),
        "answers": forget_old_answers(),
        "share_sessions": forget_old_sessions(),
        "browsers": browsers,
        "strays": sweep_strays(),
        "checkpoints": len(sign_checkpoints()),
    }
