"""Money in whole minor units with its currency, and shares that add up to the last unit.

An amount that is owed or paid is a :class:`Money`: an integer count of the smallest unit of its
currency. Amounts of a provider's bill are finer than that; they stay ``Decimal`` until one
rounding, half up, at the line of an invoice. Floats are refused everywhere.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from fractions import Fraction
from math import lcm
from typing import TypeVar

from billing.currencies import EXPONENTS
from projects.errors import DomainError

Share = TypeVar("Share", int, Decimal, "Money")

WIDE = Context(prec=200, rounding=ROUND_HALF_UP)
GROUP_SIGNS = str.maketrans("", "", " \u00a0\u202f\u2009'\u2019")
GROUPED = re.compile(r"\d{1,3}([.,])\d{3}(?:\1\d{3})*")
PLAIN = re.compile(r"\d+|\d*[.,]\d+|\d+[.,]")


class MoneyError(DomainError):
    """Raised when an amount cannot be read or two amounts do not go together."""

    codes = ("unknown-currency",)  # the other faults are of a program, not of what was sent
    template = "{message}"

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message=message)
        self.code = code


def exponent_of(currency: str) -> int:
    """Return how many decimal places the currency has (EUR 2, JPY 0, KWD 3)."""
    try:
        return EXPONENTS[currency]
    except KeyError:
        message = f"“{currency}” is not a currency code of ISO 4217. Use three capitals such as EUR."
        raise MoneyError("unknown-currency", message) from None


@dataclass(frozen=True, slots=True)
class Money:
    """An amount of one currency, held as an integer count of its minor unit."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if isinstance(self.minor, bool) or not isinstance(self.minor, int):
            message = "Money counts whole minor units. Give an int, or a Decimal to Money.of."
            raise MoneyError("not-an-integer", message)
        exponent_of(self.currency)

    @classmethod
    def of(cls, amount: Decimal | int | str, currency: str) -> "Money":
        """Make money of an amount that fits the currency exactly; never rounds."""
        exact = _exact(amount)
        money = cls.rounded(exact, currency)
        if money.amount != exact:
            message = (
                f"{exact} has more decimal places than {currency} allows ({exponent_of(currency)}). Round it first."
            )
            raise MoneyError("too-many-places", message)
        return money

    @classmethod
    def rounded(cls, amount: Decimal | int | str, currency: str) -> "Money":
        """Make money of an amount, rounded half up (away from zero) to the minor unit."""
        scaled = _exact(amount).scaleb(exponent_of(currency), WIDE)
        return cls(int(scaled.to_integral_value(ROUND_HALF_UP, WIDE)), currency)

    @classmethod
    def zero(cls, currency: str) -> "Money":
        """Return nothing, in the currency."""
        return cls(0, currency)

    @classmethod
    def parse(cls, text: str, currency: str) -> "Money":
        """Read an amount as a person types it; what could mean two things is refused.

        ``1,234.56``, ``1.234,56``, ``1 234.56``, ``1234,5`` and ``EUR 12`` are clear.
        ``1,234`` and ``1.234`` are not.
        """
        return cls.of(_typed_amount(text, currency), currency)

    @property
    def amount(self) -> Decimal:
        """The amount in the currency's main unit, with all its decimal places."""
        return Decimal(self.minor).scaleb(-exponent_of(self.currency), WIDE)

    def format(self) -> str:
        """Write the amount for people, with its code: ``1,234.50 EUR``."""
        return f"{self.amount:,.{exponent_of(self.currency)}f} {self.currency}"

    def __str__(self) -> str:
        return self.format()

    def __bool__(self) -> bool:
        return self.minor != 0

    def __neg__(self) -> "Money":
        return Money(-self.minor, self.currency)

    def __abs__(self) -> "Money":
        return Money(abs(self.minor), self.currency)

    def __add__(self, other: "Money") -> "Money":
        return Money(self.minor + self._same(other), self.currency)

    def __radd__(self, other: int) -> "Money":
        # sum() starts with the number 0; no other number may be added to money.
        if isinstance(other, int) and not isinstance(other, bool) and other == 0:
            return self
        self._same(other)
        return self

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.minor - self._same(other), self.currency)

    def __mul__(self, factor: int | Decimal) -> "Money":
        """Multiply by a number and round half up to the minor unit."""
        exact = WIDE.multiply(Decimal(self.minor), _exact(factor))
        return Money(int(exact.to_integral_value(ROUND_HALF_UP, WIDE)), self.currency)

    __rmul__ = __mul__

    def __lt__(self, other: "Money") -> bool:
        return self.minor < self._same(other)

    def __le__(self, other: "Money") -> bool:
        return self.minor <= self._same(other)

    def __gt__(self, other: "Money") -> bool:
        return self.minor > self._same(other)

    def __ge__(self, other: "Money") -> bool:
        return self.minor >= self._same(other)

    def _same(self, other: object) -> int:
        """Return the other's minor units, if it is money of the same currency."""
        if not isinstance(other, Money):
            message = f"{self} and {other!r} do not go together: the second is not money."
            raise MoneyError("not-money", message)
        if other.currency != self.currency:
            message = f"{self} and {other} are in two currencies. Convert one of them first."
            raise MoneyError("mixed-currencies", message)
        return other.minor


