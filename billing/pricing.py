"""What machine time costs: hourly rates with the days they are valid, and the cost of usage."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction

from billing.money import exponent_of
from projects.errors import DomainError

KINDS = ("cpu-hour", "gpu-hour", "machine-hour")
PLACES = 9
HOUR = 3600  # seconds


class PricingError(DomainError):
    """Raised when rates contradict each other or none is valid."""

    codes = ("bad-rate", "overlapping-rates", "bad-usage")  # and those of sums that are never sent: no-rate, …
    template = "{message}"

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message=message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Rate:
    """A price per hour, valid from the start of a day (UTC) until before another day.

    ``kind`` is ``cpu-hour``, ``gpu-hour`` or ``machine-hour``; ``machine`` names the machine
    type of a machine-hour, or narrows the other two to one type; empty means any.
    """

    kind: str
    price: Decimal
    currency: str
    valid_from: date
    valid_until: date | None = None
    machine: str = ""

    def covers(self, day: date) -> bool:
        """Say whether the rate is valid on the day."""
        return self.valid_from <= day and (self.valid_until is None or day < self.valid_until)


@dataclass(frozen=True, slots=True)
class Usage:
    """Machine time of one job: when it ran and how many seconds of each kind it used.

    ``machine_seconds`` counts whole machines of the type ``machine``.
    """

    started_at: datetime
    ended_at: datetime
    cpu_seconds: Decimal = Decimal(0)
    gpu_seconds: Decimal = Decimal(0)
    machine_seconds: Decimal = Decimal(0)
    machine: str = ""

    def seconds_by_kind(self) -> dict[str, Decimal]:
        """Return the seconds per kind that are not zero."""
        seconds = (self.cpu_seconds, self.gpu_seconds, self.machine_seconds)
        return {kind: some for kind, some in zip(KINDS, seconds, strict=True) if some}


@dataclass(frozen=True, slots=True)
class PricedPart:
    """The part of a usage that one rate priced."""

    rate: Rate
    hours: Fraction
    cost: Fraction


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of a usage; ``amount`` is the exact sum of the parts, rounded once to nine places."""

    amount: Decimal
    currency: str
    parts: tuple[PricedPart, ...]


class RateCard:
    """Rates of one currency that never contradict each other on a day."""

    def __init__(self, rates: Iterable[Rate]) -> None:
        self.rates = sorted(rates, key=lambda rate: (rate.kind, rate.machine, rate.valid_from))
        for rate in self.rates:
            _check(rate)
        for first, second in zip(self.rates, self.rates[1:], strict=False):
            _check_pair(first, second)
        if len({rate.currency for rate in self.rates}) > 1:
            message = "The rates are in several currencies. Keep one rate card per currency."
            raise PricingError("mixed-currencies", message)

    def rate_on(self, kind: str, day: date, machine: str = "") -> Rate:
        """Return the rate that is valid on a day; one for the machine type goes before any."""
        for wanted in dict.fromkeys((machine, "")):
            for rate in self.rates:
                if (rate.kind, rate.machine) == (kind, wanted) and rate.covers(day):
                    return rate
        what = f"{kind} of {machine}" if machine else kind
        message = f"No rate for a {what} is valid on {day}. Add one, then book the job again."
        raise PricingError("no-rate", message)

    def cost_of(self, usage: Usage) -> Cost:
        """Price a usage; one that runs over a change of rates is split by its time.

        Raises
        ------
        PricingError
            ``no-rate`` if a kind has no rate on a day of the usage, ``bad-usage`` if it ends
            before it starts or has negative seconds.
        """
        seconds = usage.seconds_by_kind()
        if usage.ended_at < usage.started_at or any(some < 0 for some in seconds.values()):
            message = "The usage ends before it starts, or has negative seconds. Correct it."
            raise PricingError("bad-usage", message)
        days = _share_per_day(usage)
        shares: dict[Rate, Fraction] = {}
        for kind, some in seconds.items():
            hours = Fraction(some) / HOUR
            for day, share in days:
                rate = self.rate_on(kind, day, usage.machine)
                shares[rate] = shares.get(rate, Fraction(0)) + hours * share
        parts = tuple(PricedPart(rate, hours, hours * Fraction(rate.price)) for rate, hours in shares.items())
        currency = self.rates[0].currency if self.rates else ""
        return Cost(round_fraction(sum((part.cost for part in parts), Fraction(0))), currency, parts)


def round_fraction(exact: Fraction, places: int = PLACES) -> Decimal:
    """Round an exact number half up (away from zero) to some decimal places."""
    scaled = abs(exact) * 10**places
    whole = int(scaled + Fraction(1, 2))
    return Decimal(-whole if exact < 0 else whole).scaleb(-places)


def _share_per_day(usage: Usage) -> Sequence[tuple[date, Fraction]]:
    """Return which share of the run fell on each day (UTC)."""
    start, end = usage.started_at.astimezone(UTC), usage.ended_at.astimezone(UTC)
    if start == end:
        return [(start.date(), Fraction(1))]
    whole = Fraction((end - start) // timedelta(microseconds=1))
    shares, at = [], start
    while at < end:
        midnight = datetime.combine(at.date() + timedelta(days=1), time(), UTC)
        until = min(midnight, end)
        shares.append((at.date(), Fraction((until - at) // timedelta(microseconds=1)) / whole))
        at = until
    return shares


def _check(rate: Rate) -> None:
    """Refuse a rate that cannot be meant."""
    exponent_of(rate.currency)
    is_sound = (
        rate.kind in KINDS
        and isinstance(rate.price, Decimal)
        and rate.price.is_finite()
        and rate.price >= 0
        and (rate.valid_until is None or rate.valid_from < rate.valid_until)
        and (rate.kind != "machine-hour" or bool(rate.machine))
    )
    if not is_sound:
        message = (
            f"The rate from {rate.valid_from} is not sound: it needs a kind ({', '.join(KINDS)}), "
            "a price of zero or more, an end after its start, and a machine for a machine-hour."
        )
        raise PricingError("bad-rate", message)


def _check_pair(first: Rate, second: Rate) -> None:
    """Refuse two rates for the same thing on the same day."""
    if (first.kind, first.machine) != (second.kind, second.machine):
        return
    if first.valid_until is None or second.valid_from < first.valid_until:
        message = f"Two rates for a {first.kind} are valid on {second.valid_from}. End the first one on that day."
        raise PricingError("overlapping-rates", message)


__all__ = ["Cost", "PricedPart", "PricingError", "Rate", "RateCard", "Usage", "round_fraction"]
