"""How much an engagement or a milestone may cost, and who was told when it nearly did."""

from decimal import Decimal

from django.db import models
from django.db.models import Q

from billing.money import Money
from projects.access import TenantModel


class Budget(TenantModel):
    """A limit for machine time and cloud spend together, in one currency, for all time or for each month."""

    class Span(models.TextChoices):
        """Over which time it is counted."""

        TOTAL = "total", "In all"
        MONTH = "month", "Each month"

    workspace_path = "engagement__client__workspace"

    engagement = models.ForeignKey("projects.Engagement", models.CASCADE, related_name="budgets")
    milestone = models.ForeignKey(
        "projects.Milestone",
        models.CASCADE,
        null=True,
        blank=True,
        related_name="budgets",
        help_text="Empty: the whole engagement.",
    )
    span = models.CharField("counted", max_length=5, choices=Span, default=Span.TOTAL)
    amount_minor = models.BigIntegerField("amount in minor units")
    currency = models.CharField(max_length=3, help_text="Only costs in this currency count.")

    class Meta:
        ordering = ["engagement", "milestone", "pk"]
        constraints = [
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="budget_above_zero"),
            models.UniqueConstraint(fields=["milestone", "span", "currency"], name="budget_of_milestone_once"),
            models.UniqueConstraint(
                fields=["engagement", "span", "currency"],
                condition=Q(milestone__isnull=True),
                name="budget_of_engagement_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.milestone or self.engagement}: {self.money.format()}"

    @property
    def money(self) -> Money:
        """The limit."""
        return Money(self.amount_minor, self.currency)

    @property
    def amount(self) -> Decimal:
        """The limit in the currency's main unit."""
        return self.money.amount


class BudgetAlert(TenantModel):
    """A threshold that was reached, told once."""

    workspace_path = "budget__engagement__client__workspace"

    budget = models.ForeignKey(Budget, models.CASCADE, related_name="alerts")
    month = models.CharField(max_length=7, blank=True)  # 2026-11, for a monthly budget
    basis = models.CharField(max_length=8, choices=[("actual", "Actual"), ("forecast", "Forecast")])
    threshold = models.PositiveSmallIntegerField()  # per cent
    amount = models.CharField(max_length=60)  # exact text

    class Meta:
        ordering = ["-created_at", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["budget", "month", "basis", "threshold"], name="budget_alert_once")
        ]

    def __str__(self) -> str:
        return f"{self.threshold} % of {self.budget}"
