"""People and what they may do: users, workspaces, memberships, invitations and API tokens."""

from datetime import date
from typing import Any, ClassVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from projects.access import Role, ScopedQuerySet, TenantModel, new_id
from projects.secrets import key_ring


class UserManager(BaseUserManager["User"]):
    """Makes users, who are known by their e-mail address."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Make a user; the address is kept in lower case."""
        if not self.exists():
            key_ring()  # the keys are made with the first account: from then on, a machine without them is refused
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Make the operator of the installation, who may use the admin."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractUser):
    """A person who signs in."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    username = None  # type: ignore[assignment]  # people are known by e-mail address
    first_name = None  # type: ignore[assignment]  # one field holds the name as its owner writes it
    last_name = None  # type: ignore[assignment]
    name = models.CharField(_("name"), max_length=150, blank=True)
    email = models.EmailField(_("e-mail address"), unique=True)
    theme = models.CharField(
        max_length=6,
        default="system",
        choices=[("system", "System"), ("light", "Light"), ("dark", "Dark")],
    )

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects: ClassVar[UserManager] = UserManager()  # type: ignore[assignment]  # people have no username

    def __str__(self) -> str:
        return self.name or self.email

    @property
    def audit_label(self) -> str:
        """Return the name alone: an address does not belong in a trail that is kept for ever."""
        return self.name or "person"

    def get_full_name(self) -> str:
        """Return the name, else the address."""
        return str(self)

    def get_short_name(self) -> str:
        """Return the first word of the name, else the address."""
        return str(self).split(maxsplit=1)[0]


class Workspace(models.Model):
    """One business: everything that belongs together and that a stranger must never see."""

    workspace_path = ""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=120)
    currency = models.CharField(max_length=3, default="EUR")
    time_zone = models.CharField(max_length=64, default="UTC")
    second_factor_required = models.BooleanField(default=False, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedQuerySet.as_manager()

    class Meta:
        ordering = ["name", "pk"]

    def __str__(self) -> str:
        return self.name

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which its days begin; UTC where it is unknown here."""
        try:
            return ZoneInfo(self.time_zone)
        except (ValueError, OSError, ZoneInfoNotFoundError):
            return ZoneInfo("UTC")

    @property
    def today(self) -> date:
        """The day that it is there, whoever asks: a page, a program, a client by link."""
        return timezone.localdate(timezone=self.zone)


class Membership(TenantModel):
    """A person's role in a workspace."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=8, choices=Role.choices, default=Role.MEMBER)

    class Meta:
        ordering = ["created_at", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "user"], name="membership_once"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="membership_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.workspace}"

    @property
    def audit_label(self) -> str:
        """Return the person's label."""
        return self.user.audit_label


class Invitation(TenantModel):
    """An open door for one address; only the digest of its token is kept."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="invitations")
    email = models.EmailField()
    role = models.CharField(max_length=8, choices=Role.choices, default=Role.MEMBER)
    token_digest = models.CharField(max_length=64, unique=True, editable=False)
    invited_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True, editable=False)
    withdrawn_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["-created_at", "pk"]

    def __str__(self) -> str:
        return f"Invitation of {self.email}"

    @property
    def audit_label(self) -> str:
        """Return the address with its middle hidden."""
        return f"Invitation of {self.email[:1]}…@{self.email.rpartition('@')[2]}"

    @property
    def is_open(self) -> bool:
        """Whether the link still works."""
        closed = self.accepted_at or self.withdrawn_at or self.expires_at <= timezone.now()
        return not closed and (self.invited_by is None or self.invited_by.is_active)


class ApiToken(TenantModel):
    """A key for programs: shown once, kept as a digest, limited to a workspace, scopes and time."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="api_tokens")
    user = models.ForeignKey(User, models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=12, editable=False)  # shown in lists, to tell tokens apart
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scopes = models.JSONField(default=list)
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["-created_at", "pk"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_live(self) -> bool:
        """Whether the token still opens the API."""
        return self.revoked_at is None and self.expires_at > timezone.now()
