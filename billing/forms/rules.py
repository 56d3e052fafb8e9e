"""What is typed about a rule: its name, its conditions, who bears which share."""

from decimal import Decimal
from typing import Any

from django import forms

from billing.allocation import DATE_WORDS, TEXT_FIELDS, TEXT_WORDS, Condition, RuleError
from billing.forms.targets import TargetField, target_of
from billing.models import SpendRule
from billing.services.rules import Target
from projects.access import Actor
from projects.forms.plain import ForeignField, PlainForm

FIELD_NAMES = {
    "sub_account": "Sub-account",
    "sub_account_name": "Sub-account’s name",
    "category": "Kind of charge",
    "sku": "SKU",
}
FIELDS = [
    ("", "Choose what to look at"),
    ("service", "Service"),
    ("tag", "Tag"),
    ("billing_account", "Account"),
    ("date", "Day of use"),
    *(
        (name, FIELD_NAMES.get(name, name.replace("_", " ").capitalize()))
        for name in TEXT_FIELDS
        if name not in {"service", "billing_account"}
    ),
]
WORDS = [
    ("equals", "is"),
    ("contains", "contains"),
    ("prefix", "begins with"),
    ("glob", "is like (* and ?)"),
    ("present", "is set (tag)"),
    ("from", "from (day)"),
    ("until", "until (day)"),
]
assert {word for word, _ in WORDS} == {*TEXT_WORDS, "present", *DATE_WORDS}  # noqa: S101  # one list for both


class ConditionForm(PlainForm):
    """One thing that must hold; a row without a field is no condition."""

    field = forms.ChoiceField(choices=FIELDS, required=False, label="Look at")
    key = ForeignField(max_length=200, required=False, label="Tag key")
    word = forms.ChoiceField(choices=WORDS, required=False, label="How")
    value = ForeignField(max_length=300, required=False, label="Value")

    def clean(self) -> dict[str, Any]:
        """Check the condition by the rules' own grammar."""
        data = super().clean() or self.cleaned_data
        if data.get("field"):
            try:
                Condition.from_dict(self.condition_of(data))
            except RuleError as error:
                raise forms.ValidationError(str(error)) from error
        return data

    @staticmethod
    def condition_of(data: dict[str, Any]) -> dict[str, str]:
        """Return the condition as it is saved."""
        key = data.get("key", "") if data["field"] == "tag" else ""
        parts = {
            "field": data["field"],
            "word": data.get("word") or "equals",
            "value": data.get("value", ""),
            "key": key,
        }
        return {name: text for name, text in parts.items() if text}


class PartForm(PlainForm):
    """Who bears a share; a row without a target is none."""

    target = TargetField(required=False, label="Goes to")
    percent = forms.DecimalField(
        max_digits=5, decimal_places=2, min_value=Decimal("0.01"), max_value=100, required=False, label="Per cent"
    )

    def __init__(self, *args: Any, actor: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["target"].offer(actor, overhead="Own overhead (no client)")  # type: ignore[attr-defined]  # a TargetField


class RuleForm(PlainForm):
    """The name of a rule; its conditions and shares stand in two sets of rows."""

    name = forms.CharField(
        max_length=120, label="Name", help_text="What it collects, such as “GPU of the churn model”."
    )


MOST_ROWS = 8
CONDITIONS, PARTS = "if", "to"  # the names of the two sets of rows
ConditionSet = forms.formset_factory(
    ConditionForm, extra=0, max_num=MOST_ROWS, absolute_max=MOST_ROWS, validate_max=True
)
PartSet = forms.formset_factory(PartForm, extra=0, max_num=MOST_ROWS, absolute_max=MOST_ROWS, validate_max=True)


class RuleForms:
    """The three parts of the page of a rule, checked as one."""

    def __init__(self, data: Any, *, actor: Actor, rule: SpendRule | None = None, start: dict[str, str] | None = None):
        name = rule.name if rule else ""
        conditions: list[dict[str, Any]] = [start or {}]
        parts: list[dict[str, Any]] = [{"percent": Decimal(100)}]
        if rule is not None:
            conditions = list(rule.conditions) or [{}]
            parts = [
                {"target": target_of(part.engagement, part.milestone), "percent": part.percent.normalize()}
                for part in rule.parts.all()
            ]
        more = ""
        if data and data.get("more") in (CONDITIONS, PARTS):
            name = data.get("name", "")
            conditions = _typed(data, CONDITIONS, ("field", "key", "word", "value"))
            parts = _typed(data, PARTS, ("target", "percent"))
            more, data = data["more"], None  # what was typed is kept, and not yet checked
        self.form = RuleForm(data, initial={"name": name})
        self.conditions = ConditionSet(data, initial=conditions, prefix=CONDITIONS)
        self.parts = PartSet(data, initial=parts, prefix=PARTS, form_kwargs={"actor": actor})
        if more:
            grown = self.conditions if more == CONDITIONS else self.parts
            next(iter(grown.forms[-1].fields.values())).widget.attrs["autofocus"] = True
        self.error = ""

    @property
    def may_grow(self) -> dict[str, bool]:
        """Say which set of rows may have one more."""
        return {"conditions": len(self.conditions) < MOST_ROWS, "parts": len(self.parts) < MOST_ROWS}

    def is_valid(self) -> bool:
        """Check all three."""
        checked = [self.form.is_valid(), self.conditions.is_valid(), self.parts.is_valid()]
        if all(checked) and not self.targets:
            self.error = "Say who bears the cost: choose at least one engagement, or own overhead."
        elif all(checked) and sum(target.percent for target in self.targets) != 100:  # noqa: PLR2004  # per cent
            self.error = "The shares must add up to 100 per cent."
        elif all(checked) and len({(part.engagement, part.milestone) for part in self.targets}) < len(self.targets):
            self.error = "One of them stands there twice. Give it one share, the sum of both."
        return all(checked) and not self.error

    @property
    def condition_dicts(self) -> list[dict[str, str]]:
        """The conditions as they are saved."""
        rows = [row.cleaned_data for row in self.conditions if row.is_valid()]
        return [ConditionForm.condition_of(data) for data in rows if data.get("field")]

    @property
    def targets(self) -> list[Target]:
        """Who bears which share; a single one bears all."""
        found = []
        for row in self.parts:
            data = row.cleaned_data
            if data.get("target"):
                engagement, milestone = row.fields["target"].chosen(data["target"])  # type: ignore[attr-defined]  # a TargetField
                found.append((engagement, milestone, data.get("percent")))
        alone = len(found) == 1
        return [Target(e, m, Decimal(100) if alone and p is None else (p or Decimal(0))) for e, m, p in found]


def _typed(data: Any, prefix: str, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return the rows of a set as they were typed, and one more where that was asked for."""
    total = data.get(f"{prefix}-TOTAL_FORMS", "")
    count = min(int(total), MOST_ROWS) if total.isascii() and total.isdigit() and len(total) < 3 else 0  # noqa: PLR2004  # rows
    rows = [{name: data.get(f"{prefix}-{index}-{name}", "") for name in names} for index in range(count)]
    return [*rows, {}][:MOST_ROWS] if data["more"] == prefix else rows
