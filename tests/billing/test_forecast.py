import calendar
import csv
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.forecast import budget_alerts, forecast_month
from tests.conftest import SHARED


def days(*costs, first=date(2026, 10, 1)):
    return {first + timedelta(days=i): Decimal(cost) for i, cost in enumerate(costs)}


@pytest.fixture(scope="module")
def forecasts():
    """Forecast every full month of three real series on five days: (actual, forecast)."""
    path = SHARED / "bills" / "gcp_mybinder_daily_by_project_20171213_20191015.csv"
    if not path.is_file():
        pytest.skip("the real data beside the project (../shared/data) is not here")
    series = {"both": {}}
    with path.open(encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            day, cost = date.fromisoformat(row["date"]), Decimal(row["cost"])
            series.setdefault(row["project_id"], {})[day] = cost
            series["both"][day] = series["both"].get(day, Decimal(0)) + cost
    return [pair for daily in series.values() for pair in backtest(daily)]


def backtest(daily):
    months = {day.replace(day=1) for day in daily}
    for month in sorted(months):
        length = calendar.monthrange(month.year, month.month)[1]
        if month < min(daily) or month + timedelta(days=length - 1) > max(daily):
            continue
        total = sum(daily.get(month + timedelta(days=i), Decimal(0)) for i in range(length))
        for day in (5, 10, 15, 20, 25):
            yield total, forecast_month(daily, through=month.replace(day=day))


def test_the_month_end_of_real_series_is_met_within_five_per_cent(forecasts):
    errors = [abs(found.expected - total) / total for total, found in forecasts]
    assert len(errors) == 315
    assert sum(errors) / len(errors) <= Decimal("0.049")


def test_the_range_holds_eighty_per_cent_of_real_months(forecasts):
    inside = sum(found.low <= total <= found.high for total, found in forecasts)
    assert Decimal("0.75") <= Decimal(inside) / len(forecasts) <= Decimal("0.85")


def test_a_steady_cost_goes_on():
    found = forecast_month(days(*[10] * 10), through=date(2026, 10, 10))
    assert (found.actual, found.expected, found.days_left) == (100, 310, 21)
    assert (found.low, found.high) == (310, 310)


def test_what_is_planned_comes_on_top():
    found = forecast_month(days(*[10] * 10), through=date(2026, 10, 10), planned=Decimal(50))
    assert (found.expected, found.low, found.planned) == (360, 360, 50)


def test_a_short_history_has_no_range():
    found = forecast_month(days(10, 12), through=date(2026, 10, 2))
    assert (found.low, found.high) == (None, None)
    assert found.expected == Decimal("22") + Decimal("10.4") * 29


def test_no_history_expects_nothing_but_the_plan():
    found = forecast_month({}, through=date(2026, 10, 2), planned=Decimal(5))
    assert (found.actual, found.expected, found.low) == (0, 5, None)


def test_the_last_day_of_a_month_is_known():
    daily = days(*range(31))
    found = forecast_month(daily, through=date(2026, 10, 31))
    assert found.expected == found.low == found.high == found.actual == sum(daily.values())


def test_the_future_is_not_looked_at():
    past = days(*[10] * 10)
    seen = past | {date(2026, 10, 20): Decimal(10**6)}
    day = date(2026, 10, 10)
    assert forecast_month(seen, through=day) == forecast_month(past, through=day)


costs = st.lists(st.decimals(min_value=0, max_value=10**6, places=4), min_size=1, max_size=120)


@given(history=costs)
def test_a_forecast_is_never_below_what_is_spent(history):
    daily = days(*history, first=date(2026, 7, 1))
    found = forecast_month(daily, through=max(daily))
    assert found.expected >= found.actual - Decimal("0.000001")
    if found.low is not None:
        assert found.low <= found.expected <= found.high


@pytest.mark.parametrize(
    ("actual", "expected", "told", "alerts"),
    [
        (49, 49, [], []),
        (50, 50, [], [("actual", 50)]),
        (50, 85, [], [("actual", 50), ("forecast", 80)]),
        (120, 200, [], [("actual", 50), ("actual", 80), ("actual", 100)]),
        (50, 85, [("actual", 50)], [("forecast", 80)]),
        (80, 85, [("actual", 50), ("forecast", 80)], [("actual", 80)]),
        (10, None, [], []),
        (10, 100, [], [("forecast", 50), ("forecast", 80), ("forecast", 100)]),
    ],
)
def test_thresholds_are_told_once(actual, expected, told, alerts):
    found = budget_alerts(
        budget=Decimal(100),
        actual=Decimal(actual),
        expected=None if expected is None else Decimal(expected),
        told=told,
    )
    assert [(alert.basis, alert.threshold) for alert in found] == alerts


def test_an_alert_knows_its_share():
    (alert,) = budget_alerts(budget=Decimal(300), actual=Decimal(200))
    assert (alert.threshold, str(alert.percent)) == (50, "66.7")


def test_no_budget_has_no_alerts():
    assert budget_alerts(budget=Decimal(0), actual=Decimal(5)) == []
