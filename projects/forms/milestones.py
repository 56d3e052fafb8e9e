"""What is typed about milestones."""

import re
from decimal import Decimal
from typing import Any

from django import forms

from projects.currencies import EXPONENTS
from projects.forms.engagements import DateInput
from projects.forms.plain import PlainForm, PlainModelForm
from projects.models import Milestone

LARGEST_FEE = Decimal(10) ** 12
AMOUNT = re.compile(r"\d{1,3}(?:[ '’]\d{3})+(?:[.,]\d{1,4})?|\d+(?:[.,]\d{1,2}|[.,]\d{4})?|\d{1,3}(?:,\d{3})+\.\d{1,4}")
UNCLEAR = "“{typed}” could mean two amounts. Write it without a separator of thousands, such as 4800 or 4800.50."
UNREADABLE = "“{typed}” is not an amount. Write it as 4800 or 4800.50."


class MilestoneForm(PlainModelForm):
    """The terms of a milestone; the fee is typed in the engagement's currency."""

    fee = forms.CharField(label="Fee", required=False, max_length=24)

    class Meta:
        model = Milestone
        fields = ["title", "promise", "due_on", "deliverables", "criteria"]
        labels = {
            "promise": "Promise, in the client's words",
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
        self.currency, self.places = currency, EXPONENTS.get(currency, 2)
        self.fields["fee"].label = f"Fee in {currency}"
        self.fields["fee"].widget.attrs["inputmode"] = "decimal"
        if self.instance.fee_minor:
            self.initial["fee"] = f"{Decimal(self.instance.fee_minor).scaleb(-self.places):f}"

    def clean_fee(self) -> int:
        """Read the amount into minor units; what could mean two things is refused."""
        typed = self.cleaned_data["fee"].strip()
        if not typed:
            return 0
        if re.fullmatch(r"\d{1,3}[.,]\d{3}", typed):
            raise forms.ValidationError(UNCLEAR.format(typed=typed))
        if not AMOUNT.fullmatch(typed):
            raise forms.ValidationError(UNREADABLE.format(typed=typed))
        plain = re.sub(r"[ '’]", "", typed)
        plain = plain.replace(",", "") if "." in plain else plain.replace(",", ".")
        minor = Decimal(plain).scaleb(self.places)
        if minor != minor.to_integral_value():
            raise forms.ValidationError(f"{self.currency} has {self.places} decimal places; leave the others out.")
        if minor > LARGEST_FEE:
            raise forms.ValidationError("That is more than this field holds. Is a digit too many?")
        return int(minor)

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
