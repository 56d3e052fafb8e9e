"""Bills of cloud providers: the files that arrive, and what is stored of them."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar

from django.db import models

from projects.access import TenantModel


class ColumnMapping(TenantModel):
    """Which column of a CSV fills which field of a charge; saved under a name."""

    workspace = models.ForeignKey("projects.Workspace", models.CASCADE, related_name="column_mappings")
    name = models.CharField(max_length=100)
    body = models.JSONField()  # billing.bills.ColumnMapping as a dict

    class Meta:
        ordering = ["name", "pk"]
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="column_mapping_name_once")]

    def __str__(self) -> str:
        return self.name


class BillImport(TenantModel):
    """A file that arrived: first read and shown, then committed, or discarded."""

    class State(models.TextChoices):
        """Where the file stands."""

        READING = "reading", "Being read"
        READY = "ready", "Ready to commit"
        COMMITTING = "committing", "Being stored"
        COMMITTED = "committed", "Stored"
        UNCHANGED = "unchanged", "Nothing new"
        FAILED = "failed", "Cannot be read"
        DISCARDED = "discarded", "Discarded"

    class Basis(models.TextChoices):
        """Which of Azure's two views of the same spend."""

        ACTUAL = "actual", "Actual (what the invoice asks)"
        AMORTISED = "amortised", "Amortised (prepayments spread over their use)"

    OPEN: ClassVar[tuple[str, ...]] = ("reading", "ready", "committing", "failed")

    workspace = models.ForeignKey("projects.Workspace", models.CASCADE, related_name="bill_imports")
    name = models.CharField("file", max_length=200)
    size = models.BigIntegerField()  # bytes
    sha256 = models.CharField(max_length=64)
    export = models.CharField(
        "name of the export",
        max_length=100,
        blank=True,
        help_text="Only where one account delivers several files for one month: each needs its own name.",
    )
    currency = models.CharField(max_length=3, blank=True, help_text="Only where the file does not say it, such as EUR.")
    basis = models.CharField("cost basis", max_length=9, choices=Basis, default=Basis.ACTUAL)
    mapping = models.ForeignKey(ColumnMapping, models.SET_NULL, null=True, blank=True, related_name="+")
    head = models.JSONField(default=list, editable=False)  # the first rows, for the mapping form
    state = models.CharField(max_length=10, choices=State, default=State.READING, editable=False)
    job = models.ForeignKey("projects.Job", models.SET_NULL, null=True, editable=False, related_name="+")
    preview = models.JSONField(default=dict, editable=False)  # BillPreview.to_dict()
    difference = models.JSONField(default=list, editable=False)  # what the commit changed
    error_code = models.CharField(max_length=60, blank=True, editable=False)
    error_message = models.TextField(blank=True, editable=False)
    committed_at = models.DateTimeField(null=True, editable=False)
    created_by = models.ForeignKey(
        "projects.User", models.SET_NULL, null=True, blank=True, editable=False, related_name="+"
    )

    class Meta:
        ordering = ["-created_at", "pk"]

    def __str__(self) -> str:
        return self.name

    @property
    def export_name(self) -> str:
        """Name what a newer file replaces: the export that a person named, else the file's format."""
        if self.export:
            return self.export
        found = self.preview.get("format", "")
        return f"{found}-{self.basis}" if found == "azure" else found

    def reading_arguments(self) -> dict[str, Any]:
        """Say how the file is read, as the job wants it."""
        return {
            "mapping": self.mapping.body if self.mapping else None,
            "currency": self.currency,
            "basis": self.basis,
        }

    def cost_of(self, sums: Mapping[str, str], currency: str) -> Decimal:
        """Take the billed cost from sums of this file, or the effective one where the file has no other."""
        present = self.preview.get("tallies", {}).get(currency, {})
        return Decimal(sums.get("billed" if "billed" in present else "effective", "0"))


class Bill(TenantModel):
    """What is stored of one account, export, period and currency; a newer file replaces it while it is open."""

    workspace = models.ForeignKey("projects.Workspace", models.CASCADE, related_name="bills")
    source = models.ForeignKey(BillImport, models.PROTECT, related_name="bills")
    export = models.CharField(max_length=100)
    provider = models.CharField(max_length=200, blank=True)
    billing_account = models.TextField(blank=True)
    period = models.CharField(max_length=10, blank=True)  # its first day; empty where a bill names none
    period_start = models.DateField(null=True)
    period_end = models.DateField(null=True)
    currency = models.CharField(max_length=16, blank=True)
    version = models.PositiveIntegerField(default=1)
    rows = models.PositiveIntegerField()
    sums = models.JSONField()  # amount → exact text
    closed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-period_start", "billing_account", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "export", "billing_account", "period", "currency"], name="bill_once"
            )
        ]

    def __str__(self) -> str:
        when = f"{self.period_start:%B %Y}" if self.period_start else "no period"
        return f"{self.provider or self.export} {self.billing_account} · {when}".replace("  ", " ")

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells it apart inside one file: account, period and currency."""
        return (self.billing_account, self.period, self.currency)

    @property
    def cost(self) -> Decimal:
        """What the bill asks for."""
        return self.source.cost_of(self.sums, self.currency)
