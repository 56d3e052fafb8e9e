"""Hours and price with their uncertainty, from three points per work item.

Low and high are read as the 10th and 90th percentile of a lognormal; likely only feeds the sum
that most people quote. Errors of one job go together: a factor shared by all items carries part
of the variance (a correlation of 0.3 between the logarithms, unless said otherwise).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

import numpy as np
from numpy.typing import NDArray

from projects.scoping.errors import ScopingError
from projects.scoping.items import WorkItem

Z90 = 1.2815515655446004  # standard normal quantile of 0.9
SHARED = 0.3
DRAWS = 10_000
MOST_ITEMS = 1_000
PERCENTILES = (50, 80, 95)
TENTH = Decimal("0.1")


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Values that are not passed in 50, 80 and 95 of 100 cases."""

    p50: Decimal
    p80: Decimal
    p95: Decimal


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the work may take and cost.

    Hours to one place; prices in minor units of the rate's currency. ``gap`` is P80 less the sum
    of the likely values: the hours that a quote of the sum forgets. ``chance_of_loss`` is the
    share of draws in which the work costs more than the quoted fee, None without a fee.
    """

    sum_likely: Decimal
    mean: Decimal
    hours: Quantiles
    gap: Decimal
    price_minor: tuple[int, int, int] | None
    chance_of_loss: Decimal | None
    shared: Decimal
    draws: int
    seed: int


def estimate(
    items: Sequence[WorkItem],
    *,
    seed: int,
    rate_minor: int | None = None,
    fee_minor: int | None = None,
    shared: float = SHARED,
    draws: int = DRAWS,
) -> Estimate:
    """Estimate the sum of some work items by seeded draws.

    Parameters
    ----------
    items : sequence of WorkItem
        One to a thousand items.
    seed : int
        The same seed and items give the same estimate.
    rate_minor, fee_minor : int, optional
        Cost of an hour and the quoted fee, in minor units of one currency.
    shared : float
        Correlation of the logarithms of any two items, 0 to 1.
    draws : int
        How many jobs are imagined, 100 to 1,000,000.

    Raises
    ------
    ScopingError
        ``bad-estimate`` if there is nothing to estimate or a parameter is out of its bounds.
    """
    _check(items, shared, draws)
    totals = draw_totals(items, seed=seed, shared=shared, draws=draws)
    p50, p80, p95 = (_hours(float(value)) for value in np.percentile(totals, PERCENTILES))
    likely = sum((item.likely for item in items), Decimal(0))
    price = None
    loss = None
    if rate_minor is not None:
        price = (_minor(p50, rate_minor), _minor(p80, rate_minor), _minor(p95, rate_minor))
        if fee_minor is not None:
            lost = float(np.mean(totals * rate_minor > fee_minor))
            loss = Decimal(repr(lost)).quantize(Decimal("0.0001"))
    return Estimate(
        sum_likely=likely,
        mean=_hours(float(totals.mean())),
        hours=Quantiles(p50, p80, p95),
        gap=p80 - likely,
        price_minor=price,
        chance_of_loss=loss,
        shared=Decimal(repr(shared)),
        draws=draws,
        seed=seed,
    )


def draw_totals(
    items: Sequence[WorkItem], *, seed: int, shared: float = SHARED, draws: int = DRAWS
) -> NDArray[np.float64]:
    """Draw the total hours of imagined jobs.

    Returns
    -------
    ndarray of shape (draws,)
        Hours, all above zero.
    """
    low = np.log([float(item.low) for item in items])
    high = np.log([float(item.high) for item in items])
    middle, spread = (low + high) / 2, (high - low) / (2 * Z90)
    generator = np.random.default_rng(seed)
    common = generator.standard_normal(draws)
    totals = np.zeros(draws)
    # Item by item, so that a thousand items need no more memory than one.
    for mu, sigma in zip(middle, spread, strict=True):
        own = generator.standard_normal(draws)
        totals += np.exp(mu + sigma * (np.sqrt(shared) * common + np.sqrt(1 - shared) * own))
    return totals


def _check(items: Sequence[WorkItem], shared: float, draws: int) -> None:
    """Refuse what cannot be estimated."""
    if not 0 < len(items) <= MOST_ITEMS:
        message = f"An estimate needs 1 to {MOST_ITEMS} work items; this has {len(items)}."
        raise ScopingError("bad-estimate", message)
    if not 0 <= shared <= 1:
        raise ScopingError("bad-estimate", "The shared factor lies between 0 and 1. Correct it.")
    if not 100 <= draws <= 1_000_000:  # noqa: PLR2004 # the promised bounds
        raise ScopingError("bad-estimate", "Draw between 100 and 1,000,000 times.")


def _hours(value: float) -> Decimal:
    """Round hours to a tenth."""
    return Decimal(repr(value)).quantize(TENTH, ROUND_HALF_UP)


def _minor(hours: Decimal, rate_minor: int) -> int:
    """Price hours in whole minor units."""
    return int((hours * rate_minor).to_integral_value(ROUND_HALF_UP))
