"""Dated promises to a client."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from projects.access import TenantModel


class Milestone(TenantModel):
    """A dated promise to the client, accepted once its evidence is in."""

    class Status(models.TextChoices):
        """Where the promise stands."""

        PLANNED = "planned", "Planned"
        IN_PROGRESS = "in_progress", "In progress"
        SUBMITTED = "submitted", "Submitted"
        CHANGES_REQUESTED = "changes_requested", "Changes requested"
        ACCEPTED = "accepted", "Accepted"
        INVOICED = "invoiced", "Invoiced"
        PAID = "paid", "Paid"
        CANCELLED = "cancelled", "Cancelled"

    TRANSITIONS: ClassVar[dict[str, tuple[str, ...]]] = {
        "planned": ("in_progress", "cancelled"),
        "in_progress": ("submitted", "cancelled"),
        "submitted": ("changes_requested", "accepted", "in_progress", "cancelled"),
        "changes_requested": ("in_progress", "submitted", "cancelled"),
        "accepted": ("invoiced",),
        "invoiced": ("paid",),
        "paid": (),
        "cancelled": ("planned",),
    }
    OPEN: ClassVar[tuple[str, ...]] = ("planned", "in_progress", "submitted", "changes_requested")
    ACCEPTED_OR_LATER: ClassVar[tuple[str, ...]] = ("accepted", "invoiced", "paid")

    workspace_path = "engagement__client__workspace"

    engagement = models.ForeignKey("projects.Engagement", models.CASCADE, related_name="milestones")
    position = models.PositiveSmallIntegerField(default=0)
    title = models.CharField(max_length=200)
    promise = models.TextField("promise in the client's words", blank=True)
    deliverables = models.TextField(blank=True)
    criteria = models.TextField("acceptance criteria", blank=True)
    fee_minor = models.BigIntegerField("fee in minor units", default=0)  # cents, in the engagement's currency
    due_on = models.DateField(null=True, blank=True)
    status = models.CharField(max_length=17, choices=Status, default=Status.PLANNED, editable=False)
    submitted_at = models.DateTimeField(null=True, blank=True, editable=False)
    accepted_at = models.DateTimeField(null=True, blank=True, editable=False)
    accepted_how = models.CharField(
        max_length=6,
        blank=True,
        editable=False,
        choices=[("client", "By the client"), ("deemed", "Deemed")],
    )
    invoice_number = models.CharField(max_length=60, blank=True, default="", editable=False)
    invoiced_on = models.DateField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["position", "due_on", "pk"]
        constraints = [
            models.CheckConstraint(  # a milestone is accepted at a moment, or not at all
                condition=Q(status__in=["accepted", "invoiced", "paid"], accepted_at__isnull=False)
                | Q(
                    status__in=[
                        "planned",
                        "in_progress",
                        "submitted",
                        "changes_requested",
                        "cancelled",
                    ],
                    accepted_at__isnull=True,
                ),
                name="milestone_accepted_has_date",
            ),
            models.CheckConstraint(
                condition=~Q(status="submitted") | Q(submitted_at__isnull=False),
                name="milestone_submitted_has_date",
            ),
        ]

    def __str__(self) -> str:
        return self.title
