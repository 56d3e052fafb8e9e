import json
import re
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
import time_machine
from django.conf import settings
from django.template import Context, Template

from freelance_ml.chart_pictures import svg
from freelance_ml.charts import bars, curve, histogram, intervals, matrix
from freelance_ml.evaluation_charts import evaluation_charts
from freelance_ml.finders import FILES, NpmFinder, served
from freelance_ml.gatebar import GateBar
from freelance_ml.templatetags import ui
from freelance_ml.templatetags.evidence import setting_words
from freelance_ml.templatetags.reports import bar_of
from freelance_ml.templatetags.ui import gate_bar
from freelance_ml.track import LETTER, lines_of, track_of

COMPONENTS = settings.BASE_DIR / "templates" / "components"


def render(text, **context):
    return Template("{% load ui %}" + text).render(Context(context))


# --- gate bar -----------------------------------------------------------------------------------
GATE = {
    "name": "Recall",
    "threshold": 0.8,
    "estimate": 0.842,
    "low": 0.815,
    "high": 0.867,
    "n": 1409,
    "verdict": "pass",
}


def test_a_gate_reads_as_one_line():
    assert GateBar(**GATE).text == "Recall ≥ 0.800: 0.842 [0.815, 0.867] · n 1,409 · Pass"


def test_a_gate_without_a_run_says_that_it_is_not_shown_yet():
    assert GateBar(name="Recall", threshold=0.8).text == "Recall ≥ 0.800: not shown yet"


def test_settings_of_a_recipe_are_words():
    settings = {"class_weight": None, "C": 0.1, "max_features": "sqrt", "min_samples_leaf": 3}
    words = ["class weights none", "C 0.1", "columns tried at a split the root of all"]
    assert [" ".join(pair) for pair in setting_words(settings)] == [*words, "least rows of a leaf 3"]


def test_a_judged_promise_says_what_stands_behind_its_figure():
    bounds = {"low": 0.8004, "high": 0.84, "confidence": 1 - 0.05 / 3, "method": "Wilson"}
    measure = {"metric": "recall", "value": 0.82, "n": 561, "rows": 2113, "bounds": bounds}
    bar = bar_of({"metric": "recall", "threshold": 0.8, "direction": "at_least", "measure": measure})
    how = "n 561 positive rows of 2,113 sealed rows; each end of the interval holds with 98.3 %, one-sided; Wilson."
    assert bar.how == how
    assert bar.figure(bar.low) == "0.8004"  # not 0.800, which is the promise
    assert how in gate_bar(bar)


@pytest.mark.parametrize(
    "figures",
    [
        GATE,
        {**GATE, "estimate": 1.0, "low": 0.99, "high": 1.0},
        {**GATE, "threshold": 0.0, "estimate": 0.0, "low": 0.0, "high": 0.0},
        {**GATE, "direction": "at_most", "axis_high": None, "threshold": 60, "estimate": 48.1, "low": 44, "high": 53},
        {**GATE, "low": None, "high": None},
    ],
)
def test_everything_stands_on_the_axis_in_its_order(figures):
    bar = GateBar(**figures)
    shown = [v for v in (bar.low, bar.estimate, bar.high) if v is not None]
    places = [bar.place(value) for value in shown]
    assert places == sorted(places)
    assert all(0 <= place <= 100 for place in [*places, bar.place(bar.threshold)])
    start, width = bar.zone
    assert start + width == pytest.approx(bar.place(bar.threshold) if bar.direction == "at_most" else 100)


@pytest.mark.parametrize(("verdict", "word"), [("pass", "Pass"), ("fail", "Fail"), ("inconclusive", "Inconclusive")])
def test_a_verdict_is_icon_word_and_colour(verdict, word):
    drawn = render("{% gate_bar gate %}", gate={**GATE, "verdict": verdict})
    assert word in drawn
    assert f"verdict-{verdict}" in drawn
    assert '<svg class="icon"' in drawn
    assert "style=" not in drawn


def test_a_name_from_outside_cannot_become_markup():
    drawn = render("{% gate_bar gate %}{% status_pill 'x' name %}", gate={**GATE, "name": "<script>"}, name="<b>")
    assert "<script>" not in drawn
    assert "<b>" not in drawn


