"""Long work: the row is the truth, the message in the queue only a hint."""

from datetime import datetime, time, timedelta
from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import Q
from django.utils import timezone

from projects.access import ScopedQuerySet, TenantModel
from projects.jobs import LONG, QUICK, title_of


class JobQuerySet(ScopedQuerySet):
    """Jobs in the words of the business."""

    def open(self) -> Self:
        """Keep jobs that are not over."""
        return self.filter(state__in=Job.OPEN)

    def over(self) -> Self:
        """Keep jobs that are done, failed or cancelled."""
        return self.filter(state__in=Job.OVER)

    def due(self, *, at: datetime) -> Self:
        """Keep jobs that may start now, the most urgent first."""
        return self.filter(state=Job.State.QUEUED, run_at__lte=at).order_by("-priority", "run_at", "pk")

    def owned(self, *, fence: int) -> Self:
        """Keep jobs that still run under this fencing number: the guard of every write of a worker."""
        return self.filter(state=Job.State.RUNNING, fence=fence)


class Job(TenantModel):
    """One piece of long work: what to do, how far it is, what came out and what it used."""

    class State(models.TextChoices):
        """Where the work stands."""

        QUEUED = "queued", "Queued"
        WAITING = "waiting", "Waiting for its parts"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    OPEN: ClassVar[tuple[str, ...]] = ("queued", "waiting", "running")
    OVER: ClassVar[tuple[str, ...]] = ("done", "failed", "cancelled")

    workspace = models.ForeignKey(
        "projects.Workspace",
        models.CASCADE,
        null=True,  # work for the whole installation, such as a backup; nobody's page shows it
        blank=True,
        related_name="jobs",
    )
    kind = models.CharField(max_length=60)
    title = models.CharField(max_length=200, blank=True)
    subject = models.CharField(max_length=120, blank=True, db_index=True, help_text="app.model:id of what it is for.")
    arguments = models.JSONField(default=dict, blank=True)
    lane = models.CharField(max_length=5, choices=[(LONG, "Long"), (QUICK, "Quick")], default=LONG)
    priority = models.SmallIntegerField(default=0, help_text="Higher starts first.")
    key = models.CharField(max_length=120, blank=True, help_text="The same key starts the same job once.")
    parent = models.ForeignKey("self", models.CASCADE, null=True, blank=True, related_name="parts")
    created_by = models.ForeignKey("projects.User", models.SET_NULL, null=True, blank=True, related_name="+")

    state = models.CharField(max_length=9, choices=State, default=State.QUEUED, editable=False)
    attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    max_attempts = models.PositiveSmallIntegerField(default=3)
    retries = models.PositiveSmallIntegerField(default=0, editable=False)  # by people
    fence = models.PositiveIntegerField(default=0, editable=False)  # grows with every claim
    worker = models.CharField(max_length=120, blank=True, editable=False)
    lease_until = models.DateTimeField(null=True, blank=True, editable=False)
    heartbeat_at = models.DateTimeField(null=True, blank=True, editable=False)
    run_at = models.DateTimeField(default=timezone.now)
    dispatched_at = models.DateTimeField(null=True, blank=True, editable=False)
    cancel_requested_at = models.DateTimeField(null=True, blank=True, editable=False)

    phase = models.CharField(max_length=80, blank=True, editable=False)
    progress_done = models.FloatField(default=0, editable=False)
    progress_total = models.FloatField(default=0, editable=False)
    phase_started_at = models.DateTimeField(null=True, blank=True, editable=False)
    progress_at = models.DateTimeField(null=True, blank=True, editable=False)
    log_lines = models.PositiveIntegerField(default=0, editable=False)
    log_bytes = models.PositiveIntegerField(default=0, editable=False)

    started_at = models.DateTimeField(null=True, blank=True, editable=False)  # of the latest attempt
    finished_at = models.DateTimeField(null=True, blank=True, editable=False)
    seed = models.BigIntegerField(default=0)
    versions = models.JSONField(default=dict, editable=False)
    isolation = models.CharField(max_length=200, blank=True, editable=False)
    wall_seconds = models.FloatField(default=0, editable=False)  # all attempts together
    cpu_seconds = models.FloatField(default=0, editable=False)
    peak_bytes = models.BigIntegerField(default=0, editable=False)
    error_code = models.CharField(max_length=60, blank=True, editable=False)
    error_message = models.TextField(blank=True, editable=False)
    result = models.JSONField(default=dict, editable=False)
    result_digest = models.CharField(max_length=64, blank=True, editable=False)

    objects: ClassVar[Any] = JobQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "pk"]
        indexes = [
            models.Index(fields=["lane", "-priority", "run_at"], name="job_due", condition=Q(state="queued")),
            models.Index(fields=["lease_until"], name="job_leased", condition=Q(state="running")),
            models.Index(fields=["workspace", "-created_at"], name="job_of_workspace"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "kind", "key"], name="job_key_once", condition=~Q(key="")),
            models.UniqueConstraint(
                fields=["kind", "key"], name="job_site_key_once", condition=~Q(key="") & Q(workspace__isnull=True)
            ),
            models.CheckConstraint(
                condition=Q(state__in=["queued", "waiting", "running", "done", "failed", "cancelled"]),
                name="job_state_known",
            ),
            models.CheckConstraint(  # a running job without a lease could never be recovered
                condition=~Q(state="running") | Q(lease_until__isnull=False, heartbeat_at__isnull=False),
                name="job_running_has_lease",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["done", "failed", "cancelled"], finished_at__isnull=False)
                | Q(state__in=["queued", "waiting", "running"], finished_at__isnull=True),
                name="job_over_has_date",
            ),
            models.CheckConstraint(condition=~Q(state="failed") | ~Q(error_message=""), name="job_failed_has_reason"),
        ]

    def __str__(self) -> str:
        return self.title or self.kind_title

    @property
    def kind_title(self) -> str:
        """Name the kind for people."""
        return title_of(self.kind)

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self.state in self.OVER

    @property
    def can_cancel(self) -> bool:
        """Whether a wish to cancel makes sense."""
        return not self.is_over and self.cancel_requested_at is None

    @property
    def can_retry(self) -> bool:
        """Whether it may be started anew."""
        return self.state in (self.State.FAILED, self.State.CANCELLED)

    @property
    def share_done(self) -> float | None:
        """Tell the part of the phase that is done, from 0 to 1; None when unknown."""
        if self.state == self.State.DONE:
            return 1.0
        if self.progress_total <= 0:
            return None
        return min(max(self.progress_done / self.progress_total, 0.0), 1.0)

    @property
    def time_left(self) -> timedelta | None:
        """Estimate how long the phase still takes, by its pace so far; None when unknown."""
        share = self.share_done
        if self.state != self.State.RUNNING or not share or not self.phase_started_at or not self.progress_at:
            return None
        spent = self.progress_at - self.phase_started_at
        return spent * ((1 - share) / share)

    @property
    def duration(self) -> timedelta | None:
        """Tell how long the latest attempt took or has been running."""
        if self.started_at is None:
            return None
        return (self.finished_at or timezone.now()) - self.started_at


