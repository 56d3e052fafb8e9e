"""Amounts of a bill: exact decimals of the source text, and whole nano-units for SQL sums.

A database column keeps an amount twice: as text (:func:`plain_text`, every digit) and as a
64-bit integer of 1e-9 units (:func:`to_nanos`) so that SQL can filter, sort and sum it on
SQLite as on PostgreSQL. One amount may reach ±9,223,372,036.854775807, and so may the sum of
the amounts in one SQL ``SUM`` on SQLite. A nano-sum is off by at most 5e-10 per row; what is
reconciled or invoiced is summed from the text.
"""

import re
from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal, Inexact, InvalidOperation, localcontext

from billing.bills.errors import BillError

NANO_PLACES = 9
NANO_BOUND = 2**63 - 1
LONGEST = 64  # characters of an amount; real bills reach 31
FINEST, LARGEST = -48, 24  # decimal exponents; real bills reach -28 and 12
NULLS = frozenset({"", "NULL", "null", "Null"})

EXACT = Context(prec=400, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, Inexact])
ROUNDING = Context(prec=400, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation])
NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)


def plain_text(amount: Decimal) -> str:
    """Write an amount with all its digits and no exponent."""
    return format(amount, "f")


def to_nanos(amount: Decimal) -> int:
    """Return the amount in 1e-9 units, half to even; see the module for the bound."""
    nanos = int(amount.scaleb(NANO_PLACES, ROUNDING).to_integral_value(ROUND_HALF_EVEN))
    if not -NANO_BOUND <= nanos <= NANO_BOUND:
        message = f"The amount {amount} is beyond ±9.2 billion. Check the column; is it an amount?"
        raise BillError("amount-out-of-range", message)
    return nanos


def from_nanos(nanos: int) -> Decimal:
    """Return nano-units as a decimal with nine places."""
    return Decimal(nanos).scaleb(-NANO_PLACES, EXACT)


def add(total: Decimal, amounts: Sequence[Decimal]) -> Decimal:
    """Add amounts to a total, exactly."""
    with localcontext(EXACT):
        return sum(amounts, total)


def read_amount(text: str, *, group: str = "", point: str = ".") -> Decimal | None:
    """Read one amount; None for a null, ValueError for what is no amount."""
    body = text.strip()
    if body in NULLS:
        return None
    if group:
        body = body.replace(group, "")
    if point != ".":
        body = body.replace(point, ".")
    if len(body) > LONGEST or not NUMBER.fullmatch(body):
        raise ValueError(text)
    amount = Decimal(body)
    exponent = int(amount.as_tuple().exponent)
    if exponent < FINEST or amount.adjusted() > LARGEST:
        raise ValueError(text)
    return amount
