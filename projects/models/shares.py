"""Links by which a client without an account sees one document."""

from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import Q
from django.utils import timezone

from projects.access import ScopedQuerySet, TenantModel


class ShareLinkQuerySet(ScopedQuerySet):
    """Share links in the words of the business."""

    def of(self, subject: str) -> Self:
        """Keep the links to one row, named as ``app.model:id``."""
        return self.filter(subject=subject)

    def open(self) -> Self:
        """Keep the links that still work."""
        return self.filter(revoked_at__isnull=True, expires_at__gt=timezone.now())


class ShareLink(TenantModel):
    """A door to one document for one recipient; only the digest of its token is kept."""

    workspace = models.ForeignKey("projects.Workspace", models.CASCADE, related_name="share_links")
    purpose = models.CharField(max_length=40)
    subject = models.CharField(max_length=120, db_index=True, help_text="app.model:id of what is shown.")
    title = models.CharField(max_length=200)
    token_digest = models.CharField(max_length=64, unique=True, editable=False)
    passcode_hash = models.CharField(max_length=200, blank=True, editable=False)
    recipient_name = models.CharField(max_length=120, blank=True)
    recipient_email = models.EmailField(blank=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_by = models.ForeignKey("projects.User", models.SET_NULL, null=True, related_name="+", editable=False)

    objects: ClassVar[Any] = ShareLinkQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(expires_at__gt=models.F("created_at")), name="share_link_expires_after_creation"
            )
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_open(self) -> bool:
        """Whether the link still works."""
        return self.revoked_at is None and self.expires_at > timezone.now()

    @property
    def state(self) -> str:
        """Say in one word where the link stands."""
        if self.revoked_at is not None:
            return "revoked"
        return "open" if self.is_open else "expired"

    @property
    def has_passcode(self) -> bool:
        """Whether the visitor is asked for a passcode."""
        return bool(self.passcode_hash)

    @property
    def subject_id(self) -> str:
        """The id of the row that is shown."""
        return self.subject.rpartition(":")[2]


class ShareSession(TenantModel):
    """A browser that was let in through a link; only the digest of its cookie is kept."""

    workspace_path = "link__workspace"

    link = models.ForeignKey(ShareLink, models.CASCADE, related_name="sessions")
    secret_digest = models.CharField(max_length=64, unique=True, editable=False)
    expires_at = models.DateTimeField()

    class Meta:
        ordering = ["-created_at", "pk"]

    def __str__(self) -> str:
        return f"Session of {self.link}"


class ShareView(TenantModel):
    """The first look of a session at the document: when, from where, with what."""

    workspace_path = "link__workspace"

    link = models.ForeignKey(ShareLink, models.CASCADE, related_name="views")
    session = models.OneToOneField(ShareSession, models.SET_NULL, null=True, related_name="view")
    address = models.CharField(max_length=64, blank=True)
    agent = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-created_at", "pk"]

    def __str__(self) -> str:
        return f"{self.link} seen at {self.created_at:%Y-%m-%d %H:%M}"
