"""What is typed about milestones."""

from typing import Any

from django import forms

from projects.forms.amounts import read_amount, typed_amount
from projects.forms.engagements import DateInput
from projects.forms.plain import PlainForm, PlainModelForm
from projects.models import Milestone


class MilestoneForm(PlainModelForm):
    """The terms of a milestone; the fee is typed in the engagement's currency."""

    fee = forms.CharField(label="Fee", required=False, max_length=24)

    class Meta:
        model = Milestone
        fields = ["title", "promise", "due_on", "deliverables", "criteria"]
        labels = {
            "promise": "Promise, in the client’s words",
            "due_on": "Due",
            "criteria": "Accepted when",
            "deliverables": "What is handed over",
        }
        widgets = {
            "due_on": DateInput(),
            "title": forms.TextInput(attrs={"placeholder": "Churn model that finds 80 % of leavers"}),
            "promise": forms.Textarea(attrs={"rows": 2}),
            "deliverables": forms.Textarea(attrs={"rows": 2}),
            "criteria": forms.Textarea(attrs={"rows": 2}),
        }

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.currency = currency
        self.fields["fee"].label = f"Fee in {currency}"
        self.fields["fee"].widget.attrs["inputmode"] = "decimal"
        if self.instance.fee_minor:
            self.initial["fee"] = typed_amount(self.instance.fee_minor, currency)

    def clean_fee(self) -> int:
        """Read the amount into minor units; what could mean two things is refused."""
        return read_amount(self.cleaned_data["fee"], self.currency)

    @property
    def terms(self) -> dict[str, Any]:
        """The checked fields as the services want them."""
        fields = dict(self.cleaned_data)
        fields["fee_minor"] = fields.pop("fee")
        return fields


class InvoiceForm(PlainForm):
    """Under which number and when a milestone was invoiced."""

    number = forms.CharField(label="Invoice number", max_length=60)
    on = forms.DateField(label="Invoice date", widget=DateInput())


class ReasonForm(PlainForm):
    """Why something is done."""

    reason = forms.CharField(max_length=500, required=False, widget=forms.Textarea(attrs={"rows": 2}))