def share_out(total: Share, weights: Sequence[int | Decimal]) -> list[Share]:
    """Split a total by weights so that the parts add up to it exactly.

    Every part is its exact share, cut to the last unit of the total (the last digit of a
    ``Decimal``, the minor unit of money); the units left over go, one each, to the largest
    remainders, earlier parts first. A weight of zero gets nothing.

    Raises
    ------
    MoneyError
        If a weight is negative or a float, or no weight is above zero.
    """
    exact = [weight if type(weight) is int else Fraction(_exact(weight)) for weight in weights]
    if not exact or min(exact) < 0 or not any(exact):
        message = "Shares need at least one weight above zero and none below. Change the weights."
        raise MoneyError("bad-weights", message)
    if isinstance(total, Money):
        return [Money(part, total.currency) for part in _share_units(total.minor, exact)]
    if isinstance(total, Decimal):
        return _share_decimal(total, exact)
    if isinstance(total, bool) or not isinstance(total, int):
        message = f"{total!r} cannot be shared out. Give an int, a Decimal or Money."
        raise MoneyError("not-an-integer", message)
    return _share_units(total, exact)


def _share_decimal(total: Decimal, weights: list[int | Fraction]) -> list[Decimal]:
    """Share a decimal in units of its last digit, which every part keeps."""
    exponent = _exact(total).as_tuple().exponent
    places = min(int(exponent), 0)
    units = int(total.scaleb(-places, WIDE))
    with localcontext(WIDE):
        return [Decimal(part).scaleb(places) for part in _share_units(units, weights)]


def _share_units(total: int, weights: list[int | Fraction]) -> list[int]:
    """Share whole units by largest remainder; a negative total is shared like a positive one."""
    sign = -1 if total < 0 else 1
    scale = lcm(*(weight.denominator for weight in weights))
    whole = [int(weight * scale) for weight in weights]  # in proportion, and exact
    sum_of_all = sum(whole)
    parts, rests = map(list, zip(*(divmod(abs(total) * weight, sum_of_all) for weight in whole), strict=True))
    left = abs(total) - sum(parts)
    for index in sorted(range(len(parts)), key=lambda i: (-rests[i], i))[:left]:
        parts[index] += 1
    return [sign * part for part in parts]


def _exact(amount: Decimal | int | str) -> Decimal:
    """Return a finite decimal; floats and booleans are no money."""
    if isinstance(amount, float | bool):
        message = f"{amount!r} is not exact. Give a Decimal, an int or a text."
        raise MoneyError("float-refused", message)
    try:
        exact = Decimal(amount)
    except ArithmeticError as error:
        message = f"“{amount}” is not a number. Write it like 1234.56."
        raise MoneyError("not-a-number", message) from error
    if not exact.is_finite():
        message = f"“{amount}” is not a finite number. Write it like 1234.56."
        raise MoneyError("not-a-number", message)
    return exact


def _typed_amount(text: str, currency: str) -> Decimal:
    """Read the number that a person typed, with or without the currency's code."""
    body = text.strip()
    for code in (currency, currency.lower()):
        body = body.removeprefix(code).removesuffix(code).strip()
    sign = -1 if body[:1] in {"-", "\u2212"} else 1
    body = body[1:] if body[:1] in {"+", "-", "\u2212"} else body
    body = body.translate(GROUP_SIGNS)
    if not body.isascii() or len(body) > 40:  # noqa: PLR2004 # longer than any sum of money
        raise _unreadable(text)
    return sign * Decimal(_to_dot(body, text))


def _to_dot(body: str, text: str) -> str:
    """Bring digits, dots and commas to one plain number with a dot."""
    if "," in body and "." in body:
        group, point = (",", ".") if body.rindex(".") > body.rindex(",") else (".", ",")
        whole, _, rest = body.rpartition(point)
        if GROUPED.fullmatch(whole) and point not in whole and rest.isdigit():
            return f"{whole.replace(group, '')}.{rest}"
        raise _unreadable(text)
    grouped = GROUPED.fullmatch(body)
    if grouped and body.count(grouped[1]) > 1:
        return body.replace(grouped[1], "")
    if grouped and not body.startswith("0"):
        joined, pointed = re.sub("[.,]", "", body), body.replace(",", ".")
        message = f"“{text}” could mean {joined} or {pointed}. Write {joined} or {pointed}0."
        raise MoneyError("ambiguous-amount", message)
    if PLAIN.fullmatch(body):
        return body.replace(",", ".")
    raise _unreadable(text)


def _unreadable(text: str) -> MoneyError:
    """Say that a typed amount is not one."""
    shown = text if len(text) <= 40 else f"{text[:40]}…"  # noqa: PLR2004 # enough to recognise it
    return MoneyError("not-a-number", f"“{shown}” is not an amount. Write it like 1234.56.")
