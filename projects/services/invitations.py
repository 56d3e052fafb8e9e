"""Invitations: the only way in after the first owner."""

import hashlib
import secrets
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from projects.access import Actor, Role
from projects.errors import DomainError
from projects.models import Invitation, Membership, User
from projects.services.audit import record
from projects.services.guards import MAIL, count_try
from projects.services.mail import queue_mail
from projects.services.people import create_account

LIFETIME = timedelta(days=7)
PREFIX = "inv_"  # lets the logs know what to hide


class AlreadyMemberError(DomainError):
    """Raised when the invited address belongs to a member."""

    code = "already-member"
    template = "This person is in the workspace already. Change their role in the list of people."


class InvitationOverError(DomainError):
    """Raised when an invitation was used, withdrawn or is too old."""

    code = "invitation-over"
    template = "This invitation is over or was used. Ask for a new one."


class WrongAddressError(DomainError):
    """Raised when someone else's invitation is accepted."""

    code = "invitation-for-someone-else"
    template = "This invitation is for another address. Sign out and open the link again."


class AccountExistsError(DomainError):
    """Raised when the invited address has an account already."""

    code = "account-exists"
    template = "Sign in with the account of this address, then open the link again."


@transaction.atomic
def invite(*, email: str, role: Role, by: Actor) -> tuple[Invitation, str]:
    """Open the door for one address and mail it the link; return the invitation and the link's token, kept nowhere.

    An open invitation of the same address is withdrawn. Raises AlreadyMemberError, TooManyTriesError.
    """
    by.must_own()
    email = email.strip().lower()
    if Membership.objects.in_workspace(by.workspace).filter(user__email__iexact=email).exists():
        raise AlreadyMemberError
    now = timezone.now()
    earlier = Invitation.objects.in_workspace(by.workspace).filter(email=email, accepted_at=None, withdrawn_at=None)
    earlier.update(withdrawn_at=now)
    token = PREFIX + secrets.token_urlsafe(32)
    invitation = Invitation.objects.create(
        workspace=by.workspace,
        email=email,
        role=role,
        token_digest=_digest(token),
        invited_by=by.user,
        expires_at=now + LIFETIME,
    )
    record(by=by, action="invitation.sent", target=invitation, detail={"role": role})
    _mail(invitation, token)
    return invitation, token


def address_of(token: str) -> str:
    """Give the address that lets the invited in."""
    return settings.SITE_URL + reverse("projects:invitation", args=[token])


def _mail(invitation: Invitation, token: str) -> None:
    """Send the link to the invited address; as elsewhere, nobody can be flooded with letters."""
    count_try(MAIL, subject=invitation.email)
    body = render_to_string("projects/mail_invitation.txt", {"invitation": invitation, "address": address_of(token)})
    subject = f"Join {invitation.workspace} on Freelance ML"
    queue_mail(workspace=invitation.workspace, to=invitation.email, subject=subject, body=body)


@transaction.atomic
def withdraw(*, invitation: Invitation, by: Actor) -> Invitation:
    """Close an invitation before it is used."""
    by.must_own()
    locked: Invitation = Invitation.objects.visible_to(by).select_for_update().get(pk=invitation.pk)
    if locked.accepted_at is None and locked.withdrawn_at is None:
        locked.withdrawn_at = timezone.now()
        locked.save(update_fields=["withdrawn_at"])
        record(by=by, action="invitation.withdrawn", target=locked)
    return locked


def find_invitation(token: str) -> Invitation | None:
    """Return the open invitation of a link; None for a wrong, used, withdrawn or old one alike."""
    found = Invitation.objects.filter(token_digest=_digest(token)).select_related("workspace", "invited_by").first()
    return found if found and found.is_open else None


@transaction.atomic
def accept(*, token: str, user: User | None = None, name: str = "", password: str = "") -> Membership:
    """Enter the workspace with an existing account, else with a new one made from name and password.

    Works once: of two at the same moment the second meets a used invitation.
    """
    locked = Invitation.objects.select_for_update(of=("self",)).filter(token_digest=_digest(token)).first()
    if locked is None or not locked.is_open:
        raise InvitationOverError
    if user is None and User.objects.filter(email__iexact=locked.email).exists():
        raise AccountExistsError
    if user is not None and user.email.lower() != locked.email:
        raise WrongAddressError
    member = user or create_account(name=name, email=locked.email, password=password)
    locked.accepted_at = timezone.now()
    locked.save(update_fields=["accepted_at"])
    membership, _ = Membership.objects.get_or_create(
        workspace=locked.workspace, user=member, defaults={"role": locked.role}
    )
    by = Actor(locked.workspace, Role(membership.role), member, name=str(member))
    record(by=by, action="invitation.accepted", target=locked, detail={"role": membership.role})
    return membership


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
