"""What a change does to a scope: the price moves by the sum of its lines, or nothing moves at all."""

from contextlib import suppress
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projects.scoping.changes import PriceLine, apply_change
from projects.scoping.documents import PlannedMilestone, ScopeDocument
from projects.scoping.errors import ScopingError

IDS = ("m1", "m2", "k-a", "")
planned = st.builds(
    PlannedMilestone,
    id=st.sampled_from(IDS[:3]),
    title=st.just("M"),
    due_on=st.sampled_from(["", "2026-12-31", "9999-12-30", "0001-01-02"]),
    amount_minor=st.integers(-500, 1000),
)
documents = st.lists(planned, max_size=3, unique_by=lambda one: one.id).map(
    lambda rows: ScopeDocument(milestones=tuple(rows))
)
lines = st.lists(
    st.builds(
        PriceLine,
        id=st.sampled_from("ab"),
        text=st.just("L"),
        amount_minor=st.integers(-800, 800),
        milestone=st.sampled_from(IDS),
    ),
    max_size=4,
)


@given(document=documents, lines=lines, days=st.integers(-3650, 3650), still_open=st.sets(st.sampled_from(IDS)))
def test_the_price_moves_by_the_sum_of_the_lines(document, lines, days, still_open):
    with suppress(ScopingError):
        after = apply_change(document, key="k", what="W", lines=lines, days=days, still_open=still_open)
        assert after.price_minor == document.price_minor + sum(line.amount_minor for line in lines)
        now = {one.id: one for one in after.milestones}
        assert len(now) == len(after.milestones)
        for before in document.milestones:
            assert before.id in still_open or now[before.id] == before
            assert now[before.id].amount_minor >= min(before.amount_minor, 0)


def test_a_milestone_that_gives_money_back_stands_in_the_way_of_no_change():
    rows = (PlannedMilestone("m1", "Model", "", "2026-12-01", 1000), PlannedMilestone("d", "Discount", "", "", -100))
    document = ScopeDocument(milestones=rows)
    after = apply_change(document, key="k", what="W", lines=[PriceLine("a", "L", 50, "m1")], still_open={"m1", "d"})
    assert after.price_minor == 950
    with pytest.raises(ScopingError, match="more off “Discount”"):
        apply_change(document, key="k", what="W", lines=[PriceLine("a", "L", -1, "d")], still_open={"m1", "d"})


def test_days_that_no_calendar_has_are_refused():
    document = ScopeDocument(milestones=(PlannedMilestone("m1", "Model", "", date.max.isoformat(), 1000),))
    with pytest.raises(ScopingError, match="no day of the calendar"):
        apply_change(document, key="k", what="W", lines=[], days=1, still_open={"m1"})
