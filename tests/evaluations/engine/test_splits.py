"""Setting rows aside: nothing lost, nothing on both sides, classes and groups and time respected."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluations.engine import splits

labels = st.lists(st.sampled_from("abc"), min_size=12, max_size=300).map(np.array)


@given(labels, st.floats(0.2, 0.8), st.integers(0, 2**31))
def test_a_stratified_draw_keeps_every_row_once_and_each_class_in_its_share(classes, share, seed):
    counts = np.unique(classes, return_counts=True)[1]
    if counts.min() < 2 * len(counts):
        return
    wanted = splits.how_many(len(classes), share=share, fixed=None)
    try:
        draw = splits.draw_stratified(classes, len(classes), wanted, seed)
    except splits.SplitError:  # so few rows that a class would vanish from one side
        assert wanted < len(counts) or len(classes) - wanted < len(counts)
        return
    assert len(draw.acceptance) == wanted
    assert sorted([*draw.acceptance, *draw.development]) == list(range(len(classes)))
    for value, count in zip(*np.unique(classes, return_counts=True), strict=True):
        aside = (classes[draw.acceptance] == value).sum()
        assert abs(aside - count * wanted / len(classes)) <= len(counts)
        assert 1 <= aside < count


def test_the_same_seed_draws_the_same_rows():
    classes = np.array(["yes", "no"] * 50)
    one, two, other = (splits.draw_stratified(classes, 100, 30, seed) for seed in (1, 1, 2))
    assert one.acceptance.tolist() == two.acceptance.tolist()
    assert one.acceptance.tolist() != other.acceptance.tolist()


@given(st.lists(st.integers(0, 12), min_size=40, max_size=200).map(np.array), st.integers(0, 99))
def test_a_group_is_never_on_both_sides(groups, seed):
    if len(np.unique(groups)) < 5:
        return
    try:
        draw = splits.draw_groups(groups, len(groups) // 4, seed)
    except splits.SplitError:
        return
    assert not set(groups[draw.acceptance]) & set(groups[draw.development])
    assert len(draw.acceptance) >= len(groups) // 4


def test_the_latest_rows_are_set_aside_and_a_moment_is_not_cut():
    moments = np.array([5, 1, 4, 4, 2, 3, 4])
    draw = splits.draw_latest(moments, 7, 2)
    assert moments[draw.development].max() < moments[draw.acceptance].min()
    assert sorted(moments[draw.acceptance]) == [4, 4, 4, 5]


def test_without_a_time_column_the_order_of_the_table_counts():
    assert splits.draw_latest(None, 10, 3).acceptance.tolist() == [7, 8, 9]


@pytest.mark.parametrize(("rows", "share"), [(3, 0.9), (10, 0.0), (2, 0.5)])
def test_too_few_rows_on_a_side_are_refused_with_advice(rows, share):
    with pytest.raises(splits.SplitError, match="Choose another share"):
        splits.how_many(rows, share=share, fixed=None)


def test_a_single_row_of_a_class_is_refused():
    with pytest.raises(splits.SplitError, match="single row"):
        splits.draw_stratified(np.array(["a"] * 20 + ["b"]), 21, 6, 0)


def test_row_ids_hide_the_place_and_differ_by_salt():
    rows = np.arange(1000)
    ids = splits.row_ids(rows, "salt")
    assert len(set(ids)) == 1000
    assert ids == splits.row_ids(rows, "salt")
    assert not set(ids) & set(splits.row_ids(rows, "pepper"))
