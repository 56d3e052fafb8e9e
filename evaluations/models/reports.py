"""What a client is shown: frozen, hashed and signed."""

from django.db import models
from django.db.models import Q

from projects.access import TenantModel


class Report(TenantModel):
    """A milestone's report as a dated value with its hash; a later one supersedes it, nothing edits it."""

    workspace_path = "milestone__engagement__client__workspace"

    milestone = models.ForeignKey("projects.Milestone", models.PROTECT, related_name="reports")
    number = models.PositiveIntegerField()
    run = models.ForeignKey("evaluations.EvaluationRun", models.PROTECT, related_name="reports")
    body = models.JSONField()
    digest = models.CharField(max_length=64)  # SHA-256 of the canonical body
    signature = models.TextField()  # Ed25519 over the canonical body, base64
    key_id = models.CharField(max_length=64)
    charts = models.JSONField(default=list, editable=False)  # pictures drawn from the body, with their words
    sent_at = models.DateTimeField(null=True, editable=False)
    created_by = models.ForeignKey("projects.User", models.SET_NULL, null=True, related_name="+", editable=False)

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["milestone", "number"], name="report_number_once"),
            models.CheckConstraint(condition=~Q(digest="") & ~Q(signature=""), name="report_is_signed"),
        ]

    def __str__(self) -> str:
        return f"Report {self.number} on {self.milestone}"

    @property
    def is_latest(self) -> bool:
        """Whether no newer report supersedes it."""
        return not self.milestone.reports.filter(number__gt=self.number).exists()
