"""What is typed about engagements."""

from typing import Any

from django import forms

from projects.access import Actor
from projects.currencies import CHOICES, EXPONENTS
from projects.forms.plain import PlainModelForm
from projects.models import Client, Engagement


class DateInput(forms.DateInput):
    """A date as the browser's own picker shows it."""

    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")


class EngagementForm(PlainModelForm):
    """The particulars of an engagement; the client is one of the actor's workspace."""

    class Meta:
        model = Engagement
        fields = [
            "client",
            "title",
            "summary",
            "billing",
            "currency",
            "purchase_order",
            "starts_on",
            "ends_on",
            "review_days",
        ]
        labels = {"summary": "What it is about", "starts_on": "Starts", "ends_on": "Ends", "billing": "How it is paid"}
        widgets = {
            "summary": forms.Textarea(attrs={"rows": 3}),
            "starts_on": DateInput(),
            "ends_on": DateInput(),
            "currency": forms.Select(choices=CHOICES),
        }

    def __init__(self, *args: Any, actor: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        theirs = Client.objects.visible_to(actor)
        now = self.instance.client_id
        self.fields["client"].queryset = theirs.filter(archived_at=None) | theirs.filter(pk=now)  # type: ignore[attr-defined]  # a ModelChoiceField
        self.fields["client"].empty_label = "Choose a client"  # type: ignore[attr-defined]
        if not self.instance._state.adding:
            del self.fields["client"]  # an engagement stays with its client

    def clean_currency(self) -> str:
        """Keep a known code in capitals."""
        currency = self.cleaned_data["currency"].strip().upper()
        if currency not in EXPONENTS:
            raise forms.ValidationError(f"“{currency}” is not a currency code. Use three capitals such as EUR.")
        return currency

    def clean(self) -> dict[str, Any]:
        """Say it beside the field when the end lies before the start."""
        cleaned = super().clean() or self.cleaned_data
        starts, ends = cleaned.get("starts_on"), cleaned.get("ends_on")
        if starts and ends and ends < starts:
            self.add_error("ends_on", f"The end lies before the start ({starts:%-d %B %Y}). Change one of them.")
        return cleaned
