"""What is agreed with a client, in versions."""

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from projects.access import TenantModel


class ScopeVersion(TenantModel):
    """One version of an engagement's statement of work; frozen when it is sent.

    ``document`` and ``body`` are plain values, see ``projects.scoping.documents``. ``work`` is the
    private estimate, which the client never sees.
    """

    class Status(models.TextChoices):
        """Where the version stands."""

        DRAFT = "draft", "Draft"
        SENT = "sent", "Sent"
        SIGNED = "signed", "Signed"
        SUPERSEDED = "superseded", "Superseded"

    TRANSITIONS: ClassVar[dict[str, tuple[str, ...]]] = {
        "draft": ("sent",),
        "sent": ("signed", "superseded"),
        "signed": ("superseded",),
        "superseded": (),
    }

    workspace_path = "engagement__client__workspace"

    engagement = models.ForeignKey("projects.Engagement", models.CASCADE, related_name="scopes")
    number = models.PositiveSmallIntegerField(editable=False)
    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT, editable=False)
    document = models.JSONField(default=dict)
    work = models.JSONField("work items with hours", default=list, blank=True)
    rate_minor = models.BigIntegerField("cost of an hour in minor units", null=True, blank=True)
    undo = models.JSONField(default=list, blank=True, editable=False)
    links = models.JSONField("milestones by their id in the document", default=dict, blank=True, editable=False)
    body = models.JSONField("frozen body", null=True, blank=True, editable=False)
    digest = models.CharField("SHA-256 of the body", max_length=64, blank=True, editable=False)
    sent_at = models.DateTimeField(null=True, blank=True, editable=False)
    signed_at = models.DateTimeField(null=True, blank=True, editable=False)
    superseded_at = models.DateTimeField(null=True, blank=True, editable=False)
    countersigned_name = models.CharField(max_length=120, blank=True, editable=False)
    created_by = models.ForeignKey("projects.User", models.SET_NULL, null=True, related_name="+", editable=False)

    class Meta:
        ordering = ["-number", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["engagement", "number"], name="scope_number_once"),
            *(
                models.UniqueConstraint(fields=["engagement"], condition=Q(status=status), name=f"scope_one_{status}")
                for status in ("draft", "sent", "signed")
            ),
            models.CheckConstraint(
                condition=Q(status="draft", body__isnull=True, digest="", sent_at__isnull=True)
                | Q(status__in=["sent", "signed", "superseded"], body__isnull=False, sent_at__isnull=False)
                & ~Q(digest=""),
                name="scope_frozen_when_sent",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["draft", "sent"], signed_at__isnull=True)
                | Q(status="signed", signed_at__isnull=False)
                | Q(status="superseded", superseded_at__isnull=False),
                name="scope_signed_has_date",
            ),
        ]

    def __str__(self) -> str:
        return f"Scope {self.number} of {self.engagement}"

    @property
    def is_draft(self) -> bool:
        """Whether it can still be edited."""
        return self.status == self.Status.DRAFT

    @property
    def shown(self) -> dict[str, Any]:
        """The document as it stands, from the frozen body once there is one."""
        found: dict[str, Any] = self.body["document"] if self.body else self.document
        return found
