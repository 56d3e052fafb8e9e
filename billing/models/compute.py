"""Machine time that was used, and what it cost."""

from decimal import Decimal

from django.db import models

from projects.access import TenantModel


class ComputeEntry(TenantModel):
    """The machine time of one job, or of one rented machine, booked once and correctable."""

    workspace = models.ForeignKey("projects.Workspace", models.CASCADE, related_name="compute_entries")
    source = models.CharField(max_length=120, help_text="What used the time; booked once each.", editable=False)
    title = models.CharField("what ran", max_length=200)
    kind = models.CharField(max_length=60, blank=True, editable=False)
    engagement = models.ForeignKey(
        "projects.Engagement", models.SET_NULL, null=True, blank=True, related_name="compute_entries"
    )
    milestone = models.ForeignKey(
        "projects.Milestone", models.SET_NULL, null=True, blank=True, related_name="compute_entries"
    )
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    machine = models.CharField("machine type", max_length=60, blank=True)
    cpu_ms = models.BigIntegerField(default=0)  # milliseconds of one core
    gpu_ms = models.BigIntegerField(default=0)
    machine_ms = models.BigIntegerField(default=0)
    cost = models.CharField(max_length=60, blank=True, editable=False)  # exact text; empty: no rate was valid
    cost_nano = models.BigIntegerField(null=True, editable=False)  # 1e-9 units, for sums
    currency = models.CharField(max_length=3, blank=True, editable=False)
    problem = models.CharField(max_length=300, blank=True, editable=False)
    note = models.CharField(max_length=300, blank=True)
    corrected_at = models.DateTimeField(null=True, editable=False)  # by a person: no longer booked anew by itself

    class Meta:
        ordering = ["-started_at", "pk"]
        verbose_name_plural = "compute entries"
        constraints = [models.UniqueConstraint(fields=["workspace", "source"], name="compute_source_once")]
        indexes = [models.Index(fields=["workspace", "-started_at"], name="compute_of_workspace")]

    def __str__(self) -> str:
        return self.title

    @property
    def amount(self) -> Decimal | None:
        """What it cost; None while no rate is known."""
        return Decimal(self.cost) if self.cost else None

    @property
    def cpu_hours(self) -> float:
        """CPU time in hours, for people."""
        return self.cpu_ms / 3_600_000

    @property
    def gpu_hours(self) -> float:
        """GPU time in hours, for people."""
        return self.gpu_ms / 3_600_000
