"""What is typed about a budget."""

from typing import Any

from django import forms

from billing.forms.targets import TargetField, target_of
from billing.models import Budget
from billing.money import Money, MoneyError
from projects.access import Actor
from projects.currencies import CHOICES, EXPONENTS
from projects.forms.plain import PlainForm


class BudgetForm(PlainForm):
    """For what, how much, counted how."""

    target = TargetField(label="For")
    amount = forms.CharField(max_length=40, label="Limit", help_text="Machine time and cloud spend together.")
    currency = forms.CharField(
        max_length=3, help_text="Only costs in this currency count.", widget=forms.Select(choices=CHOICES)
    )
    span = forms.ChoiceField(choices=Budget.Span, label="Counted", initial=Budget.Span.TOTAL)

    def __init__(self, *args: Any, actor: Actor, budget: Budget | None = None, **kwargs: Any) -> None:
        initial: dict[str, Any] = {"currency": actor.workspace.currency} | kwargs.pop("initial", {})
        if budget is not None:
            initial = {
                "target": target_of(budget.engagement, budget.milestone),
                "amount": f"{budget.amount:f}",
                "currency": budget.currency,
                "span": budget.span,
            }
        kwargs["initial"] = initial
        super().__init__(*args, **kwargs)
        if budget is not None:
            del self.fields["target"]  # a budget stays where it is
        else:
            self.fields["target"].offer(actor)  # type: ignore[attr-defined]  # a TargetField

    def clean_currency(self) -> str:
        """Keep a known code in capitals."""
        code = self.cleaned_data["currency"].strip().upper()
        if code not in EXPONENTS:
            raise forms.ValidationError(f"“{code}” is not a currency code. Use three capitals such as EUR.")
        return str(code)

    def clean(self) -> dict[str, Any]:
        """Read the amount in its currency."""
        data = super().clean() or self.cleaned_data
        if data.get("amount") and data.get("currency"):
            try:
                money = Money.parse(data["amount"], data["currency"])
            except MoneyError as error:
                self.add_error("amount", str(error))
            else:
                data["amount_minor"] = money.minor
                if money.minor <= 0:
                    self.add_error("amount", "A budget is above zero.")
        return data

    @property
    def terms(self) -> dict[str, Any]:
        """What the service takes."""
        data = self.cleaned_data
        terms = {name: data[name] for name in ("amount_minor", "currency", "span")}
        if "target" in self.fields:
            terms["engagement"], terms["milestone"] = self.fields["target"].chosen(data["target"])  # type: ignore[attr-defined]  # a TargetField
        return terms
