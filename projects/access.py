"""The one door to tenant data: who acts, and which rows that actor may see."""

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import uuid_utils.compat as uuid_utils
from django.db import models
from django.utils import timezone

from projects.errors import NotPermittedError

if TYPE_CHECKING:
    from projects.models import User, Workspace


class Role(models.TextChoices):
    """What a person may do in a workspace."""

    OWNER = "owner", "Owner"
    MEMBER = "member", "Member"
    REVIEWER = "reviewer", "Reviewer"  # reads and comments, never changes


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, in which one workspace, with which role, and from where.

    ``via`` is "page", "token", "share", "job" or "command"; ``scopes`` limits a token further
    ("read", "write"); ``user`` is None for a job or a client without an account.
    """

    workspace: "Workspace"
    role: Role
    user: "User | None" = None
    via: str = "page"
    address: str | None = None
    request_id: str = ""
    scopes: frozenset[str] = frozenset({"read", "write"})
    name: str = ""

    @classmethod
    def job(cls, workspace: "Workspace") -> Self:
        """Make the actor of what a job does when nobody is there."""
        return cls(workspace=workspace, role=Role.MEMBER, via="job", name="Job")

    @property
    def may_write(self) -> bool:
        """Whether the actor may change rows."""
        return self.role != Role.REVIEWER and "write" in self.scopes

    @property
    def owns(self) -> bool:
        """Whether the actor may change people, tokens and settings."""
        return self.role == Role.OWNER and "write" in self.scopes

    def must_write(self) -> None:
        """Raise NotPermittedError unless the actor may change rows."""
        if not self.may_write:
            raise NotPermittedError(role=Role(self.role).label)

    def must_own(self) -> None:
        """Raise NotPermittedError unless the actor is an owner."""
        if not self.owns:
            raise NotPermittedError(role=Role(self.role).label)


class ScopedQuerySet(models.QuerySet):
    """Rows that belong to a workspace, reached through the model's ``workspace_path``."""

    def select_for_update(self, *args: Any, **wishes: Any) -> Self:
        """Lock rows as an UPDATE does: who adds a row that only refers to them does not wait.

        A stronger lock would end in deadlocks: such a one may hold the end of the audit trail, which all take last.
        """
        locked: Self = super().select_for_update(*args, **{"no_key": True, **wishes})
        return locked

    def visible_to(self, actor: Actor | None) -> Self:
        """Keep the rows of the actor's workspace; none without an actor."""
        if actor is None:
            return self.none()
        return self.in_workspace(actor.workspace)

    def in_workspace(self, workspace: "Workspace") -> Self:
        """Keep the rows of one workspace."""
        path: str = self.model.workspace_path  # type: ignore[attr-defined]  # declared by every tenant model
        return self.filter(**{path or "pk": workspace.pk})


def new_id() -> uuid.UUID:
    """Make an identifier that sorts by time of creation and cannot be guessed."""
    return uuid_utils.uuid7()


class TenantModel(models.Model):
    """A row that belongs to one workspace.

    ``workspace_path`` is the look-up from the row to its workspace ("engagement__workspace").
    """

    workspace_path = "workspace"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects: Any = ScopedQuerySet.as_manager()

    class Meta:
        abstract = True
