"""A POST that is sent twice with the same key acts once and answers the same."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple

from django.db import transaction
from django.utils import timezone

from projects.access import Actor
from projects.errors import DomainError
from projects.models import IdempotencyKey

KEPT = timedelta(hours=24)
KEY_FORM = re.compile(r"[\x21-\x7e]{1,200}")


class IdempotencyKeyInvalidError(DomainError):
    """Raised when a key has a form that cannot be kept."""

    code = "idempotency-key-invalid"
    template = "An Idempotency-Key has 1 to 200 visible ASCII characters, without spaces; a UUID is a good one."


class IdempotencyKeyReusedError(DomainError):
    """Raised when a key comes back with another request."""

    code = "idempotency-key-reused"
    template = "This Idempotency-Key was used with another address or body. Send a new key for a new request."


class Answer(NamedTuple):
    """The status and body of an answer, and whether it was given before."""

    status: int
    body: Any
    replayed: bool = False


@transaction.atomic
def run_once(*, key: str, request_digest: str, by: Actor, act: Callable[[], Answer]) -> Answer:
    """Act and keep the answer, or give the answer that was kept.

    The key and what ``act`` changes commit together. An error is raised and nothing is kept, so that
    the caller may repair the request and send it again. Two requests at the same moment wait for each
    other at the unique constraint.
    """
    if not KEY_FORM.fullmatch(key):
        raise IdempotencyKeyInvalidError
    if by.user is None:
        raise IdempotencyKeyInvalidError
    whose = {"workspace": by.workspace, "user": by.user, "key": key}
    IdempotencyKey.objects.filter(**whose, created_at__lt=timezone.now() - KEPT).delete()
    row, new = IdempotencyKey.objects.select_for_update().get_or_create(
        **whose, defaults={"request_digest": request_digest}
    )
    if not new:
        if row.request_digest != request_digest:
            raise IdempotencyKeyReusedError
        return Answer(row.status or 200, row.answer, replayed=True)
    answer = act()
    row.status, row.answer = answer.status, json.loads(json.dumps(answer.body, default=str))
    row.save(update_fields=["status", "answer"])
    return answer


def forget_old_answers() -> int:
    """Delete the answers that are older than a day; returns how many."""
    return IdempotencyKey.objects.filter(created_at__lt=timezone.now() - KEPT).delete()[0]
