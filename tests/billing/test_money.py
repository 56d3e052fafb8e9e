from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.money import Money, MoneyError, exponent_of, share_out

CENT = Decimal("0.01")
totals = st.decimals(min_value=-(10**12), max_value=10**12, places=2)
weights = st.lists(st.decimals(min_value=0, max_value=1000, places=3), min_size=1, max_size=12).filter(any)
codes = st.sampled_from(["EUR", "JPY", "KWD", "CLF", "USD"])
minors = st.integers(min_value=-(10**15), max_value=10**15)


@given(total=totals, weights=weights)
def test_parts_add_up_to_the_total(total, weights):
    assert sum(share_out(total, weights)) == total


@given(total=totals, weights=weights)
def test_no_part_is_a_cent_away_from_its_exact_share(total, weights):
    whole = sum(weights)
    for part, weight in zip(share_out(total, weights), weights, strict=True):
        assert abs(part - total * weight / whole) < CENT


@given(total=totals, weights=weights)
def test_a_zero_weight_gets_nothing(total, weights):
    assert share_out(total, [*weights, Decimal(0)])[-1] == 0


@given(minor=minors, code=codes, weights=weights)
def test_money_is_shared_in_its_minor_unit(minor, code, weights):
    assert sum(share_out(Money(minor, code), weights)) == Money(minor, code)


def test_shares_keep_every_digit_of_a_bill_amount():
    parts = share_out(Decimal("8.5450077867419368"), [1, 1, 1])
    assert parts == [
        Decimal("2.8483359289139790"),
        Decimal("2.8483359289139789"),
        Decimal("2.8483359289139789"),
    ]


@pytest.mark.parametrize("bad", [[], [0, 0], [1, -1], [0.5, 0.5]])
def test_impossible_weights_are_refused(bad):
    with pytest.raises(MoneyError):
        share_out(100, bad)


@pytest.mark.parametrize("total", [1.5, True])
def test_a_float_is_not_shared(total):
    with pytest.raises(MoneyError):
        share_out(total, [1])


@pytest.mark.parametrize(
    ("text", "code", "minor"),
    [
        ("1,234.56", "EUR", 123456),
        ("1.234,56", "EUR", 123456),
        ("1 234.56", "EUR", 123456),
        ("1'234'567.8", "CHF", 123456780),
        ("1.234.567", "EUR", 123456700),
        ("1234", "JPY", 1234),
        ("12,5", "EUR", 1250),
        ("\u22125.00", "EUR", -500),
        ("-0.5", "EUR", -50),
        ("EUR 12", "EUR", 1200),
        ("12 eur", "EUR", 1200),
        ("1.2340", "KWD", 1234),
        ("0.125", "KWD", 125),
        (".5", "EUR", 50),
        ("5.", "EUR", 500),
    ],
)
def test_clear_amounts_are_read(text, code, minor):
    assert Money.parse(text, code) == Money(minor, code)


@pytest.mark.parametrize("text", ["1,234", "1.234", "12.500", "EUR 1,000"])
def test_what_could_mean_two_things_is_refused(text):
    with pytest.raises(MoneyError, match="could mean") as caught:
        Money.parse(text, "EUR")
    assert caught.value.code == "ambiguous-amount"


@pytest.mark.parametrize(
    "text",
    ["", "abc", "1,23,456.00", "1.2.3", "--5", "1e5", "NaN", "12 USD", "1_000", "\u0661", "9" * 50],
)
def test_what_is_no_amount_is_refused(text):
    with pytest.raises(MoneyError):
        Money.parse(text, "EUR")


def test_too_many_places_are_not_rounded_in_silence():
    with pytest.raises(MoneyError, match="more decimal places"):
        Money.parse("1.2345", "EUR")


@given(minor=minors, code=codes)
def test_what_is_written_reads_back(minor, code):
    money = Money(minor, code)
    assert Money.of(money.amount, code) == money
    if exponent_of(code) == 2:
        assert Money.parse(money.format(), code) == money


@pytest.mark.parametrize(
    ("minor", "code", "text"),
    [(123450, "EUR", "1,234.50 EUR"), (1234, "JPY", "1,234 JPY"), (-5, "KWD", "-0.005 KWD")],
)
def test_format(minor, code, text):
    assert str(Money(minor, code)) == text


@pytest.mark.parametrize(("amount", "minor"), [("0.005", 1), ("-0.005", -1), ("0.00499", 0), ("2.675", 268)])
def test_halves_round_away_from_zero(amount, minor):
    assert Money.rounded(Decimal(amount), "EUR").minor == minor


@given(a=minors, b=minors, c=minors, code=codes)
def test_adding_is_plain_arithmetic(a, b, c, code):
    money = [Money(n, code) for n in (a, b, c)]
    assert sum(money) == Money(a + b + c, code)
    assert money[0] - money[1] == -(money[1] - money[0])
    assert (money[0] < money[1]) == (a < b)


def test_currencies_do_not_mix():
    for act in (
        lambda a, b: a + b,
        lambda a, b: a - b,
        lambda a, b: a < b,
        lambda a, b: sum([a, b]),
    ):
        with pytest.raises(MoneyError, match="two currencies"):
            act(Money(1, "EUR"), Money(1, "USD"))
    assert Money(1, "EUR") != Money(1, "USD")


@pytest.mark.parametrize(
    "act",
    [
        lambda: Money(1.0, "EUR"),
        lambda: Money(True, "EUR"),
        lambda: Money.of(1.5, "EUR"),
        lambda: Money(1, "EUR") * 1.5,
        lambda: Money(1, "EUR") + 1,
        lambda: 1 + Money(1, "EUR"),
        lambda: Money.of(Decimal("NaN"), "EUR"),
        lambda: Money(1, "Euro"),
    ],
)
def test_floats_and_strangers_are_refused(act):
    with pytest.raises(MoneyError):
        act()


def test_a_price_times_a_quantity_rounds_once():
    assert Money(999, "EUR") * Decimal("2.5") == Money(2498, "EUR")


def test_the_table_of_currencies():
    assert [exponent_of(code) for code in ("EUR", "JPY", "KWD", "CLF", "UGX")] == [2, 0, 3, 4, 0]
