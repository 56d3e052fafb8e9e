from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.money import MoneyError
from billing.pricing import PricingError, Rate, RateCard, Usage, round_fraction

OLD, NEW = date(2026, 1, 1), date(2026, 11, 1)


def rate(price, start=OLD, until=None, kind="cpu-hour", machine="", currency="EUR"):
    return Rate(kind, Decimal(price), currency, start, until, machine)


def usage(start, hours, **seconds):
    started = datetime(*start, tzinfo=UTC)
    return Usage(started, started + timedelta(hours=hours), **seconds)


CARD = RateCard(
    [
        rate("0.04", until=NEW),
        rate("0.05", start=NEW),
        rate("2.10", kind="gpu-hour"),
        rate("3.90", kind="gpu-hour", machine="h100"),
        rate("12", kind="machine-hour", machine="h100"),
    ]
)


def test_time_is_priced_by_the_rate_of_its_day():
    assert CARD.cost_of(usage((2026, 10, 5), 2, cpu_seconds=Decimal(7200))).amount == Decimal("0.08")
    assert CARD.cost_of(usage((2026, 11, 5), 2, cpu_seconds=Decimal(7200))).amount == Decimal("0.10")


def test_a_run_over_a_change_of_rates_is_split_by_its_time():
    cost = CARD.cost_of(usage((2026, 10, 31, 23), 4, cpu_seconds=Decimal(4 * 3600)))
    assert cost.amount == Decimal("0.04") + 3 * Decimal("0.05")
    assert [part.hours for part in cost.parts] == [1, 3]


def test_a_rate_for_the_machine_goes_before_the_general_one():
    day = usage((2026, 11, 5), 1, gpu_seconds=Decimal(3600), machine="h100")
    assert CARD.cost_of(day).amount == Decimal("3.90")
    day = usage((2026, 11, 5), 1, gpu_seconds=Decimal(3600), machine="t4")
    assert CARD.cost_of(day).amount == Decimal("2.10")


def test_kinds_add_up():
    day = usage((2026, 11, 5), 1, cpu_seconds=Decimal(3600), machine_seconds=Decimal(1800), machine="h100")
    assert CARD.cost_of(day).amount == Decimal("6.05")


def test_what_does_not_end_is_rounded_once_at_nine_places():
    cost = RateCard([rate("1")]).cost_of(usage((2026, 11, 5), 1, cpu_seconds=Decimal(1)))
    assert cost.amount == Decimal("0.000277778")
    assert cost.parts[0].cost == Fraction(1, 3600)


def test_nothing_costs_nothing():
    assert CARD.cost_of(usage((2026, 11, 5), 0)).amount == 0


@given(
    cpu=st.decimals(min_value=0, max_value=10**7, places=3),
    price=st.decimals(min_value=0, max_value=1000, places=6),
    hours=st.integers(min_value=0, max_value=400),
)
def test_splitting_by_days_loses_nothing(cpu, price, hours):
    cost = RateCard([rate(price)]).cost_of(usage((2026, 10, 25, 7), hours, cpu_seconds=cpu))
    exact = Fraction(cpu) * Fraction(price) / 3600
    assert sum((part.cost for part in cost.parts), Fraction(0)) == exact
    assert abs(Fraction(cost.amount) - exact) <= Fraction(1, 2 * 10**9)


@pytest.mark.parametrize(
    ("rates", "code"),
    [
        ([rate("1"), rate("2", start=NEW)], "overlapping-rates"),
        ([rate("1"), rate("2")], "overlapping-rates"),
        ([rate("-1")], "bad-rate"),
        ([rate("NaN")], "bad-rate"),
        ([rate("1", start=NEW, until=OLD)], "bad-rate"),
        ([rate("1", kind="tpu-hour")], "bad-rate"),
        ([rate("1", kind="machine-hour")], "bad-rate"),
        ([Rate("cpu-hour", 1.5, "EUR", OLD)], "bad-rate"),
        ([rate("1"), rate("1", kind="gpu-hour", currency="USD")], "mixed-currencies"),
    ],
)
def test_rates_that_cannot_be_meant_are_refused(rates, code):
    with pytest.raises(PricingError) as caught:
        RateCard(rates)
    assert caught.value.code == code


def test_an_unknown_currency_is_refused():
    with pytest.raises(MoneyError):
        RateCard([rate("1", currency="XYZ")])


def test_a_day_without_a_rate_is_named():
    with pytest.raises(PricingError, match="cpu-hour is valid on 2025-12-31"):
        CARD.cost_of(usage((2025, 12, 31), 1, cpu_seconds=Decimal(1)))


@pytest.mark.parametrize("wrong", [{"cpu_seconds": Decimal(-1)}, {"hours": -1}])
def test_a_usage_that_cannot_be_is_refused(wrong):
    with pytest.raises(PricingError) as caught:
        CARD.cost_of(usage((2026, 11, 5), wrong.pop("hours", 1), **wrong))
    assert caught.value.code == "bad-usage"


def test_fractions_round_away_from_zero():
    assert round_fraction(Fraction(1, 2), 0) == 1
    assert round_fraction(Fraction(-1, 2), 0) == -1
