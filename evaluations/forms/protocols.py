"""What is typed about protocols; the engine alone decides whether terms are right."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict

from evaluations.engine.fields import Problem
from evaluations.engine.metrics import metrics_for
from evaluations.forms.gates import GateForm, Typed, number_typed, set_choices
from evaluations.models import Column, DatasetVersion, Protocol
from projects.access import Actor
from projects.forms.plain import PlainForm

TASKS = (
    ("binary", "Yes or no: two classes"),
    ("multiclass", "One of several classes"),
    ("regression", "A number"),
    ("text", "A class, from free text"),
)
SPLITS = (
    ("stratified", "At random, each class in its share"),
    ("grouped", "Whole groups, never on both sides"),
    ("time-ordered", "The latest rows"),
)
BASELINES = (("", "Nothing"), ("constant", "Always the same answer"), ("incumbent", "Predictions of the present model"))
AIMS = (("superior", "Better than it"), ("not_worse", "Not worse by more than the margin"))
MOST_GATES = 20
MOST_COLUMNS = 400
HUNDRED = 100
TICK = {"class": "form-check-input"}


def _share(text: str) -> int | float | str | None:
    value = number_typed(text)
    return round(value / HUNDRED, 10) if isinstance(value, int | float) else value


def _percent(value: Any) -> Any:
    return f"{value * HUNDRED:.10g}" if isinstance(value, int | float) else value


class ProtocolForm(PlainForm):
    """The terms of a draft: data, split and gates. Nothing is refused here; the engine says what is missing."""

    dataset_version = forms.ModelChoiceField(
        DatasetVersion.objects.none(), label="Data", required=False, empty_label="Choose a dataset"
    )
    target = forms.ChoiceField(label="Column to predict", required=False)
    task = forms.ChoiceField(label="What is predicted", required=False, choices=TASKS)
    positive_class = forms.ChoiceField(label="The class to find", required=False)
    text_column = forms.ChoiceField(label="Column with the text", required=False)
    left_out = forms.MultipleChoiceField(
        label="Columns that no model may use", required=False, widget=forms.CheckboxSelectMultiple(attrs=TICK)
    )
    split_method = forms.ChoiceField(label="Rows set aside", required=False, choices=SPLITS)
    split_column = forms.ChoiceField(label="By the column", required=False)
    share = Typed("Share set aside, in %")
    rows = Typed("or a fixed number of rows")
    seed = Typed("Seed of the draw")
    group_column = forms.ChoiceField(
        label="Rows that belong together",
        required=False,
        help_text="Such as the customer: intervals then count customers, not rows.",
    )
    confidence = Typed("Confidence, in %", "One-sided, for each promise.")
    looks = Typed("Looks at the sealed rows", "They share the risk: one is sharpest.")
    slices = forms.MultipleChoiceField(
        label="Parts to report on", required=False, widget=forms.CheckboxSelectMultiple(attrs=TICK)
    )
    pairs = forms.BooleanField(label="Pairs of them as well", required=False)
    cut_off = Typed("Cut-off of the probability")
    baseline_kind = forms.ChoiceField(label="Compared with", required=False, choices=BASELINES)
    baseline_metric = forms.ChoiceField(label="by", required=False)
    baseline_aim = forms.ChoiceField(label="Aim", required=False, choices=AIMS)
    baseline_margin = Typed("Margin")
    reason = forms.CharField(
        label="Why it changes",
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="The client reads it.",
    )

    # fields whose change changes what other fields offer: the whole editor comes anew
    WHOLE = ("dataset_version", "target", "task", "split_method", "baseline_kind")

    def __init__(self, data: QueryDict | None = None, *, protocol: Protocol, actor: Actor, address: str) -> None:
        super().__init__(data, initial=_initial(protocol))
        self.protocol = protocol
        versions = DatasetVersion.objects.visible_to(actor).filter(state=DatasetVersion.State.READY)
        self.fields["dataset_version"].queryset = (  # type: ignore[attr-defined]  # a ModelChoiceField
            versions.select_related("dataset")
            .defer("report", "profile", "findings")
            .order_by("dataset__name", "-number")
        )
        for name in self.WHOLE:
            self.fields[name].widget.attrs |= {
                "hx-post": address,
                "hx-trigger": "input consume",  # the form around it must not send the same change once more
                "hx-target": "#editor",
                "hx-vals": '{"whole": "1"}',
            }
        self.columns = self._columns()
        self._offer_columns()
        self.gates = self._gates()

    def _columns(self) -> list[Column]:
        chosen: Any = self.protocol.dataset_version_id
        if self.is_bound:
            chosen = self.data.get("dataset_version") or None
        try:
            found = Column.objects.filter(version__in=self.fields["dataset_version"].queryset.filter(pk=chosen))  # type: ignore[attr-defined]  # as above
        except ValidationError:  # not an id
            return []
        return list(found[:MOST_COLUMNS])

    def _offer_columns(self) -> None:
        names = [(column.name, column.name) for column in self.columns]
        for name, nothing in (
            ("target", "Choose a column"),
            ("text_column", "Choose a column"),
            (
                "split_column",
                "The order of the file" if self.said("split_method") == "time-ordered" else "Choose a column",
            ),
            ("group_column", "Each row stands alone"),
        ):
            set_choices(self, name, [("", nothing), *names])
        target = self.said("target")
        others = [pair for pair in names if pair[0] != target]
        set_choices(self, "left_out", others)
        set_choices(self, "slices", others)
        column = next((c for c in self.columns if c.name == target), None)
        top = [str(each["value"]) for each in (column.facts.get("top") or [] if column else [])]
        nothing = "Choose a class" if self.said("task") == "binary" else "Every class counts"
        now = self.said("positive_class")
        set_choices(
            self,
            "positive_class",
            [("", nothing), *((name, name) for name in dict.fromkeys([*top, *([now] if now and not top else [])]))],
        )
        judged = self.said("task") if self.said("task") in {"multiclass", "regression"} else "binary"
        set_choices(self, "baseline_metric", [(m.name, m.label) for m in metrics_for(judged)])

    def said(self, name: str) -> str:
        """Tell what a field holds, typed or stored."""
        if self.is_bound:
            return str(self.data.get(name) or "")
        return str(self.initial.get(name) or "")

    def _gates(self) -> list[GateForm]:
        task = self.said("task") or "binary"
        stored = self.protocol.body.get("gates") or []
        count = len(stored)
        if self.is_bound:
            typed = str(self.data.get("gate_count", ""))
            count = min(int(typed), MOST_GATES) if typed.isdecimal() else 0
        return [
            GateForm(
                self.data if self.is_bound else None,
                prefix=f"gates-{i}",
                task=task,
                columns=self.columns,
                initial=None if self.is_bound else GateForm.initial_of(stored[i]),
            )
            for i in range(count)
        ]

    def body(self) -> dict[str, Any]:
        """Write what was typed as terms, complete or not."""
        self.is_valid()  # fields that do not fit are left out, and the engine misses them
        for gate in self.gates:
            gate.is_valid()
        typed = self.cleaned_data
        method = typed.get("split_method") or "stratified"
        rows = number_typed(typed.get("rows", ""))
        split = {
            "method": method,
            "share": None if rows is not None else _share(typed.get("share", "")),
            "rows": rows,
            "seed": number_typed(typed.get("seed", "")) or 0,
            "column": (typed.get("split_column") or None) if method != "stratified" else None,
        }
        body: dict[str, Any] = {
            "task": typed.get("task") or "binary",
            "target": typed.get("target") or None,
            "positive_class": typed.get("positive_class") or None,
            "text_column": typed.get("text_column") or None,
            "left_out": [name for name in typed.get("left_out") or [] if name != typed.get("target")],
            "split": split,
            "group_column": typed.get("group_column") or None,
            "confidence": _share(typed.get("confidence", "")),
            "looks": number_typed(typed.get("looks", "")),
            "slices": {"columns": typed.get("slices") or [], "pairs": bool(typed.get("pairs"))},
            "cut_off": number_typed(typed.get("cut_off", "")),
            "gates": [gate.gate() for gate in self.gates],
        }
        if body["task"] in {"multiclass", "regression"}:
            body["positive_class"] = None
        if body["task"] != "text":
            body["text_column"] = None
        return {**self._kept(), **body, "baseline": self._baseline()}

    def _kept(self) -> dict[str, Any]:
        """Keep what the page does not show: terms that came by the API."""
        return {name: value for name, value in self.protocol.body.items() if name in {"classes", "quantile", "schema"}}

    def _baseline(self) -> dict[str, Any] | None:
        typed = self.cleaned_data
        if not typed.get("baseline_kind"):
            return None
        return {
            "kind": typed["baseline_kind"],
            "metric": typed.get("baseline_metric") or "",
            "aim": typed.get("baseline_aim") or "superior",
            "margin": number_typed(typed.get("baseline_margin", "")) or 0.0,
        }

    def show(self, problems: list[Problem]) -> None:
        """Put the engine's complaints beside the fields they are about."""
        for problem in problems:
            words = problem.text[:1].upper() + problem.text[1:]
            form, name = self._place(problem.field)
            form.add_error(name, words)

    def _place(self, path: str) -> tuple[forms.Form, str | None]:
        if path.startswith("gates["):
            number, _, rest = path.removeprefix("gates[").partition("]")
            names = {"slice.column": "slice_column", "slice.value": "slice_value"}
            rest = rest.removeprefix(".")
            gate = self.gates[int(number)] if int(number) < len(self.gates) else None
            name = names.get(rest, rest)
            return (gate, name if name in gate.fields else None) if gate is not None else (self, None)
        names = {
            "split": "split_method",
            "split.method": "split_method",
            "split.column": "split_column",
            "split.share": "share",
            "split.rows": "rows",
            "split.seed": "seed",
            "slices.columns": "slices",
            "baseline.metric": "baseline_metric",
            "baseline.margin": "baseline_margin",
            "baseline.kind": "baseline_kind",
        }
        name = names.get(path, path)
        return self, name if name in self.fields else None


def _initial(protocol: Protocol) -> dict[str, Any]:
    body = protocol.body
    split, slices, baseline = (body.get(name) or {} for name in ("split", "slices", "baseline"))
    plain = ("target", "task", "positive_class", "text_column", "left_out", "group_column", "cut_off")
    return {
        **{name: body.get(name) for name in plain},
        "dataset_version": protocol.dataset_version_id,
        "split_method": split.get("method", "stratified"),
        "split_column": split.get("column"),
        "share": _percent(split.get("share") if split.get("rows") is None else None),
        "rows": split.get("rows"),
        "seed": split.get("seed", 0),
        "confidence": _percent(body.get("confidence", 0.95)),
        "looks": body.get("looks", 3),
        "slices": slices.get("columns"),
        "pairs": slices.get("pairs"),
        "cut_off": body.get("cut_off", 0.5),
        "baseline_kind": baseline.get("kind", ""),
        "baseline_metric": baseline.get("metric"),
        "baseline_aim": baseline.get("aim"),
        "baseline_margin": baseline.get("margin"),
        "reason": protocol.reason,
    }
