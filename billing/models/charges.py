"""The lines of bills, and their sums by month and by day.

The tables are written by the driver's fastest way and are wide, so their keys are plain numbers. Every
amount stands twice: as text with all its digits, and as an integer of 1e-9 units that SQL can add.
"""

from typing import Any

from django.db import models

from projects.access import ScopedQuerySet


class Charge(models.Model):
    """One line of a bill, as it came; equal lines are all kept."""

    workspace_path = "source__workspace"

    source = models.ForeignKey("billing.BillImport", models.CASCADE, related_name="charges", db_index=False)
    row = models.PositiveIntegerField()
    provider = models.TextField(blank=True)
    billing_account = models.TextField(blank=True)
    sub_account = models.TextField(blank=True)
    sub_account_name = models.TextField(blank=True)
    invoice = models.TextField(blank=True)
    period_start = models.DateField(null=True)
    period_end = models.DateField(null=True)
    usage_start = models.DateTimeField(null=True)
    usage_end = models.DateTimeField(null=True)
    category = models.CharField(max_length=12)
    service = models.TextField(blank=True)
    service_category = models.TextField(blank=True)
    region = models.TextField(blank=True)
    resource = models.TextField(blank=True)
    resource_name = models.TextField(blank=True)
    sku = models.TextField(blank=True)
    description = models.TextField(blank=True)
    quantity = models.TextField(null=True)  # noqa: DJ001  # a number as text; empty and unknown differ
    unit = models.TextField(blank=True)
    tags = models.TextField(blank=True)  # one JSON object, its keys in order
    billed = models.TextField(null=True)  # noqa: DJ001  # an amount as text
    effective = models.TextField(null=True)  # noqa: DJ001  # an amount as text
    list_cost = models.TextField(null=True)  # noqa: DJ001  # an amount as text
    contracted = models.TextField(null=True)  # noqa: DJ001  # an amount as text
    credits = models.TextField(null=True)  # noqa: DJ001  # an amount as text
    currency = models.CharField(max_length=16, blank=True)
    billed_nano = models.BigIntegerField(null=True)
    effective_nano = models.BigIntegerField(null=True)
    list_cost_nano = models.BigIntegerField(null=True)
    contracted_nano = models.BigIntegerField(null=True)
    credits_nano = models.BigIntegerField(null=True)
    rule = models.ForeignKey("billing.SpendRule", models.SET_NULL, null=True, related_name="+", db_index=False)

    objects: Any = ScopedQuerySet.as_manager()

    class Meta:
        ordering = ["source", "row"]
        constraints = [models.UniqueConstraint(fields=["source", "row"], name="charge_row_once")]
        indexes = [
            models.Index(fields=["source", "usage_start"], name="charge_by_day"),
            models.Index(fields=["source", "resource"], name="charge_by_resource"),
            models.Index(fields=["source", "sku"], name="charge_by_sku"),
        ]

    def __str__(self) -> str:
        return f"line {self.row}"


class Sums(models.Model):
    """The sums of lines that agree in what the explorer groups by, kept for each part of a file."""

    workspace_path = "workspace"

    workspace = models.ForeignKey("projects.Workspace", models.CASCADE, related_name="+", db_index=False)
    source = models.ForeignKey("billing.BillImport", models.CASCADE, related_name="+")
    billing_account = models.TextField(blank=True)
    period_start = models.DateField(null=True)
    currency = models.CharField(max_length=16, blank=True)
    rule = models.ForeignKey("billing.SpendRule", models.SET_NULL, null=True, related_name="+")
    rows = models.PositiveIntegerField()
    billed_nano = models.BigIntegerField()  # the effective cost where a bill has no other
    effective_nano = models.BigIntegerField()  # the billed cost where a bill has no other
    credits_nano = models.BigIntegerField()
    list_nano = models.BigIntegerField()

    objects: Any = ScopedQuerySet.as_manager()

    class Meta:
        abstract = True


class SumsOfMonth(Sums):
    """A month's sums by everything that the explorer groups by."""

    month = models.DateField()  # of the bill, so that sums are the invoice's
    provider = models.TextField(blank=True)
    sub_account = models.TextField(blank=True)
    service = models.TextField(blank=True)
    service_category = models.TextField(blank=True)
    category = models.CharField(max_length=12)
    region = models.TextField(blank=True)
    tags = models.TextField(blank=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.service} in {self.month:%B %Y}"


class MonthlySpend(SumsOfMonth):
    """What most pages read."""

    class Meta:
        ordering = ["month", "pk"]
        indexes = [models.Index(fields=["workspace", "month"], name="monthly_spend_by_month")]


class ItemSpend(SumsOfMonth):
    """The same by SKU too, and by each resource that has many lines; of all others ``resource`` is empty."""

    rule = models.ForeignKey("billing.SpendRule", models.SET_NULL, null=True, related_name="+", db_index=False)
    sku = models.TextField(blank=True)
    resource = models.TextField(blank=True)

    class Meta:
        ordering = ["month", "pk"]
        indexes = [
            models.Index(fields=["workspace", "sku"], name="item_spend_by_sku"),
            models.Index(fields=["workspace", "resource"], name="item_spend_by_resource"),
        ]


class DailySpend(Sums):
    """A day's sums, for forecasts and budgets."""

    day = models.DateField()  # of the use

    class Meta:
        ordering = ["day", "pk"]
        indexes = [models.Index(fields=["workspace", "day"], name="daily_spend_by_day")]

    def __str__(self) -> str:
        return f"spend on {self.day}"