class JobLogLine(TenantModel):
    """One line that a job said; control characters are escaped, the number of lines is bounded."""

    workspace_path = "job__workspace"

    job = models.ForeignKey(Job, models.CASCADE, related_name="log")
    number = models.PositiveIntegerField()
    text = models.CharField(max_length=2000)

    class Meta:
        ordering = ["job", "number"]
        constraints = [models.UniqueConstraint(fields=["job", "number"], name="job_log_line_once")]

    def __str__(self) -> str:
        return self.text


class Schedule(TenantModel):
    """A job that starts again every period; each period starts it once."""

    class Cadence(models.TextChoices):
        """How often."""

        INTERVAL = "interval", "Every so many minutes"
        DAILY = "daily", "Every day"
        WEEKLY = "weekly", "Every week"
        MONTHLY = "monthly", "Every month"

    workspace = models.ForeignKey(
        "projects.Workspace",
        models.CASCADE,
        null=True,  # for the whole installation
        blank=True,
        related_name="schedules",
    )
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=60)
    arguments = models.JSONField(default=dict, blank=True)
    subject = models.CharField(max_length=120, blank=True, db_index=True)
    cadence = models.CharField(max_length=8, choices=Cadence)
    minutes = models.PositiveIntegerField(default=60, help_text="Between two starts, for the cadence interval.")
    at = models.TimeField("time of day", default=time(6), help_text="In the time zone of the schedule.")
    weekday = models.PositiveSmallIntegerField(default=0, help_text="0 is Monday.")
    day = models.PositiveSmallIntegerField("day of the month", default=1, help_text="In a shorter month its last day.")
    time_zone = models.CharField(max_length=64, default="UTC")
    enabled = models.BooleanField(default=True)
    next_at = models.DateTimeField(editable=False)
    last_started_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_by = models.ForeignKey("projects.User", models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "name"], name="schedule_name_once"),
            models.UniqueConstraint(
                fields=["name"], name="schedule_site_name_once", condition=Q(workspace__isnull=True)
            ),
            models.CheckConstraint(
                condition=Q(cadence__in=["interval", "daily", "weekly", "monthly"]), name="schedule_cadence_known"
            ),
            models.CheckConstraint(condition=Q(minutes__gte=1), name="schedule_minutes_positive"),
            models.CheckConstraint(condition=Q(weekday__lte=6), name="schedule_weekday_known"),
            models.CheckConstraint(condition=Q(day__gte=1, day__lte=31), name="schedule_day_known"),
        ]

    def __str__(self) -> str:
        return self.name


class Pulse(models.Model):
    """When a part of the machinery was last alive, such as the dispatcher of one machine."""

    name = models.CharField(max_length=160, primary_key=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
