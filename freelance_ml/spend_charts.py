"""The chart of spend: months stacked by a dimension, from the explorer's plain rows."""

from collections.abc import Mapping, Sequence
from typing import Any

from freelance_ml.charts import Chart, bars


def spend_chart(rows: Sequence[Mapping[str, Any]], *, currency: str, dimension: str) -> Chart:
    """Draw the months in order, each stacked by the dimension."""
    months = list(dict.fromkeys(row["month"] for row in rows))
    total = sum(row["cost"] for row in rows)
    span = f"{months[0]} to {months[-1]}" if len(months) > 1 else "".join(months)
    text = f"Spend by month and {dimension.lower()}, {span}: {total:,.2f} {currency} in all."
    return bars(
        f"Spend by month and {dimension.lower()}",
        rows,
        x="month",
        y="cost",
        series="name",
        y_title=currency,
        ordered=True,
        text=text,
    )
