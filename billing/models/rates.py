"""What an hour of machine costs."""

from decimal import Decimal

from django.db import models
from django.db.models import Q

from projects.access import TenantModel


class Rate(TenantModel):
    """A price per hour of CPU, GPU or machine, valid from a day on until before another."""

    class Kind(models.TextChoices):
        """What is counted."""

        CPU = "cpu-hour", "CPU hour"
        GPU = "gpu-hour", "GPU hour"
        MACHINE = "machine-hour", "Machine hour"

    workspace = models.ForeignKey("projects.Workspace", models.CASCADE, related_name="rates")
    kind = models.CharField("what is counted", max_length=12, choices=Kind)
    machine = models.CharField(
        "machine type", max_length=60, blank=True, help_text="Empty: any machine. A machine hour needs one."
    )
    price = models.CharField("price per hour", max_length=40)  # as text: it keeps every digit
    currency = models.CharField(max_length=3)
    valid_from = models.DateField()
    valid_until = models.DateField(null=True, blank=True, help_text="The first day on which it is no longer valid.")

    class Meta:
        ordering = ["kind", "machine", "-valid_from", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(valid_until__isnull=True) | Q(valid_until__gt=models.F("valid_from")),
                name="rate_ends_after_start",
            )
        ]

    def __str__(self) -> str:
        machine = f" of {self.machine}" if self.machine else ""
        return f"{self.get_kind_display()}{machine} from {self.valid_from}"

    @property
    def amount(self) -> Decimal:
        """The price as a number."""
        return Decimal(self.price)
