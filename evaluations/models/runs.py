"""Evaluations: what a model or a file of predictions is worth on the acceptance rows."""

from django.db import models
from django.db.models import Q

from projects.access import TenantModel


class EvaluationRun(TenantModel):
    """One evaluation on the acceptance rows of a frozen protocol; its result is frozen with its hash."""

    class Verdict(models.TextChoices):
        """What the gates say together."""

        PASS = "pass", "Pass"
        FAIL = "fail", "Fail"
        INCONCLUSIVE = "inconclusive", "Inconclusive"

    workspace_path = "protocol__milestone__engagement__client__workspace"

    protocol = models.ForeignKey("evaluations.Protocol", models.PROTECT, related_name="runs")
    model = models.ForeignKey("evaluations.TrainedModel", models.PROTECT, null=True, related_name="runs")
    predictions = models.ForeignKey("evaluations.PredictionFile", models.PROTECT, null=True, related_name="runs")
    result = models.JSONField(null=True, editable=False)
    digest = models.CharField(max_length=64, blank=True, editable=False)  # SHA-256 of the canonical result
    verdict = models.CharField(max_length=12, choices=Verdict, blank=True, editable=False)
    finished_at = models.DateTimeField(null=True, editable=False)
    created_by = models.ForeignKey("projects.User", models.SET_NULL, null=True, related_name="+", editable=False)
    job = models.ForeignKey("projects.Job", models.SET_NULL, null=True, related_name="+", editable=False)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(model__isnull=False, predictions__isnull=True)
                | Q(model__isnull=True, predictions__isnull=False),
                name="evaluation_run_judges_one_thing",
            ),
            models.CheckConstraint(
                condition=Q(finished_at__isnull=True, verdict="") | (Q(finished_at__isnull=False) & ~Q(verdict="")),
                name="evaluation_run_finished_has_verdict",
            ),
        ]

    def __str__(self) -> str:
        return f"Evaluation of {self.model or self.predictions}"
