"""One piece of work for a client, from the first draft to the archive."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from projects.access import TenantModel


class Engagement(TenantModel):
    """A contract with a client: how it is billed, in which currency, from when to when."""

    class Billing(models.TextChoices):
        """How the work is paid."""

        MILESTONE = "milestone", "Per milestone"
        TIME = "time", "Time and materials"
        FIXED = "fixed", "Fixed price"
        RETAINER = "retainer", "Retainer"

    class Status(models.TextChoices):
        """Where the engagement stands."""

        DRAFT = "draft", "Draft"
        ACTIVE = "active", "Active"
        ON_HOLD = "on_hold", "On hold"
        COMPLETED = "completed", "Completed"
        CANCELLED = "cancelled", "Cancelled"
        ARCHIVED = "archived", "Archived"

    TRANSITIONS: ClassVar[dict[str, tuple[str, ...]]] = {
        "draft": ("active", "cancelled"),
        "active": ("on_hold", "completed", "cancelled"),
        "on_hold": ("active", "completed", "cancelled"),
        "completed": ("active", "archived"),
        "cancelled": ("archived",),
        "archived": (),
    }

    workspace_path = "client__workspace"

    client = models.ForeignKey("projects.Client", models.PROTECT, related_name="engagements")
    title = models.CharField(max_length=200)
    summary = models.TextField(blank=True)
    billing = models.CharField("billing model", max_length=9, choices=Billing, default=Billing.MILESTONE)
    currency = models.CharField(max_length=3)
    purchase_order = models.CharField("PO number", max_length=60, blank=True)
    starts_on = models.DateField(null=True, blank=True)
    ends_on = models.DateField(null=True, blank=True)
    status = models.CharField(max_length=9, choices=Status, default=Status.DRAFT, editable=False)
    review_days = models.PositiveSmallIntegerField(
        "review window in days",
        null=True,
        blank=True,
        help_text="Silence counts as acceptance after these days; empty: never.",
    )

    class Meta:
        ordering = ["-created_at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_on__isnull=True) | Q(starts_on__isnull=True) | Q(ends_on__gte=models.F("starts_on")),
                name="engagement_ends_after_start",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["draft", "active", "on_hold", "completed", "cancelled", "archived"]),
                name="engagement_status_known",
            ),
        ]

    def __str__(self) -> str:
        return self.title
