"""Letters: written in the transaction of the change that causes them, sent by the dispatcher afterwards.

A letter is sent at least once: should the sender die between the mail server's yes and the mark in the
row, it goes out again with the same Message-ID, by which mail programs know the copy.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.db.models import F

from projects.access import new_id
from projects.models.outbox import Mail
from projects.models.people import Workspace
from projects.queries.clock import database_now

logger = logging.getLogger(__name__)

MOST_ATTEMPTS = 8
SENDING = timedelta(minutes=2)  # longer than any mail server may take; then another sender tries
PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 360, 720))
SENT_AT_ONCE = 20

Finish = Callable[[str, str], str | None]
_finishes: dict[str, Finish] = {}


def finish_when_sent(name: str, finish: Finish) -> None:
    """Make known who finishes letters of a sort, from address and words: the words, or None for no letter."""
    _finishes[name] = finish


@transaction.atomic
def queue_mail(
    *,
    workspace: Workspace | None,
    to: str,
    subject: str,
    body: str,
    html: str = "",
    key: str = "",
    send_after: datetime | None = None,
) -> Mail:
    """Write a letter into the outbox; with a key that was used before, return the letter of that time."""
    identity = new_id()
    host = urlsplit(settings.SITE_URL).hostname or "localhost"
    fields = {
        "id": identity,
        "to": to,
        "subject": " ".join(subject.split())[:200],  # a line break would start another header
        "body": body,
        "html": html,
        "message_id": f"<{identity}@{host}>",
        "send_after": send_after or database_now(),
    }
    if not key:
        return Mail.objects.create(workspace=workspace, **fields)
    return Mail.objects.get_or_create(workspace=workspace, key=key, defaults=fields)[0]


def queue_unfinished(name: str, *, to: str, subject: str, body: str) -> Mail:
    """Put a letter into the outbox that is finished when it is sent, so that the asking takes the same for everyone."""
    return queue_mail(workspace=None, to=to, subject=subject, body=body, key=f"{name}:{new_id()}")


def letters_leave() -> bool:
    """Say whether letters go to a mail server, and not into a folder of this machine."""
    return "smtp" in settings.EMAIL_BACKEND


def send_due_mail() -> int:
    """Send the letters that are due; return how many went out."""
    due = Mail.objects.filter(state=Mail.State.QUEUED, send_after__lte=database_now()).order_by("send_after")
    return sum(_send(mail) for mail in due[:SENT_AT_ONCE])


def _send(mail: Mail) -> bool:
    now = database_now()
    mine = Mail.objects.filter(pk=mail.pk, state=Mail.State.QUEUED, send_after=mail.send_after)
    if not mine.update(send_after=now + SENDING, attempts=F("attempts") + 1):
        return False  # another sender has it
    mail.attempts += 1
    try:
        if not _is_finished(mail):
            mail.delete()
            return False
        _hand_to_server(mail)
    except Exception as error:  # noqa: BLE001  # every mail server fails in its own way
        _note_failure(mail, error)
        return False
    # What was said may hold a secret link, so it is not kept longer than needed.
    Mail.objects.filter(pk=mail.pk).update(state=Mail.State.SENT, sent_at=database_now(), body="", html="", error="")
    return True


def _is_finished(mail: Mail) -> bool:
    """Put in what is known only now; False if there is nothing to say."""
    finish = _finishes.get(mail.key.partition(":")[0])
    if finish is None:
        return True
    words = finish(mail.to, mail.body)
    mail.body = words or ""
    return words is not None


def _hand_to_server(mail: Mail) -> None:
    letter = EmailMultiAlternatives(
        subject=mail.subject,
        body=mail.body,
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[mail.to],
        headers={"Message-ID": mail.message_id, "Auto-Submitted": "auto-generated"},
    )
    if mail.html:
        letter.attach_alternative(mail.html, "text/html")
    letter.send()


def _note_failure(mail: Mail, error: Exception) -> None:
    logger.warning("Mail %s was not sent, attempt %s (%s)", mail.pk, mail.attempts, type(error).__name__)
    given_up = mail.attempts >= MOST_ATTEMPTS
    Mail.objects.filter(pk=mail.pk).update(
        state=Mail.State.FAILED if given_up else Mail.State.QUEUED,
        error=type(error).__name__[:300],
        send_after=database_now() + PAUSES[min(mail.attempts, len(PAUSES)) - 1],
    )
