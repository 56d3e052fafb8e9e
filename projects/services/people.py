"""Who acts, and the workspaces they act in."""

from django.db import transaction

from projects.access import Actor, Role
from projects.models import Membership, User, Workspace


def actor_of(
    *,
    user: User,
    wished: str | None = None,
    via: str = "page",
    address: str | None = None,
    request_id: str = "",
) -> Actor | None:
    """Say as whom a signed-in user acts: in the wished workspace, else in their first; None without any."""
    memberships = Membership.objects.filter(user=user).select_related("workspace")
    chosen = memberships.filter(workspace_id=wished).first() if wished else None
    membership = chosen or memberships.first()
    if membership is None:
        return None
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
    workspace = Workspace.objects.create(name=name, currency=currency, time_zone=time_zone)
    Membership.objects.create(workspace=workspace, user=owner, role=Role.OWNER)
    return workspace
