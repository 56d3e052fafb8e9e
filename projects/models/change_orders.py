"""Wishes that come later, and what they cost."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone

from projects.access import TenantModel


class ChangeOrder(TenantModel):
    """A request in one line; priced and sent it is a small contract of its own.

    What was requested and what was agreed are kept apart. ``lines`` are price lines in minor units,
    which may be negative: see ``projects.scoping.changes.PriceLine``.
    """

    class Status(models.TextChoices):
        """Where the change stands; Expired, In scope, Done and No price yet are derived."""

        REQUESTED = "requested", "Requested"
        PRICED = "priced", "Priced"
        SENT = "sent", "Sent"
        APPROVED = "approved", "Approved"
        DECLINED = "declined", "Declined"
        WITHDRAWN = "withdrawn", "Withdrawn"

    class Fit(models.TextChoices):
        """What the person said about the request."""

        INSIDE = "in", "In scope"
        OUTSIDE = "out", "Out of scope"

    TRANSITIONS: ClassVar[dict[str, tuple[str, ...]]] = {
        "requested": ("priced", "withdrawn"),
        "priced": ("sent", "withdrawn"),
        "sent": ("approved", "declined", "withdrawn"),
        "approved": (),
        "declined": (),
        "withdrawn": (),
    }
    WAITING: ClassVar[tuple[str, ...]] = ("requested", "priced", "sent")

    workspace_path = "engagement__client__workspace"

    engagement = models.ForeignKey("projects.Engagement", models.CASCADE, related_name="change_orders")
    number = models.PositiveSmallIntegerField(null=True, blank=True, editable=False)  # taken when it is sent
    wish = models.CharField("what is asked for", max_length=300)
    asked_by = models.CharField("who asked", max_length=120, blank=True)
    asked_on = models.DateField("when")
    fit = models.CharField("in or out of scope", max_length=3, choices=Fit, blank=True, default="")
    what = models.TextField("what changes", blank=True)
    why = models.TextField("why it is outside the scope", blank=True)
    lines = models.JSONField("price lines", default=list, blank=True)
    days = models.SmallIntegerField("days added", default=0)
    expires_on = models.DateField("valid until", null=True, blank=True)
    status = models.CharField(max_length=9, choices=Status, default=Status.REQUESTED, editable=False)
    requested_minor = models.BigIntegerField(null=True, blank=True, editable=False)
    agreed_minor = models.BigIntegerField(null=True, blank=True, editable=False)
    body = models.JSONField("frozen body", null=True, blank=True, editable=False)
    digest = models.CharField("SHA-256 of the body", max_length=64, blank=True, editable=False)
    sent_at = models.DateTimeField(null=True, blank=True, editable=False)
    decided_at = models.DateTimeField(null=True, blank=True, editable=False)
    done_at = models.DateTimeField("when it was done, being in scope", null=True, blank=True, editable=False)
    done_by = models.CharField(max_length=120, blank=True, default="", editable=False)
    result = models.OneToOneField(
        "projects.ScopeVersion", models.RESTRICT, null=True, blank=True, editable=False, related_name="from_change"
    )
    created_by = models.ForeignKey("projects.User", models.SET_NULL, null=True, related_name="+", editable=False)

    class Meta:
        ordering = ["-asked_on", "-created_at", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["engagement", "number"], name="change_order_number_once"),
            models.CheckConstraint(
                condition=Q(status__in=["requested", "priced"], body__isnull=True, number__isnull=True)
                | Q(
                    status__in=["sent", "approved", "declined"],
                    body__isnull=False,
                    number__isnull=False,
                    requested_minor__isnull=False,
                    sent_at__isnull=False,
                )
                | Q(status="withdrawn"),
                name="change_order_frozen_when_sent",
            ),
            models.CheckConstraint(
                condition=Q(status="approved", agreed_minor__isnull=False, result__isnull=False)
                | ~Q(status="approved") & Q(agreed_minor__isnull=True, result__isnull=True),
                name="change_order_agreed_when_approved",
            ),
            models.CheckConstraint(
                condition=~Q(fit="in") | Q(status__in=["requested", "withdrawn"]),
                name="change_order_in_scope_costs_nothing",
            ),
            models.CheckConstraint(
                condition=Q(done_at__isnull=True, done_by="") | Q(done_at__isnull=False, fit="in", status="requested"),
                name="change_order_done_in_scope",
            ),
        ]

    def __str__(self) -> str:
        return f"Change order {self.number}: {self.wish}" if self.number else self.wish

    @property
    def is_expired(self) -> bool:
        """Whether it was sent and its last day has passed without an answer."""
        if self.status != self.Status.SENT or self.expires_on is None:
            return False
        return self.expires_on < timezone.localdate()

    @property
    def state(self) -> str:
        """The status, or what follows from it: "expired", "in" scope, "done", "unpriced" while a price is written."""
        if self.status == self.Status.REQUESTED and self.fit == self.Fit.INSIDE:
            return "done" if self.done_at else "in"
        if self.status == self.Status.PRICED and not (self.lines or self.days):
            return "unpriced"
        return "expired" if self.is_expired else str(self.status)

    @property
    def state_label(self) -> str:
        """The state in the glossary's word."""
        derived = {"done": "Done", "in": "In scope", "expired": "Expired", "unpriced": "No price yet"}
        return derived.get(self.state) or str(self.get_status_display())
