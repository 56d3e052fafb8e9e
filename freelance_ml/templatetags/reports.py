"""Parts of evaluations and reports: judged gates, figures with their intervals, slices."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import template
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from evaluations.engine.metrics import REGISTRY
from evaluations.engine.protocols import describe_gate
from freelance_ml.gatebar import GateBar
from freelance_ml.templatetags.ui import gate_bar

register = template.Library()

LARGE = 100.0  # beyond it, figures are in units of the target and need fewer decimal places


def bar_of(gate: Mapping[str, Any]) -> GateBar:
    """Turn a gate of a frozen result into a bar; before a verdict only the promise is drawn."""
    measure = gate.get("measure") or {}
    interval = measure.get("interval") or {}
    known = REGISTRY.get(gate["metric"])
    low, high = known.limits if known else (0.0, 1.0)
    shown = [abs(v) for v in (gate["threshold"], measure.get("value")) if v is not None]
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
        digits=1 if max(shown, default=0) >= LARGE else 3,
        note="" if gate.get("primary", True) else "for information",
        sentence=gate.get("sentence", ""),
    )


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
