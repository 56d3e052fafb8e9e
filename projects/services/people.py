"""Who acts, the workspaces they act in, and what they may do there."""

import uuid
import zoneinfo

from allauth.account.models import EmailAddress
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from projects.access import Actor, Role
from projects.currencies import EXPONENTS
from projects.errors import DomainError, NotPermittedError
from projects.models import ApiToken, AuditHead, Invitation, Membership, User, Workspace
from projects.models.audit import SITE_CHAIN
from projects.prepared import Prepared
from projects.second_factor import has_second_factor
from projects.services.audit import record


class AlreadySetUpError(DomainError):
    """Raised when someone else made the first account."""

    code = "already-set-up"
    template = "This installation has an owner already. Sign in, or ask the owner for an invitation."


class LastOwnerError(DomainError):
    """Raised when a workspace would be left without an owner."""

    code = "last-owner"
    template = "{name} is the only owner. Make someone else an owner first."


class OwnFactorMissingError(DomainError):
    """Raised when an owner demands of others what they do not have themselves."""

    code = "own-factor-missing"
    template = "Set up a passkey or an authenticator app for yourself first; else you would lock yourself out."


class UnknownCurrencyError(DomainError):
    """Raised for a currency code that we have no decimals for."""

    code = "unknown-currency"
    template = "{currency} is not a currency we know. Use its three letters, such as EUR."


class UnknownZoneError(DomainError):
    """Raised for a time zone that the machine does not know."""

    code = "unknown-time-zone"
    template = "{time_zone} is not a time zone. Use a name such as Europe/Berlin."


def memberships_of(user: User) -> list[Membership]:
    """List a person's memberships with their workspaces, the first they had first."""
    return memberships_with_user(user.pk)


@Prepared
def memberships_with_user(user: uuid.UUID) -> QuerySet[Membership]:
    """List a person's memberships with their workspaces and the person, the first they had first."""
    return Membership.objects.filter(user=user).select_related("workspace", "user")


def actor_of(
    *,
    user: User,
    memberships: list[Membership] | None = None,
    wished: str | None = None,
    via: str = "page",
    address: str | None = None,
    request_id: str = "",
) -> Actor | None:
    """Say as whom a signed-in user acts: in the wished workspace, else in their first; None without any.

    ``memberships`` are the user's own, where they are known already.
    """
    memberships = memberships_of(user) if memberships is None else memberships
    if not memberships:
        return None
    chosen = [membership for membership in memberships if str(membership.workspace_id) == wished]
    membership = (chosen or memberships)[0]
    return Actor(
        workspace=membership.workspace,
        role=Role(membership.role),
        user=user,
        via=via,
        address=address,
        request_id=request_id,
        name=str(user),
    )


@transaction.atomic
def create_workspace(*, owner: User, name: str, currency: str = "EUR", time_zone: str = "UTC") -> Workspace:
    """Make a workspace with its first owner."""
    _must_be_known(currency=currency, time_zone=time_zone)
    workspace = Workspace.objects.create(name=name, currency=currency, time_zone=time_zone)
    Membership.objects.create(workspace=workspace, user=owner, role=Role.OWNER)
    record(by=Actor(workspace, Role.OWNER, owner, name=str(owner)), action="workspace.created", target=workspace)
    return workspace


@transaction.atomic
def set_up(
    *,
    name: str,
    email: str,
    password: str,
    workspace_name: str,
    currency: str,
    time_zone: str,
) -> User:
    """Make the first owner and the first workspace of an empty installation.

    Raises AlreadySetUpError for all but the first of several who try at once.
    """
    AuditHead.objects.get_or_create(chain=SITE_CHAIN)
    AuditHead.objects.select_for_update().get(chain=SITE_CHAIN)  # one at a time, in every process
    if User.objects.exists():
        raise AlreadySetUpError
    owner = create_account(name=name, email=email, password=password)
    create_workspace(owner=owner, name=workspace_name, currency=currency, time_zone=time_zone)
    return owner


def create_account(*, name: str, email: str, password: str) -> User:
    """Make an account whose address is taken as proved: its holder set the site up or was invited there."""
    user = User.objects.create_user(email=email, password=password, name=name)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


@transaction.atomic
def change_workspace(*, name: str, currency: str, time_zone: str, by: Actor) -> Workspace:
    """Rename the actor's workspace or change its currency and zone; only owners may."""
    by.must_own()
    _must_be_known(currency=currency, time_zone=time_zone)
    workspace = Workspace.objects.select_for_update().get(pk=by.workspace.pk)
    wished = {"name": name, "currency": currency, "time_zone": time_zone}
    changed = {field: value for field, value in wished.items() if getattr(workspace, field) != value}
    if changed:
        before = {field: getattr(workspace, field) for field in changed}
        for field, value in changed.items():
            setattr(workspace, field, value)
        workspace.save(update_fields=list(changed))
        record(by=by, action="workspace.changed", target=workspace, detail={"from": before, "to": changed})
    return workspace


