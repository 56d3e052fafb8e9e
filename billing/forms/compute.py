"""What is typed about hourly rates and machine time."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django import forms

from billing.forms.targets import TargetField, target_of
from billing.models import ComputeEntry, Rate
from projects.access import Actor
from projects.currencies import CHOICES, EXPONENTS
from projects.forms.engagements import DateInput
from projects.forms.plain import PlainForm, PlainModelForm

HOUR = Decimal(3_600_000)  # milliseconds
HOURS = ("cpu_hours", "gpu_hours", "machine_hours")


class RateForm(PlainModelForm):
    """A price per hour."""

    price = forms.DecimalField(min_value=0, max_digits=20, decimal_places=9, label="Price per hour")

    class Meta:
        model = Rate
        fields = ["kind", "machine", "price", "currency", "valid_from", "valid_until"]
        widgets = {
            "valid_from": DateInput(),
            "valid_until": DateInput(),
            "currency": forms.Select(choices=CHOICES),
        }

    def clean_currency(self) -> str:
        """Keep a known code in capitals."""
        code = self.cleaned_data["currency"].strip().upper()
        if code not in EXPONENTS:
            raise forms.ValidationError(f"“{code}” is not a currency code. Use three capitals such as EUR.")
        return str(code)

    @property
    def terms(self) -> dict[str, Any]:
        """What the service takes; the price keeps the digits that were typed."""
        return {name: self.cleaned_data[name] for name in self.Meta.fields}


class ComputeForm(PlainForm):
    """Machine time: what ran, when, for how many hours, for whom."""

    title = forms.CharField(max_length=200, label="What ran")
    target = TargetField(required=False, label="For")
    started_at = forms.DateTimeField(
        label="Started", widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    )
    duration = forms.DecimalField(min_value=0, max_digits=9, decimal_places=3, label="Hours from start to end")
    cpu_hours = forms.DecimalField(min_value=0, max_digits=11, decimal_places=4, required=False, label="CPU hours")
    gpu_hours = forms.DecimalField(min_value=0, max_digits=11, decimal_places=4, required=False, label="GPU hours")
    machine_hours = forms.DecimalField(
        min_value=0, max_digits=11, decimal_places=4, required=False, label="Machine hours"
    )
    machine = forms.CharField(max_length=60, required=False, label="Machine type")
    note = forms.CharField(max_length=300, required=False, label="Note")

    def __init__(self, *args: Any, actor: Actor, entry: ComputeEntry | None = None, **kwargs: Any) -> None:
        initial: dict[str, Any] = {}
        if entry is not None:
            length = (entry.ended_at - entry.started_at) / timedelta(hours=1)
            initial = {
                "title": entry.title,
                "target": target_of(entry.engagement, entry.milestone, overhead=""),
                "started_at": entry.started_at,
                "duration": round(Decimal(length), 3),
                "machine": entry.machine,
                "note": entry.note,
            } | {name: _hours(getattr(entry, name.replace("_hours", "_ms"))) for name in HOURS}
        kwargs["initial"] = initial
        super().__init__(*args, **kwargs)
        self.fields["target"].offer(actor, empty="Nobody yet")  # type: ignore[attr-defined]  # a TargetField

    @property
    def terms(self) -> dict[str, Any]:
        """What the service takes."""
        data = self.cleaned_data
        engagement, milestone = self.fields["target"].chosen(data["target"])  # type: ignore[attr-defined]  # a TargetField
        started = data["started_at"]
        return {
            "title": data["title"],
            "engagement": engagement,
            "milestone": milestone,
            "started_at": started,
            "ended_at": started + timedelta(hours=float(data["duration"])),
            "machine": data["machine"],
            "note": data["note"],
        } | {name.replace("_hours", "_seconds"): (data[name] or Decimal(0)) * 3600 for name in HOURS}


def _hours(milliseconds: int) -> Decimal:
    return (Decimal(milliseconds) / HOUR).quantize(Decimal("0.0001"))