# --- small parts --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (480050, "EUR", "4,800.50"),
        (-5, "EUR", "−0.05"),
        (4800, "JPY", "4,800"),
        (1234, "KWD", "1.234"),
        (0, "EUR", "0.00"),
    ],
)
def test_money_is_written_exactly_with_its_code(minor, currency, text):
    assert ui.money(minor, currency) == f'{text} <span class="unit">{currency}</span>'


@time_machine.travel(datetime(2026, 11, 20, 12, tzinfo=UTC), tick=False)
@pytest.mark.parametrize(
    ("day", "text"),
    [
        (date(2026, 11, 20), "Today"),
        (date(2026, 11, 21), "Tomorrow"),
        (date(2026, 11, 25), "Wed 25 Nov"),
        (date(2026, 12, 24), "24 Dec"),
        (date(2027, 1, 5), "5 Jan 2027"),
        (datetime(2026, 11, 19, 23, 30, tzinfo=UTC), "Yesterday, 23:30"),
    ],
)
def test_dates_carry_the_weekday_when_near(day, text):
    assert f">{text}<" in ui.when(day)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "under 1 s"), (59, "59 s"), (3661, "1 h 1 min"), (90061, "1 d 1 h"), (None, "–")]
)
def test_lengths_of_time_are_short(seconds, text):
    assert ui.duration(None if seconds is None else timedelta(seconds=seconds)) == text


def test_progress_without_a_total_claims_nothing():
    assert "value=" not in render("{% progress 3 0 %}")
    assert 'value="30"' in render("{% progress 3 10 %}")
    assert 'value="100"' in render("{% progress 30 10 %}")


def test_the_ledger_shows_pending_changes_only_where_there_are_any():
    ledger = dict.fromkeys(["original", "changes", "revised", "accepted", "invoiced", "paid", "balance"], 100)
    assert "Pending" not in render("{% ledger_strip ledger 'EUR' %}", ledger=ledger)
    assert "ledger-pending" in render("{% ledger_strip ledger 'EUR' %}", ledger={**ledger, "pending": 5})


def test_marks_in_time_keep_their_order_and_their_names_apart():
    start = date(2026, 1, 1)
    stops = [(start + timedelta(days=9 * i), f"Milestone {i}", "planned", "/", "plain") for i in range(12)]
    track = track_of(stops, today=date(2026, 2, 1))
    places = sorted(mark.place for mark in track.marks)
    assert len(set(places)) == 12
    assert 0 <= places[0] < places[-1] <= 100
    for row in (0, 1):
        named = sorted(mark.place for mark in track.marks if mark.row == row and mark.anchor == "middle")
        assert all(b - a >= 10 * LETTER for a, b in pairwise(named))
    assert track_of([], today=start).marks == []


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("Sorter", ["Sorter"]),
        ("Churn model that passes the gates", ["Churn model that", "passes the gates"]),
        ("Proof for customers in their first months", ["Proof for customers", "in their first months"]),
        (
            "A name that is far too long to stand on the track in full",
            ["A name that is far too", "long to stand on the…"],
        ),
    ],
)
def test_a_name_on_the_track_takes_two_short_lines(name, lines):
    assert lines_of(name) == lines


# --- charts -------------------------------------------------------------------------------------
ROWS = [
    {"name": f"slice {i}", "estimate": 0.8, "low": 0.7, "high": 0.9, "x": i / 4, "start": i, "end": i + 1, "count": i}
    for i in range(5)
]
CHARTS = [
    curve("C", ROWS, x="x", y="estimate", low="low", high="high", text="t", diagonal=True, threshold=0.5),
    intervals("I", ROWS, text="t", threshold=0.75),
    histogram("H", ROWS, text="t"),
    bars("B", ROWS, x="name", y="count", text="t", series="start"),
    matrix("M", [{"actual": "a", "predicted": "b", "count": 3, "share": 0.5}], text="t"),
]


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.title)
def test_one_spec_serves_the_page_and_the_paper(chart):
    assert svg(chart).startswith("<svg")
    page = render("{% chart chart %}", chart=chart)
    start = page.index("<template")
    block = page[page.index(">", start) + 1 : page.index("</template>", start)]
    assert json.loads(block)["spec"] == json.loads(json.dumps(chart.spec))
    assert 'aria-label="t"' in page
    assert page.count("<tr>") == len(chart.rows) + 1


