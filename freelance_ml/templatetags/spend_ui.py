"""The charts of spend as template tags."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import template
from django.utils.safestring import SafeString

from freelance_ml.spend_charts import spend_chart as make_chart
from freelance_ml.templatetags.ui import chart

register = template.Library()


@register.simple_tag
def spend_chart(rows: Sequence[Mapping[str, Any]], currency: str, dimension: str) -> SafeString:
    """Draw the explorer's months."""
    drawn: SafeString = chart(make_chart(rows, currency=currency, dimension=dimension), key="spend")
    return drawn
