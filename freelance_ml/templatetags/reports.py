"""Parts of evaluations and reports: judged gates, figures with their intervals, slices."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import template
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from evaluations.engine.digits import decimals
from evaluations.engine.metrics import REGISTRY
from evaluations.engine.protocols import describe_gate
from freelance_ml.gatebar import GateBar
from freelance_ml.templatetags.ui import gate_bar

register = template.Library()


def bar_of(gate: Mapping[str, Any]) -> GateBar:
    """Turn a gate of a frozen result into a bar; before a verdict only the promise is drawn."""
    measure = gate.get("measure") or {}
    interval = measure.get("bounds") or measure.get("interval") or {}  # the bounds are what the verdict rests on
    known = REGISTRY.get(gate["metric"])
    low, high = known.limits if known else (0.0, 1.0)
    figures = [measure.get("value"), interval.get("low"), interval.get("high")]
    return GateBar(
        name=gate.get("promise") or describe_gate(gate),
        threshold=gate["threshold"],
        direction=gate["direction"],
        estimate=measure.get("value"),
        low=interval.get("low"),
        high=interval.get("high"),
        n=measure.get("n"),
        verdict=gate.get("verdict", "none"),
        axis_low=low if low > float("-inf") else None,
        axis_high=high if high < float("inf") else None,
        digits=decimals(gate["threshold"], figures),
        note="" if gate.get("primary", True) else "for information",
        sentence=gate.get("sentence", ""),
        how=how_found(measure),
    )


def how_found(measure: Mapping[str, Any]) -> str:
    """Say in words what stands behind a figure: the rows, what n counts, how sure each end is, and the method."""
    if measure.get("value") is None:
        return ""
    known = REGISTRY.get(measure.get("metric", ""))
    counted = measure.get("counted") or (known.counted if known else "")
    words = [f"n {measure['n']:,} {counted}".strip()] if measure.get("n") is not None else []
    if measure.get("rows") is not None and measure["rows"] != measure.get("n"):
        words.append(f"of {measure['rows']:,} {measure.get('of', 'sealed rows')}")
    elif measure.get("of"):
        words.append(f"on the {measure['of']}")
    bounds = measure.get("bounds") or {}
    parts = [" ".join(words)]
    if bounds.get("confidence"):
        parts.append(f"each end of the interval holds with {sureness(bounds['confidence'])}, one-sided")
    if bounds.get("method"):
        parts.append(bounds["method"])
    return "; ".join(part for part in parts if part) + "."


@register.filter
def sureness(confidence: float) -> str:
    """Write a confidence in per cent: “95 %”, “98.3 %”."""
    return f"{confidence * 100:.1f}".removesuffix(".0") + " %"


@register.simple_tag
def judged_gate(gate: Mapping[str, Any]) -> SafeString:
    """Draw one promise with what was shown of it."""
    return gate_bar(bar_of(gate))


@register.simple_tag
def metric_table(metrics: Sequence[Mapping[str, Any]]) -> SafeString:
    """Show all figures, each with its interval, n and method."""
    return render_to_string("reports/_metrics.html", {"metrics": metrics})


@register.simple_tag
def slice_table(slices: Mapping[str, Any]) -> SafeString:
    """Show how parts of the rows did, the weakest first."""
    label = REGISTRY[slices["metric"]].label if slices["metric"] in REGISTRY else slices["metric"]
    return render_to_string("reports/_slices.html", {"slices": slices, "label": label})