def test_the_largest_part_is_named_first_and_stands_at_the_foot():
    rows = [{"month": month, "name": name, "cost": cost} for month in "ab" for name, cost in (("few", 1), ("most", 9))]
    chart = bars("B", rows, x="month", y="cost", series="name", text="t", ordered=True)
    layer = chart.spec["layer"][0]
    assert layer["encoding"]["color"]["sort"] == ["most", "few"]
    assert layer["transform"] == [{"calculate": 'indexof(["most", "few"], datum["name"])', "as": "place"}]
    assert svg(chart).index(">most<") < svg(chart).index(">few<")


def test_data_cannot_end_its_block():
    chart = bars("B", [{"name": "</template><b>", "count": 1}], x="name", y="count", text="t")
    assert "</template><b>" not in render("{% chart chart %}", chart=chart)


def test_an_evaluations_curves_become_charts():
    curves = {
        "confusion": {"classes": ["no", "yes"], "counts": [[50, 10], [5, 35]]},
        "roc": [
            {"false_positive_rate": 0, "true_positive_rate": 0},
            {"false_positive_rate": 1, "true_positive_rate": 1},
        ],
        "precision_recall": [{"recall": 1, "precision": 0.4}],
        "reliability": [{"predicted": 0.2, "observed": 0.25, "low": 0.1, "high": 0.3}],
        "residuals": {"histogram": {"edges": [0, 1, 2], "counts": [3, 4]}},
    }
    charts = evaluation_charts(curves)
    assert len(charts) == 5
    assert "85 of 100 rows" in charts[0].text
    assert evaluation_charts({}) == []


# --- rules of the house -------------------------------------------------------------------------
@pytest.mark.parametrize("path", sorted(COMPONENTS.glob("*.html")), ids=lambda path: path.name)
def test_every_component_says_what_it_takes(path):
    text = path.read_text(encoding="utf-8")
    assert text.startswith("{% comment %}")
    assert text.index("{% endcomment %}") > len("{% comment %}") + 10


class Inline(HTMLParser):
    """Collects what a strict content security policy would block."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "script" and "src" not in given and given.get("type") != "application/json":
            self.found.append(self.get_starttag_text())
        if tag == "style" or any(name == "style" or name.startswith(("on", "hx-on")) for name in given):
            self.found.append(self.get_starttag_text())
        if any(str(value).startswith(("http://", "https://", "//")) for name, value in attrs if name == "src"):
            self.found.append(self.get_starttag_text())


STANDS_ALONE = {"standalone.html"}  # one file without a server: it must carry its style
TEMPLATES = sorted(p for p in (settings.BASE_DIR / "templates").rglob("*.html") if p.name not in STANDS_ALONE)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(settings.BASE_DIR)))
def test_no_template_holds_inline_code_or_style_or_asks_another_host(path):
    parser = Inline()
    parser.feed(re.sub(r"\{%.*?%\}", "", path.read_text(encoding="utf-8")))
    assert parser.found == []


def test_only_listed_files_of_the_packages_are_served():
    finder = NpmFinder()
    assert finder.check() == []
    assert {name for name, _ in finder.list([])} == set(FILES)
    assert finder.find("vendor/../package.json") == []
    assert finder.find("@tabler/core/package.json") == []
    for name in FILES:
        assert b"sourceMappingURL=" not in served(name, Path(finder.storage.path(name)).read_bytes())


def test_the_interpreter_is_a_plain_script():
    text = Path(NpmFinder().find("vendor/vega-interpreter.js")).read_text(encoding="utf-8")
    assert "vegaInterpreter" in text
    assert "\nimport " not in text
    assert "\nexport " not in text
    with pytest.raises(ValueError, match="npm ci"):
        served("vendor/vega-interpreter.js", b"something else")


@pytest.mark.parametrize(
    ("value", "low", "high", "said"),
    [
        (0.8361, 0.814, 0.85612, "0.8361 [0.8140, 0.8561]"),
        (0.03849, 0.0, 0.05524, "0.0385 [0.0000, 0.0552]"),
        (47.26, 45.0, 49.512, "47.260 [45.000, 49.512]"),
        (12345.678, 12000.0, 13000.0, "12,346 [12,000, 13,000]"),
        (0.5, None, None, "0.5000 –"),
    ],
)
def test_a_measure_and_its_interval_have_the_same_decimals(value, low, high, said):
    text = Template("{% load ui %}{{ value|measured }} {{ interval|bounds:value }}").render(
        Context({"value": value, "interval": {"low": low, "high": high}})
    )
    assert text == said
