"""Charts and words of protocols, training and models, from the engine's plain data."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from django import template
from django.utils.safestring import SafeString

from evaluations.engine.metrics import REGISTRY
from evaluations.engine.protocols import describe_gate
from freelance_ml.charts import curve, intervals
from freelance_ml.templatetags.ui import chart, figure

register = template.Library()

USUAL_CHANCE = 0.8
MOST_COLUMNS = 20
MOST_SHADES = 5
FEW = 11
SMALLEST = 0.1  # per cent
FIELDS = {
    "task": "What is predicted",
    "target": "Column to predict",
    "positive_class": "Class to find",
    "classes": "Classes",
    "text_column": "Column with the text",
    "left_out": "Columns left out",
    "split": "Rows set aside",
    "method": "how",
    "share": "share",
    "rows": "rows",
    "seed": "seed",
    "column": "by column",
    "group_column": "Rows that belong together",
    "baseline": "Compared with",
    "looks": "Looks",
    "slices": "Parts reported",
    "columns": "columns",
    "pairs": "pairs",
    "confidence": "confidence",
    "cut_off": "Cut-off",
    "quantile": "Quantile",
    "dataset": "Data",
    "gates": "Promise",
    "metric": "metric",
    "direction": "side",
    "threshold": "value",
    "expected": "value expected",
    "minimum_support": "rows at least",
    "primary": "counts for the verdict",
    "slice": "only where",
}

SETTINGS = {
    "class_weight": "class weights",
    "l2_regularization": "L2 penalty",
    "learning_rate": "learning rate",
    "max_features": "columns tried at a split",
    "max_leaf_nodes": "most leaves of a tree",
    "min_samples_leaf": "least rows of a leaf",
}
VALUES = {None: "none", "balanced": "balanced", "sqrt": "the root of all"}


@register.filter
def metric_label(name: str) -> str:
    """Write a metric's name for people."""
    return REGISTRY[name].label if name in REGISTRY else name


@register.filter
def counted_rows(name: str) -> str:
    """Say what a metric's n counts: “positive rows”."""
    return REGISTRY[name].counted if name in REGISTRY else ""


@register.filter
def promise_text(gate: Mapping[str, Any]) -> str:
    """Write a gate as a short promise; one that is not complete yet says so."""
    if not isinstance(gate.get("threshold"), int | float):
        return f"{metric_label(str(gate.get('metric', '')))}: no value promised yet"
    return describe_gate(gate)


@register.filter
def setting_words(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Write a recipe’s settings for people: “class weights”, “balanced”."""
    return [
        (SETTINGS.get(name, name.replace("_", " ")), VALUES[value] if value in VALUES else figure(value))
        for name, value in settings.items()
    ]


@register.filter
def field_words(path: str) -> str:
    """Write the path of a protocol's field for people: “Rows set aside, share”."""
    words = []
    for part in path.split("."):
        name, _, rest = part.partition("[")
        number = rest.rstrip("]")
        words.append(FIELDS.get(name, name.replace("_", " ")) + (f" {int(number) + 1}" if number.isdecimal() else ""))
    told = ", ".join(words)
    return told[:1].upper() + told[1:]


@register.filter
def item(values: Mapping[str, Any], key: str) -> Any:
    """Take one value of a mapping."""
    return values.get(key)


@register.filter
def mix(shares: Sequence[Any]) -> list[tuple[float, float]]:
    """Lay the shares of the most frequent values side by side: where each begins and how wide it is, in per cent."""
    laid, start = [], 0.0
    for share in shares[:MOST_SHADES]:
        laid.append((round(start, 2), round(share.share, 2)))
        start += share.share
    return laid


@register.simple_tag
def power_chart(gate: Mapping[str, Any], key: str) -> SafeString:
    """Draw the chance to pass by the true value of a model."""
    rows = [{"value": x, "chance": y} for x, y in gate["curve"]]
    if not rows:
        return SafeString("")
    label = metric_label(gate["metric"])
    sure = next((row["value"] for row in rows if row["chance"] >= USUAL_CHANCE), None)
    if rows[0]["chance"] > rows[-1]["chance"]:
        sure = next((row["value"] for row in reversed(rows) if row["chance"] >= USUAL_CHANCE), None)
    inside = label if label[:2].isupper() or label == "R²" else label[:1].lower() + label[1:]
    title = f"{label}: passing is unlikely"
    if sure is not None:
        title = f"A true {inside} of {sure:.3g} passes at least 4 times in 5"
    drawn = curve(
        title,
        rows,
        x="value",
        y="chance",
        x_title=f"True {inside}",
        y_title="Chance to pass",
        x_domain=(rows[0]["value"], rows[-1]["value"]),
        threshold=USUAL_CHANCE,
        text=f"Chance to pass by the true {inside}; the promise is {gate['threshold']:g}. {title}.",
        note=gate.get("method", "Approximate." if gate["approximate"] else ""),
    )
    return chart(replace(drawn, rows=_few_chances(rows)), key=key)


def _few_chances(rows: Sequence[Mapping[str, float]]) -> list[tuple[Any, ...]]:
    """Write the chances of a few values for people, the first and the last among them."""
    step = max(1, round((len(rows) - 1) / (FEW - 1)))
    few = [*rows[:-1:step], rows[-1]]
    return [(f"{row['value']:.3g}", chance_words(row["chance"])) for row in few]


@register.filter
def chance_words(chance: float) -> str:
    """Write a chance in per cent; one that is nearly nothing, or nearly sure, says only that."""
    percent = chance * 100
    if percent < SMALLEST:
        return f"< {SMALLEST} %"
    if percent > 100 - SMALLEST:
        return f"> {100 - SMALLEST} %"
    return f"{percent:.1f} %" if min(percent, 100 - percent) < 10 else f"{percent:.0f} %"  # noqa: PLR2004  one digit more


@register.simple_tag
def candidates_chart(result: Mapping[str, Any]) -> SafeString:
    """Draw the candidates' figures on the development rows, each with its interval."""
    rows = []
    for candidate in result["candidates"]:
        found = next((m for m in candidate["measures"] if m["metric"] == result["metric"]), None)
        if found and found["value"] is not None:
            low, high = (found["value"] if end is None else end for end in (found["low"], found["high"]))
            rows.append({"name": candidate["title"], "estimate": found["value"], "low": low, "high": high})
    if not rows:
        return SafeString("")
    label = metric_label(result["metric"])
    rows.sort(key=lambda row: row["estimate"], reverse=result["higher"])
    best = rows[0]
    return chart(
        intervals(
            f"{best['name']} has the best {label} on the development rows",
            rows,
            x_title=label,
            text=f"{label} of each candidate with its interval, on the same folds.",
            note="Each row predicted by a model that had not seen it.",
        ),
        key="candidates",
    )


@register.simple_tag
def importance_chart(rows: Sequence[Mapping[str, Any]]) -> SafeString:
    """Draw how much a model loses when one column is shuffled."""
    shown = [
        {"name": r["column"], "estimate": r["mean"], "low": r["mean"] - r["spread"], "high": r["mean"] + r["spread"]}
        for r in rows[:MOST_COLUMNS]
    ]
    if not shown:
        return SafeString("")
    return chart(
        intervals(
            f"“{shown[0]['name']}” matters most",
            shown,
            x_title="Loss when the column is shuffled",
            threshold=0.0,
            text="How much worse the model gets when one column is shuffled; the line is the spread of five shuffles.",
            note="What the model uses, not what causes the outcome.",
        ),
        key="importance",
    )
