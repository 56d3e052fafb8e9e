"""How a milestone will be judged: agreed and frozen before the work, with a budget of looks."""

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q

from projects.access import TenantModel

if TYPE_CHECKING:
    from projects.models import Workspace


class Protocol(TenantModel):
    """One version of a milestone's evaluation protocol; a draft is edited, a frozen one never."""

    class State(models.TextChoices):
        """Where the protocol stands."""

        DRAFT = "draft", "Draft"
        DRAWING = "drawing", "Setting rows aside"
        FROZEN = "frozen", "Frozen"
        SUPERSEDED = "superseded", "Superseded"

    workspace_path = "milestone__engagement__client__workspace"

    milestone = models.ForeignKey("projects.Milestone", models.CASCADE, related_name="protocols")
    number = models.PositiveIntegerField()
    dataset_version = models.ForeignKey(
        "evaluations.DatasetVersion", models.PROTECT, null=True, related_name="protocols"
    )
    state = models.CharField(max_length=10, choices=State, default=State.DRAFT, editable=False)
    body = models.JSONField(default=dict)
    digest = models.CharField(max_length=64, blank=True, editable=False)  # SHA-256 of the canonical body
    reason = models.TextField("why it changed", blank=True)
    feasibility = models.JSONField(default=dict, editable=False)
    frozen_at = models.DateTimeField(null=True, editable=False)
    frozen_by = models.ForeignKey("projects.User", models.SET_NULL, null=True, related_name="+", editable=False)
    looks_closed_at = models.DateTimeField(null=True, editable=False)  # spare looks given up to see the details
    job = models.ForeignKey("projects.Job", models.SET_NULL, null=True, related_name="+", editable=False)

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["milestone", "number"], name="protocol_number_once"),
            models.UniqueConstraint(
                fields=["milestone"], condition=Q(state__in=["draft", "drawing"]), name="protocol_one_draft"
            ),
            models.UniqueConstraint(fields=["milestone"], condition=Q(state="frozen"), name="protocol_one_frozen"),
            models.CheckConstraint(
                condition=Q(state__in=["draft", "drawing"], frozen_at__isnull=True)
                | (Q(state__in=["frozen", "superseded"], frozen_at__isnull=False) & ~Q(digest="")),
                name="protocol_frozen_has_digest",
            ),
        ]

    def __str__(self) -> str:
        return f"Protocol {self.number} of {self.milestone}"

    @property
    def workspace(self) -> "Workspace":
        """The workspace of the milestone."""
        return self.milestone.engagement.client.workspace


class AcceptanceSet(TenantModel):
    """The rows set aside for the verdict, and the rest that training may see.

    The two are stored as separate files. What trains or develops is handed ``development`` only;
    ``acceptance`` is handed out for a look of the ledger and for nothing else.
    """

    workspace_path = "protocol__milestone__engagement__client__workspace"

    protocol = models.OneToOneField(Protocol, models.PROTECT, related_name="acceptance_set")
    acceptance = models.ForeignKey("evaluations.StoredFile", models.PROTECT, related_name="+")
    development = models.ForeignKey("evaluations.StoredFile", models.PROTECT, related_name="+")
    features = models.ForeignKey("evaluations.StoredFile", models.PROTECT, related_name="+")
    features_csv = models.ForeignKey("evaluations.StoredFile", models.PROTECT, null=True, related_name="+")
    acceptance_rows = models.BigIntegerField()
    development_rows = models.BigIntegerField()
    facts = models.JSONField(default=dict)  # rows by class, groups, the span of time

    def __str__(self) -> str:
        return f"{self.acceptance_rows} rows set aside"


class Look(TenantModel):
    """One opening of the acceptance rows; the ledger is only ever added to."""

    workspace_path = "protocol__milestone__engagement__client__workspace"

    protocol = models.ForeignKey(Protocol, models.PROTECT, related_name="looks")
    number = models.PositiveIntegerField()
    run = models.OneToOneField("evaluations.EvaluationRun", models.PROTECT, related_name="look")
    by_name = models.CharField(max_length=150, editable=False)

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["protocol", "number"], name="look_number_once")]

    def __str__(self) -> str:
        return f"Look {self.number} under {self.protocol}"
