from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from projects.scoping.errors import ScopingError
from projects.scoping.estimates import Z90, draw_totals, estimate
from projects.scoping.items import WorkItem


def item(low, likely, high, title="Audit"):
    return WorkItem(title, Decimal(low), Decimal(likely), Decimal(high))


# Seven work items of 154 likely hours, with the spread of the published example.
SEVEN = [
    item(*points)
    for points in [(11, 16, 38), (12, 20, 47), (8, 10, 27), (26, 42, 128), (13, 26, 65),
                   (13, 24, 57), (9, 16, 38)]
]  # fmt: skip


@pytest.mark.parametrize(("shared", "p80", "p95"), [(0.0, 270, 343), (0.3, 288, 399), (0.6, 299, 446)])
def test_the_published_table_is_reproduced(shared, p80, p95):
    found = estimate(SEVEN, seed=1, shared=shared)
    assert found.sum_likely == 154
    assert float(found.mean) == pytest.approx(224, rel=0.03)
    assert float(found.hours.p80) == pytest.approx(p80, rel=0.03)
    assert float(found.hours.p95) == pytest.approx(p95, rel=0.05)


def test_one_item_has_the_percentiles_that_were_given():
    totals = draw_totals([item(10, 20, 60)], seed=3, draws=200_000)
    assert np.percentile(totals, [10, 90]) == pytest.approx([10, 60], rel=0.02)
    middle = np.exp((np.log(10) + np.log(60)) / 2)
    assert np.median(totals) == pytest.approx(middle, rel=0.02)
    assert pytest.approx(1.2816, abs=1e-4) == Z90


def test_two_items_correlate_by_the_shared_factor():
    one, two = (item(10, 20, 60), item(10, 20, 60))
    both = np.var(np.log(draw_totals([one], seed=5, draws=100_000)))
    # With a shared factor of 1 two equal items are one item twice as large.
    twice = draw_totals([one, two], seed=5, shared=1.0, draws=100_000) / 2
    assert np.var(np.log(twice)) == pytest.approx(both, rel=0.02)


def test_the_same_seed_gives_the_same_estimate():
    assert estimate(SEVEN, seed=7) == estimate(SEVEN, seed=7)
    assert estimate(SEVEN, seed=7) != estimate(SEVEN, seed=8)


def test_price_and_chance_of_loss():
    found = estimate(SEVEN, seed=1, rate_minor=9_000, fee_minor=154 * 9_000)
    assert found.price_minor == tuple(
        int(hours * 9_000) for hours in (found.hours.p50, found.hours.p80, found.hours.p95)
    )
    assert found.gap == found.hours.p80 - 154
    assert found.gap > 0
    assert Decimal("0.6") < found.chance_of_loss < Decimal("0.8")
    safe = estimate(SEVEN, seed=1, rate_minor=9_000, fee_minor=found.price_minor[1])
    assert safe.chance_of_loss == pytest.approx(Decimal("0.2"), abs=Decimal("0.01"))


def test_no_rate_has_no_price():
    found = estimate(SEVEN, seed=1)
    assert (found.price_minor, found.chance_of_loss) == (None, None)


def test_certain_hours_stay_certain():
    found = estimate([item(10, 10, 10)], seed=1, rate_minor=100, fee_minor=1_000)
    assert (found.hours.p50, found.hours.p95, found.gap) == (10, 10, 0)


hours = st.decimals(min_value="0.1", max_value=1000, places=1)


@settings(max_examples=30)
@given(points=st.lists(st.tuples(hours, hours, hours).map(sorted), min_size=1, max_size=8))
def test_percentiles_are_in_order_and_inside_reason(points):
    items = [item(*each) for each in points]
    found = estimate(items, seed=1, draws=500)
    assert 0 < found.hours.p50 <= found.hours.p80 <= found.hours.p95
    assert found.sum_likely == sum(each[1] for each in points)


@pytest.mark.parametrize("points", [(0, 1, 2), (3, 2, 4), (1, 5, 4), (-1, 1, 2), (1, 2, 10**6), ("NaN", 1, 2)])
def test_points_out_of_order_are_refused(points):
    with pytest.raises(ScopingError, match="Audit") as caught:
        item(*points)
    assert caught.value.code == "bad-estimate"


def test_floats_are_refused():
    with pytest.raises(ScopingError):
        WorkItem("x", 1.0, 2.0, 3.0)


@pytest.mark.parametrize("options", [{"shared": 1.1}, {"shared": -0.1}, {"draws": 10}, {"draws": 10**7}])
def test_parameters_out_of_bounds_are_refused(options):
    with pytest.raises(ScopingError):
        estimate(SEVEN, seed=1, **options)


def test_nothing_cannot_be_estimated():
    with pytest.raises(ScopingError, match="1 to 1000"):
        estimate([], seed=1)
