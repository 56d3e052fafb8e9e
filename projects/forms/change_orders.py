"""What is typed about change orders."""

from typing import Any

from django import forms
from django.http import QueryDict
from django.utils import timezone

from projects.forms.amounts import read_amount, typed_amount
from projects.forms.engagements import DateInput
from projects.forms.plain import PlainModelForm
from projects.models import ChangeOrder

SPARE_LINES = 2


class RequestForm(PlainModelForm):
    """A wish in one line: what, who, when, and whether it is in scope."""

    class Meta:
        model = ChangeOrder
        fields = ["wish", "asked_by", "asked_on", "fit"]
        labels = {"wish": "What is asked for", "asked_by": "Who asked", "asked_on": "When", "fit": "In scope?"}
        widgets = {
            "wish": forms.TextInput(attrs={"placeholder": "Could we also score the webshop customers?"}),
            "asked_on": DateInput(),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["asked_on"].required = False
        self.fields["fit"].choices = [("", "Not decided"), *ChangeOrder.Fit.choices]  # type: ignore[attr-defined]  # a ChoiceField

    def clean_asked_on(self) -> Any:
        """Take today when no day is given."""
        return self.cleaned_data["asked_on"] or timezone.localdate()


class PriceForm(PlainModelForm):
    """What a change is and costs; its price lines are read from the repeated fields beside it."""

    class Meta:
        model = ChangeOrder
        fields = ["what", "why", "days", "expires_on"]
        labels = {
            "what": "What changes",
            "why": "Why it is outside the scope",
            "days": "Days added",
            "expires_on": "Valid until",
        }
        widgets = {
            "what": forms.Textarea(attrs={"rows": 3}),
            "why": forms.Textarea(attrs={"rows": 3}),
            "expires_on": DateInput(),
        }

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.currency = currency
        self.line_errors: dict[int, str] = {}
        self.rows = self._typed() if self.is_bound else self._saved()

    def clean(self) -> dict[str, Any]:
        """Read the price lines; empty rows are left out, what is wrong is said beside the row."""
        cleaned = super().clean() or self.cleaned_data
        lines = []
        for place, row in enumerate(self.rows):
            if not (row["text"] or row["amount"]):
                continue
            try:
                amount = read_amount(row["amount"], self.currency, may_be_negative=True)
            except forms.ValidationError as error:
                self.line_errors[place] = str(error.message)
                continue
            if not row["text"]:
                self.line_errors[place] = "Say what this is for."
            lines.append({"id": row["id"], "text": row["text"], "milestone": row["milestone"], "amount_minor": amount})
        if self.line_errors:
            first = min(self.line_errors)
            self.add_error(None, f"Price line {first + 1}: {self.line_errors[first]}")
        cleaned["lines"] = lines
        return cleaned

    @property
    def shown_rows(self) -> list[dict[str, Any]]:
        """The rows with what is wrong about each."""
        return [{**row, "error": self.line_errors.get(place, "")} for place, row in enumerate(self.rows)]

    def _typed(self) -> list[dict[str, str]]:
        data = self.data
        assert isinstance(data, QueryDict)  # noqa: S101  # a form of a page
        columns = [data.getlist(f"line_{name}") for name in ("id", "text", "milestone", "amount")]
        return [
            {"id": key[:60], "text": text.strip(), "milestone": milestone, "amount": amount.strip()}
            for key, text, milestone, amount in zip(*columns, strict=False)
        ]

    def _saved(self) -> list[dict[str, str]]:
        rows = [
            {
                "id": line["id"],
                "text": line["text"],
                "milestone": line["milestone"],
                "amount": typed_amount(line["amount_minor"], self.currency) or "0",
            }
            for line in self.instance.lines
        ]
        return rows + [{"id": "", "text": "", "milestone": "", "amount": ""}] * SPARE_LINES
