"""A piece of work and what it may take; what is drawn from it is in ``estimates``."""

from dataclasses import dataclass
from decimal import Decimal

from projects.scoping.errors import ScopingError

MOST_HOURS = 100_000


@dataclass(frozen=True, slots=True)
class WorkItem:
    """One piece of work in hours: 10 % of cases end below ``low``, 10 % above ``high``."""

    title: str
    low: Decimal
    likely: Decimal
    high: Decimal

    def __post_init__(self) -> None:
        points = (self.low, self.likely, self.high)
        is_sound = all(isinstance(p, Decimal) and p.is_finite() for p in points)
        if not is_sound or not 0 < self.low <= self.likely <= self.high <= MOST_HOURS:
            message = f"“{self.title}” needs 0 < low ≤ likely ≤ high ≤ {MOST_HOURS} hours. Correct its three points."
            raise ScopingError("bad-estimate", message)
