"""One Vega-Lite spec per kind of chart, for page and PDF alike; with a text alternative and the data as a table.

A spec names styles ("estimate", "band", "reference") instead of colours; the theme gives them, light or dark.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Row = Mapping[str, Any]

LIGHT = {"ink": "#1a1e26", "quiet": "#586070", "line": "#e3e6eb", "paper": "#ffffff"}
DARK = {"ink": "#e8eaef", "quiet": "#a1a9b8", "line": "#2b313b", "paper": "#15181e"}
# Okabe and Ito's colours, which people with any colour vision tell apart; darker on paper, lighter at night.
SERIES_LIGHT = ["#3a4bc8", "#b35900", "#00795c", "#a13d7c", "#5f6b7a", "#8a6d00", "#0a6ea8", "#7a3b12"]
SERIES_DARK = ["#a3afff", "#f2a65a", "#58c9a6", "#e58fc1", "#b8c0cc", "#e3c14b", "#6db9ea", "#d3a184"]
SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
HEIGHT = 260


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart: its spec without colours, its title that says what to see, words for it, and its data."""

    title: str
    spec: dict[str, Any]
    text: str
    columns: tuple[str, ...] = ()
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    note: str = ""


def theme(*, dark: bool = False) -> dict[str, Any]:
    """Return the Vega-Lite configuration that gives the styles their colours."""
    tone, series = (DARK, SERIES_DARK) if dark else (LIGHT, SERIES_LIGHT)
    accent = series[0]
    text = {"labelColor": tone["quiet"], "titleColor": tone["quiet"], "labelFontSize": 11, "titleFontSize": 11}
    return {
        "background": "transparent",
        "font": "system-ui, -apple-system, Segoe UI, Roboto, sans-serif",
        "view": {"stroke": None},
        "axis": {
            **text,
            "titleFontWeight": "normal",
            "grid": True,
            "gridColor": tone["line"],
            "domain": False,
            "ticks": False,
            "labelPadding": 6,
        },
        "legend": {**text, "title": None, "orient": "top", "symbolType": "circle", "columns": 4, "labelLimit": 150},
        "range": {"category": series, "ramp": [tone["paper"], accent], "heatmap": [tone["paper"], accent]},
        "line": {"strokeWidth": 2, "color": accent},
        "point": {"color": accent, "filled": True, "size": 45},
        "bar": {"color": accent},
        "rule": {"color": accent},
        "text": {"color": tone["ink"], "fontSize": 11},
        "style": {
            "estimate": {"color": accent, "filled": True, "size": 70},
            "interval": {"color": accent, "strokeWidth": 3},
            "band": {"color": accent, "opacity": 0.16},
            "reference": {"color": tone["quiet"], "strokeDash": [4, 3], "strokeWidth": 1.25},
            "label": {"color": tone["ink"], "fontSize": 11},
            "on-cell": {"color": tone["ink"], "fontSize": 13},
        },
    }


def curve(
    title: str,
    rows: Sequence[Row],
    *,
    x: str,
    y: str,
    text: str,
    x_title: str = "",
    y_title: str = "",
    series: str = "",
    low: str = "",
    high: str = "",
    diagonal: bool = False,
    threshold: float | None = None,
    x_domain: tuple[float, float] | None = (0, 1),
    y_domain: tuple[float, float] | None = (0, 1),
    points: bool = False,
    note: str = "",
) -> Chart:
    """Draw one or more lines, with a band where there is an interval: ROC, precision–recall, reliability, power."""
    across = _axis(x, x_title, x_domain)
    up = _axis(y, y_title, y_domain)
    colour = {"color": {"field": series, "type": "nominal"}} if series else {}
    layers: list[dict[str, Any]] = []
    if low and high:
        band = {"x": across, "y": {**up, "field": low}, "y2": {"field": high}, **colour}
        layers.append({"mark": {"type": "area", "style": "band"}, "encoding": band})
    if diagonal and x_domain and y_domain:
        ends = [{x: x_domain[0], y: y_domain[0]}, {x: x_domain[1], y: y_domain[1]}]
        layers.append(
            {
                "data": {"values": ends},
                "mark": {"type": "line", "style": "reference"},
                "encoding": {"x": across, "y": up},
            }
        )
    if threshold is not None:
        layers.append({"mark": {"type": "rule", "style": "reference"}, "encoding": {"y": {"datum": threshold}}})
    layers.append({"mark": {"type": "line", "point": points}, "encoding": {"x": across, "y": up, **colour}})
    names = [name for name in (series, x, y, low, high) if name]
    heads = {x: x_title or x, y: y_title or y}
    return _chart(title, rows, layers, names, heads, text=text, note=note)


