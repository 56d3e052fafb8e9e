"""What is typed about one promise; the engine alone decides whether it is right."""

import math
from collections.abc import Mapping
from typing import Any

from django import forms

from evaluations.engine.metrics import metrics_for
from evaluations.models import Column
from projects.forms.plain import ForeignField, PlainForm

DIRECTIONS = (("at_least", "at least"), ("at_most", "at most"))


def number_typed(text: str) -> int | float | str | None:
    """Read a number with point or comma; what is none stays as typed, so that the engine can say so."""
    plain = text.strip().replace(",", ".")
    if not plain:
        return None
    try:
        value = float(plain)
    except ValueError:
        return text
    if not math.isfinite(value):
        return text
    return int(value) if value.is_integer() and "." not in plain and "e" not in plain.lower() else value


class Typed(ForeignField):
    """A short text that may stay empty: a number, or a value of a column, which the engine judges."""

    def __init__(self, label: str = "", hint: str = "", *, numeric: bool = True, **attrs: str) -> None:
        if numeric:
            attrs.setdefault("inputmode", "decimal")
        widget = forms.TextInput(attrs={"autocomplete": "off", **attrs})
        super().__init__(required=False, max_length=255, label=label, help_text=hint, widget=widget)


class GateForm(PlainForm):
    """One promise: a metric on one side of a threshold, perhaps in a part of the rows."""

    metric = forms.ChoiceField(label="Metric", required=False)
    direction = forms.ChoiceField(label="Side", required=False, choices=DIRECTIONS)
    threshold = Typed("Promise", "What was agreed, such as 0.80.")
    expected = Typed("You expect", "For planning only.")
    slice_column = forms.ChoiceField(label="Only where", required=False)
    slice_value = Typed("holds", numeric=False)
    minimum_support = Typed("At least so many rows")
    primary = forms.BooleanField(label="Counts for the verdict", required=False)

    def __init__(self, *args: Any, task: str, columns: list[Column], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        judged = task if task in {"multiclass", "regression"} else "binary"
        names = metrics_for(judged) if task != "text" else [*metrics_for("binary"), *metrics_for("multiclass")]
        choices = {metric.name: metric.label for metric in names}
        set_choices(self, "metric", list(choices.items()))
        set_choices(self, "slice_column", [("", "All rows"), *((c.name, c.name) for c in columns)])

    def gate(self) -> dict[str, Any]:
        """Write the gate as terms want it."""
        typed = self.cleaned_data
        column = typed.get("slice_column")
        return {
            "metric": typed.get("metric") or "",
            "direction": typed.get("direction") or "at_least",
            "threshold": number_typed(typed.get("threshold", "")),
            "expected": number_typed(typed.get("expected", "")),
            "slice": {"column": column, "value": typed.get("slice_value", "")} if column else None,
            "minimum_support": number_typed(typed.get("minimum_support", "")),
            "primary": bool(typed.get("primary")),
        }

    @staticmethod
    def initial_of(gate: Mapping[str, Any]) -> dict[str, Any]:
        """Give what the form shows of a gate."""
        part = gate.get("slice") or {}
        shown = {name: gate.get(name) for name in ("metric", "direction", "threshold", "expected", "minimum_support")}
        return {
            **shown,
            "primary": gate.get("primary", True),
            "slice_column": part.get("column"),
            "slice_value": part.get("value"),
        }


def set_choices(form: forms.Form, name: str, choices: list[tuple[str, str]]) -> None:
    """Offer choices in a field that has some."""
    form.fields[name].choices = choices  # type: ignore[attr-defined]  # fields with choices only
