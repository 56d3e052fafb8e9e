"""Keys for programs: made, shown once, checked and revoked."""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from projects.access import Actor, Role
from projects.errors import DomainError, NotPermittedError
from projects.models import ApiToken, Membership
from projects.services.audit import record
from projects.services.guards import UNKNOWN_TOKEN, count_try, network_of

PREFIX = "fml_"
SHOWN = 12  # characters kept in clear, to tell tokens apart
SCOPES = ("read", "write")
LONGEST = 365  # days
USE_NOTED_EVERY = timedelta(minutes=1)  # one write a minute, not one a request


class TokenScopeError(DomainError):
    """Raised when a token is asked for what does not exist."""

    code = "token-scope"
    template = "A token may have the scopes read and write, and needs at least read."


class TokenLifetimeError(DomainError):
    """Raised when a token would live for ever."""

    code = "token-lifetime"
    template = "A token lives for 1 to {longest} days."


@transaction.atomic
def create_token(*, name: str, scopes: Iterable[str], days: int, by: Actor) -> tuple[ApiToken, str]:
    """Make a token for the acting person and return it with its text, which is never shown again."""
    if by.user is None or by.via == "token":  # a leaked token must not make itself immortal
        raise NotPermittedError(role="a token")
    wished = sorted(set(scopes))
    if not set(wished) <= set(SCOPES) or "read" not in wished:
        raise TokenScopeError
    if not 1 <= days <= LONGEST:
        raise TokenLifetimeError(longest=LONGEST)
    text = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        workspace=by.workspace,
        user=by.user,
        name=name,
        prefix=text[:SHOWN],
        digest=_digest(text),
        scopes=wished,
        expires_at=timezone.now() + timedelta(days=days),
    )
    record(by=by, action="token.created", target=token, detail={"scopes": wished, "days": days})
    return token, text


@transaction.atomic
def revoke_token(*, token: ApiToken, by: Actor) -> ApiToken:
    """End a token at once; its holder may, and every owner."""
    if by.user is None or token.user_id != by.user.pk:
        by.must_own()
    locked: ApiToken = ApiToken.objects.visible_to(by).select_for_update().get(pk=token.pk)
    if locked.revoked_at is None:
        locked.revoked_at = timezone.now()
        locked.save(update_fields=["revoked_at"])
        record(by=by, action="token.revoked", target=locked)
    return locked


def authenticate_token(plaintext: str, *, address: str | None = None, request_id: str = "") -> Actor | None:
    """Say as whom a token acts; None if it is unknown, over, revoked, or its holder has left.

    The look-up goes by digest, so its time tells nothing about the token.
    Raises TooManyTriesError for an address that tries many unknown tokens.
    """
    now = timezone.now()
    token = (
        ApiToken.objects.filter(digest=_digest(plaintext), expires_at__gt=now, revoked_at=None, user__is_active=True)
        .select_related("user", "workspace")
        .first()
    )
    holders = Membership.objects.filter(workspace=token.workspace, user=token.user) if token else None
    membership = holders.first() if holders else None
    if token is None or membership is None:
        count_try(UNKNOWN_TOKEN, subject=network_of(address))
        return None
    if token.last_used_at is None or token.last_used_at < now - USE_NOTED_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return Actor(
        workspace=token.workspace,
        role=Role(membership.role),
        user=token.user,
        via="token",
        address=address,
        request_id=request_id,
        scopes=frozenset(token.scopes),
        name=f"{token.user} (token {token.name})",
    )


def _digest(plaintext: str) -> str:
    return hashlib.sha256(plaintext.encode()).hexdigest()