def intervals(
    title: str,
    rows: Sequence[Row],
    *,
    text: str,
    name: str = "name",
    estimate: str = "estimate",
    low: str = "low",
    high: str = "high",
    threshold: float | None = None,
    x_title: str = "",
    note: str = "",
) -> Chart:
    """Draw estimates with their intervals, one a line: slices, candidates, importance."""
    order = [row[name] for row in rows]
    down = {"field": name, "type": "nominal", "sort": order, "title": None, "axis": {"grid": False, "labelLimit": 220}}
    across = {"type": "quantitative", "title": x_title or None, "scale": {"zero": False}}
    layers: list[dict[str, Any]] = [
        {
            "mark": {"type": "rule", "style": "interval"},
            "encoding": {"y": down, "x": {**across, "field": low}, "x2": {"field": high}},
        },
        {
            "mark": {"type": "point", "style": "estimate"},
            "encoding": {"y": down, "x": {**across, "field": estimate}},
        },
    ]
    if threshold is not None:
        layers.insert(0, {"mark": {"type": "rule", "style": "reference"}, "encoding": {"x": {"datum": threshold}}})
    names = [name, estimate, low, high]
    return _chart(title, rows, layers, names, {}, text=text, note=note, height=max(60, 28 * len(rows)))


def matrix(title: str, rows: Sequence[Row], *, text: str, note: str = "") -> Chart:
    """Draw counts by class: ``rows`` have actual, predicted, count and share of the actual."""
    classes = list(dict.fromkeys(row["actual"] for row in rows))
    across = {"field": "predicted", "type": "nominal", "sort": classes, "title": "Predicted"}
    down = {"field": "actual", "type": "nominal", "sort": classes, "title": "Actual"}
    axis = {"axis": {"grid": False, "labelAngle": 0, "labelLimit": 140}}
    place = {"x": {**across, **axis}, "y": {**down, **axis}}
    shade = {"field": "share", "type": "quantitative", "legend": None, "scale": {"domain": [0, 2]}}
    layers = [
        {"mark": {"type": "rect"}, "encoding": {**place, "color": shade}},
        {
            "mark": {"type": "text", "style": "on-cell"},
            "encoding": {**place, "text": {"field": "count", "type": "quantitative", "format": ","}},
        },
    ]
    height = max(120, 44 * len(classes))
    return _chart(title, rows, layers, ["actual", "predicted", "count"], {}, text=text, note=note, height=height)


def histogram(
    title: str,
    rows: Sequence[Row],
    *,
    text: str,
    start: str = "start",
    end: str = "end",
    count: str = "count",
    x_title: str = "",
    note: str = "",
) -> Chart:
    """Draw counts of rows in bins that are given."""
    across = {
        "field": start,
        "type": "quantitative",
        "bin": {"binned": True},
        "title": x_title or None,
        "axis": {"grid": False},
    }
    up = {"field": count, "type": "quantitative", "title": "rows"}
    layers = [{"mark": {"type": "bar"}, "encoding": {"x": across, "x2": {"field": end}, "y": up}}]
    return _chart(title, rows, layers, [start, end, count], {}, text=text, note=note, height=180)


def bars(
    title: str,
    rows: Sequence[Row],
    *,
    x: str,
    y: str,
    text: str,
    series: str = "",
    y_title: str = "",
    ordered: bool = False,
    note: str = "",
) -> Chart:
    """Draw amounts by name, stacked where there are series, the largest at the foot: spend by month, top values."""
    sort: Any = None if ordered else "-y"
    across = {"field": x, "type": "nominal", "sort": sort, "title": None, "axis": {"grid": False, "labelAngle": 0}}
    encoding: dict[str, Any] = {"x": across, "y": {"field": y, "type": "quantitative", "title": y_title or None}}
    wide = min(0.9, 0.2 + 0.15 * len({row[x] for row in rows}))  # a month or two are bars, no walls
    layer: dict[str, Any] = {"mark": {"type": "bar", "width": {"band": wide}}, "encoding": encoding}
    if series:
        largest_first = _by_total(rows, series, y)
        encoding["color"] = {"field": series, "type": "nominal", "sort": largest_first}
        encoding["order"] = {"field": "place", "type": "quantitative"}
        place = f"indexof({json.dumps(largest_first)}, datum[{json.dumps(series)}])"
        layer["transform"] = [{"calculate": place, "as": "place"}]
    names = [name for name in (x, series, y) if name]
    return _chart(title, rows, [layer], names, {y: y_title or y}, text=text, note=note)


def _by_total(rows: Sequence[Row], series: str, y: str) -> list[Any]:
    totals: dict[Any, float] = {}
    for row in rows:
        totals[row[series]] = totals.get(row[series], 0) + row[y]
    return sorted(totals, key=lambda name: -totals[name])


def _axis(name: str, title: str, domain: tuple[float, float] | None) -> dict[str, Any]:
    scale = {"domain": list(domain), "nice": False} if domain else {"zero": False}
    return {"field": name, "type": "quantitative", "title": title or None, "scale": scale}


def _chart(
    title: str,
    rows: Sequence[Row],
    layers: list[dict[str, Any]],
    names: list[str],
    heads: Mapping[str, str],
    *,
    text: str,
    note: str,
    height: int = HEIGHT,
) -> Chart:
    spec = {
        "$schema": SCHEMA,
        "description": text,
        "width": "container",
        "height": height,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "data": {"values": [dict(row) for row in rows]},
        "layer": layers,
    }
    titles = [heads.get(name, name).replace("_", " ") for name in names]
    columns = tuple(title[:1].upper() + title[1:] for title in titles)  # what is in capitals stays so
    return Chart(title, spec, text, columns, [tuple(row.get(name) for name in names) for row in rows], note)
