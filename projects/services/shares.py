"""Share links: made, exchanged for a session, revoked; every look is noted once a session."""

import secrets
from datetime import timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from projects.access import Actor, Role
from projects.errors import DomainError
from projects.models import ShareLink, ShareSession, ShareView
from projects.queries.shares import digest_of, open_link
from projects.services.audit import record
from projects.services.guards import ADDRESS, PASSCODE, Limit, count_try, give_back, network_of
from projects.shares import Purpose, label_of

DEFAULT_DAYS, MOST_DAYS = 14, 90
SESSION_LASTS = timedelta(hours=12)
OPENED = Limit("share-session", 60)  # browsers that come in by one link in five minutes
SHORTEST_PASSCODE = 6
TOKEN_PREFIX = "shr_"  # noqa: S105  not a secret: by it logs and scanners know one


class ShareDaysError(DomainError):
    """Raised when a link would last too long or not at all."""

    code = "share-days-out-of-range"
    template = "A link lasts 1 to {most} days. Choose a number in between."


class PasscodeTooShortError(DomainError):
    """Raised when a passcode could be guessed."""

    code = "passcode-too-short"
    template = "A passcode has at least {least} characters. Choose a longer one, or leave it empty."


class PasscodeWrongError(DomainError):
    """Raised when the visitor's passcode does not fit."""

    code = "passcode-wrong"
    template = "That passcode does not fit. Ask the person who sent you the link."


class LinkGoneError(DomainError):
    """Raised alike for wrong, expired and revoked links."""

    code = "share-link-gone"
    template = "This link does not work any more. Ask for a new one."


class CreatedLink(NamedTuple):
    """A new link and its token, which can be seen only now."""

    link: ShareLink
    token: str


class OpenedLink(NamedTuple):
    """A new session and its cookie's secret."""

    session: ShareSession
    secret: str


@transaction.atomic
def create_share_link(
    *,
    subject: Any,
    purpose: Purpose,
    by: Actor,
    days: int = DEFAULT_DAYS,
    recipient_name: str = "",
    recipient_email: str = "",
    passcode: str = "",
    passcode_hash: str = "",
) -> CreatedLink:
    """Make a link to a row of the actor's workspace; ``passcode_hash`` keeps the passcode of an earlier link.

    Raises ShareDaysError or PasscodeTooShortError for what was asked, and whatever the purpose's own
    check finds wrong with the row.
    """
    by.must_write()
    if not 1 <= days <= MOST_DAYS:
        raise ShareDaysError(most=MOST_DAYS)
    if passcode and len(passcode) < SHORTEST_PASSCODE:
        raise PasscodeTooShortError(least=SHORTEST_PASSCODE)
    purpose.load_room().check(subject)
    token, now = TOKEN_PREFIX + secrets.token_urlsafe(32), timezone.now()
    link = ShareLink.objects.create(
        workspace=by.workspace,
        purpose=purpose.name,
        subject=label_of(subject),
        title=str(subject)[:200],
        token_digest=digest_of(token),
        passcode_hash=make_password(passcode) if passcode else passcode_hash,
        recipient_name=recipient_name,
        recipient_email=recipient_email,
        created_at=now,
        expires_at=now + timedelta(days=days),
        created_by=by.user,
    )
    detail = {"subject": link.subject, "purpose": link.purpose, "days": days, "passcode": link.has_passcode}
    record(by=by, action="share.created", target=link, detail=detail)
    return CreatedLink(link, token)


def address_of(token: str) -> str:
    """Write the address at which the holder of a token comes in."""
    return settings.SITE_URL + reverse("projects:share-door", args=[token])


@transaction.atomic
def revoke_share_link(*, link: ShareLink, by: Actor) -> ShareLink:
    """Close a link and throw out whoever came in through it; revoking twice changes nothing."""
    by.must_write()
    locked: ShareLink = ShareLink.objects.select_for_update().get(pk=link.pk)
    if locked.revoked_at is not None:
        return locked
    locked.revoked_at = timezone.now()
    locked.save(update_fields=["revoked_at"])
    locked.sessions.all().delete()
    record(by=by, action="share.revoked", target=locked, detail={"subject": locked.subject})
    return locked


def exchange_token(*, token: str, passcode: str = "", address: str | None = None) -> OpenedLink:
    """Let a browser in: the token (and the passcode) against a session that the address bar never shows.

    The counter of tries is kept even when the passcode is wrong, so this is not one transaction.
    Raises LinkGoneError, PasscodeWrongError or TooManyTriesError.
    """
    link = open_link(token)
    if link is None:
        raise LinkGoneError
    if link.has_passcode:
        count_try(ADDRESS, subject=network_of(address))
        count_try(PASSCODE, subject=str(link.pk))
        if not check_password(passcode, link.passcode_hash):
            record(by=visitor_of(link, address=address), action="share.passcode_wrong", target=link)
            raise PasscodeWrongError
        give_back(PASSCODE, subject=str(link.pk))
        give_back(ADDRESS, subject=network_of(address))
    count_try(OPENED, subject=str(link.pk))
    return _open_session(link)


@transaction.atomic
def _open_session(link: ShareLink) -> OpenedLink:
    locked: ShareLink = ShareLink.objects.select_for_update().get(pk=link.pk)
    if not locked.is_open:
        raise LinkGoneError
    now, secret = timezone.now(), secrets.token_urlsafe(32)
    locked.sessions.filter(expires_at__lt=now).delete()
    session = ShareSession.objects.create(
        link=locked, secret_digest=digest_of(secret), expires_at=min(now + SESSION_LASTS, locked.expires_at)
    )
    return OpenedLink(session, secret)


def _masked(email: str) -> str:
    """Hide the middle of an address, which would stand in the trail for good."""
    return f"{email[:1]}…@{email.rpartition('@')[2]}" if email else ""


def visitor_of(link: ShareLink, *, address: str | None = None, request_id: str = "") -> Actor:
    """Say as whom the holder of a link acts: reads the link's workspace, writes nothing but an answer."""
    return Actor(
        workspace=link.workspace,
        role=Role.REVIEWER,
        via="share",
        address=address,
        request_id=request_id,
        scopes=frozenset({"read"}),
        name=link.recipient_name or _masked(link.recipient_email) or "Somebody with the link",
    )


@transaction.atomic
def note_view(*, session: ShareSession, by: Actor, agent: str = "") -> ShareView:
    """Note the first look of a session; later looks change nothing."""
    view, new = ShareView.objects.get_or_create(
        session=session,
        defaults={"link": session.link, "address": (by.address or "")[:64], "agent": agent[:200]},
    )
    if new:
        record(by=by, action="share.viewed", target=session.link, detail={"subject": session.link.subject})
    return view


def forget_old_sessions() -> int:
    """Delete the sessions that ended; the views stay. Returns how many."""
    return ShareSession.objects.filter(expires_at__lt=timezone.now()).delete()[0]