@transaction.atomic
def demand_second_factor(*, demanded: bool, by: Actor) -> Workspace:
    """Let people enter the workspace only with a second factor, or end that; only owners may, in person."""
    by.must_own()
    if by.user is None or by.via == "token":
        raise NotPermittedError(role="a token")
    if demanded and not has_second_factor(by.user):
        raise OwnFactorMissingError
    workspace = Workspace.objects.select_for_update().get(pk=by.workspace.pk)
    if workspace.second_factor_required != demanded:
        workspace.second_factor_required = demanded
        workspace.save(update_fields=["second_factor_required"])
        record(by=by, action="workspace.second-factor", target=workspace, detail={"demanded": demanded})
    return workspace


@transaction.atomic
def change_role(*, membership: Membership, role: Role, by: Actor) -> Membership:
    """Give a person another role; only owners may, and one owner must remain."""
    by.must_own()
    locked = _locked(membership, by)
    if locked.role == role:
        return locked
    if locked.role == Role.OWNER:
        _must_not_be_last(locked)
    before, locked.role = locked.role, role
    locked.save(update_fields=["role"])
    _withdraw_invitations_of(locked, by)  # before the trail is held: who accepts one waits for it
    record(by=by, action="member.role-changed", target=locked, detail={"from": before, "to": role})
    return locked


@transaction.atomic
def remove_member(*, membership: Membership, by: Actor) -> None:
    """Take a person out of the workspace, with their tokens and open invitations; everyone may remove themselves.

    Others are removed by owners only.
    """
    if by.user is None or by.via == "token" or membership.user_id != by.user.pk:
        by.must_own()
    locked = _locked(membership, by)
    if locked.role == Role.OWNER:
        _must_not_be_last(locked)
    ApiToken.objects.filter(workspace=locked.workspace, user=locked.user, revoked_at=None).update(
        revoked_at=timezone.now()
    )
    _withdraw_invitations_of(locked, by)  # before the trail is held: who accepts one waits for it
    record(by=by, action="member.removed", target=locked, detail={"role": locked.role, "user": locked.user_id})
    locked.delete()


def change_appearance(*, user: User, theme: str) -> User:
    """Choose light, dark or what the device says."""
    user.theme = theme
    user.save(update_fields=["theme"])
    return user


@transaction.atomic
def change_name(*, user: User, name: str, by: Actor) -> User:
    """Write a person's name as they want it; the trail of each of their workspaces tells, as it knows them by it."""
    locked = User.objects.select_for_update().get(pk=user.pk)
    before, locked.name = locked.audit_label, name
    if locked.audit_label == before:
        return locked
    locked.save(update_fields=["name"])
    detail = {"from": before.replace(user.email, "person"), "to": name.replace(user.email, "person")}
    for workspace in Workspace.objects.filter(memberships__user=user).order_by("pk"):  # one order for all who rename
        record(by=by, action="person.renamed", target=locked, detail=detail, workspace=workspace)
    return locked


def _withdraw_invitations_of(membership: Membership, by: Actor) -> None:
    """Close the doors that someone opened as an owner, or they could come back as one."""
    sent = Invitation.objects.in_workspace(membership.workspace).filter(invited_by=membership.user)
    for invitation in sent.filter(accepted_at=None, withdrawn_at=None).select_for_update(of=("self",)):
        invitation.withdrawn_at = timezone.now()
        invitation.save(update_fields=["withdrawn_at"])
        record(by=by, action="invitation.withdrawn", target=invitation)


def _locked(membership: Membership, by: Actor) -> Membership:
    """Lock every owner of the workspace, in one order, so that two owners cannot leave at once."""
    owners = Membership.objects.in_workspace(by.workspace).filter(role=Role.OWNER)
    list(owners.order_by("pk").select_for_update())
    visible = Membership.objects.visible_to(by).select_related("user", "workspace")
    locked: Membership = visible.select_for_update(of=("self",)).get(pk=membership.pk)
    return locked


def _must_not_be_last(membership: Membership) -> None:
    others = Membership.objects.filter(workspace=membership.workspace, role=Role.OWNER).exclude(pk=membership.pk)
    if not others.exists():
        raise LastOwnerError(name=str(membership.user))


def _must_be_known(*, currency: str, time_zone: str) -> None:
    if currency not in EXPONENTS:
        raise UnknownCurrencyError(currency=currency)
    if time_zone not in zoneinfo.available_timezones():
        raise UnknownZoneError(time_zone=time_zone)
