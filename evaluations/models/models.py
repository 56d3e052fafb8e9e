"""What is judged: models trained here, and predictions brought from elsewhere."""

from django.db import models

from projects.access import TenantModel


class TrainingRun(TenantModel):
    """A search over recipes on the development rows, within a budget of time."""

    workspace_path = "protocol__milestone__engagement__client__workspace"

    protocol = models.ForeignKey("evaluations.Protocol", models.PROTECT, related_name="training_runs")
    recipes = models.JSONField(default=list)
    budget_seconds = models.PositiveIntegerField(default=60)
    seed = models.PositiveBigIntegerField(default=0)
    result = models.JSONField(default=dict, editable=False)  # candidates on the same folds, with intervals
    finished_at = models.DateTimeField(null=True, editable=False)
    job = models.ForeignKey("projects.Job", models.SET_NULL, null=True, related_name="+", editable=False)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"Training for {self.protocol}"


class TrainedModel(TenantModel):
    """A fitted pipeline, stored in a form that is never executed on loading."""

    workspace_path = "run__protocol__milestone__engagement__client__workspace"

    run = models.ForeignKey(TrainingRun, models.PROTECT, related_name="models")
    recipe = models.CharField(max_length=60)
    title = models.CharField(max_length=160)
    artifact = models.ForeignKey("evaluations.StoredFile", models.PROTECT, null=True, related_name="+")
    facts = models.JSONField(default=dict)  # parameters, versions, data, timings, importance
    scores = models.JSONField(default=dict)  # on the folds, with intervals
    proposed = models.BooleanField(default=False)

    class Meta:
        ordering = ["-proposed", "recipe"]

    def __str__(self) -> str:
        return self.title


class PredictionFile(TenantModel):
    """Predictions of any framework for the acceptance rows, brought as a file."""

    workspace_path = "protocol__milestone__engagement__client__workspace"

    protocol = models.ForeignKey("evaluations.Protocol", models.PROTECT, related_name="prediction_files")
    name = models.CharField(max_length=255)
    upload = models.OneToOneField("evaluations.Upload", models.SET_NULL, null=True, editable=False)
    original = models.ForeignKey("evaluations.StoredFile", models.PROTECT, null=True, related_name="+", editable=False)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.name
