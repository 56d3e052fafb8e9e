"""Stops guessing: every try is counted before it is judged."""

import hashlib
import ipaddress
import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Case, DateTimeField, F, Q, Value, When
from django.utils import timezone

from projects.errors import DomainError
from projects.models.guards import Guard


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``tries`` in any stretch of ``within``."""

    purpose: str
    tries: int
    within: timedelta = timedelta(minutes=5)


SIGN_IN = Limit("sign-in", 10)  # per account
SECOND_FACTOR = Limit("second-factor", 10)  # per account
PASSCODE = Limit("passcode", 10)  # per share link
ADDRESS = Limit("address", 40)  # guesses of any sort per network address
UNKNOWN_TOKEN = Limit("unknown-token", 60)  # per network address
MAIL = Limit("mail", 5, timedelta(minutes=15))  # letters per recipient


class TooManyTriesError(DomainError):
    """Raised when a limit is used up; says when the next try will be heard."""

    code = "too-many-tries"
    template = "Too many tries. Nothing is lost: try again {when}."

    def __init__(self, *, retry_at: datetime) -> None:
        self.retry_at = retry_at
        self.retry_after = max(1, math.ceil((retry_at - timezone.now()).total_seconds()))  # seconds
        minutes = math.ceil(self.retry_after / 60)
        super().__init__(when="in a minute" if minutes == 1 else f"in {minutes} minutes")


def count_try(limit: Limit, *, subject: str) -> None:
    """Count one try; call it before looking at the password, code or token.

    Raises TooManyTriesError if the limit is used up. The refused try does not prolong the wait.
    The count starts anew only after a whole quiet stretch, so that no stretch ever holds more tries.
    """
    key, now = _key(limit, subject), timezone.now()
    if _take(key, limit, now):
        return
    _, made = Guard.objects.get_or_create(key=key, defaults={"count": 1, "quiet_at": now + limit.within})
    if made or _take(key, limit, now):
        return
    raise TooManyTriesError(retry_at=Guard.objects.values_list("quiet_at", flat=True).get(key=key))


def give_back(limit: Limit, *, subject: str) -> None:
    """Take one try back after it succeeded; the tries of others stay counted."""
    Guard.objects.filter(key=_key(limit, subject), count__gt=0).update(count=F("count") - 1)


def forget_quiet() -> int:
    """Remove the counters that no longer count."""
    removed, _ = Guard.objects.filter(quiet_at__lt=timezone.now()).delete()
    return removed


def network_of(address: str | None) -> str:
    """Return what one household or attacker holds: the address, of IPv6 the first 64 bits."""
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return address or "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.IPv6Network((int(parsed) >> 64 << 64, 64)))
    return str(parsed)


def _take(key: str, limit: Limit, now: datetime) -> bool:
    """Count in one UPDATE: of a hundred at once, the database lets the allowed number through."""
    quiet = Q(quiet_at__lte=now)
    return bool(
        Guard.objects.filter(quiet | Q(count__lt=limit.tries), key=key).update(
            count=Case(When(quiet, then=Value(1)), default=F("count") + 1),
            quiet_at=Value(now + limit.within, output_field=DateTimeField()),
        )
    )


def _key(limit: Limit, subject: str) -> str:
    return hashlib.sha256(f"{limit.purpose}|{subject.strip().lower()}".encode()).hexdigest()
