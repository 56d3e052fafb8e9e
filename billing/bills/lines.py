"""One charge of a bill, the same value whatever format it came from."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

AMOUNTS = ("billed", "effective", "list_cost", "contracted")
CATEGORIES = ("usage", "purchase", "tax", "credit", "refund", "adjustment", "other")


@dataclass(frozen=True, slots=True)
class ChargeLine:
    """One row of a bill. Texts are empty when the bill has none, amounts and dates are None.

    ``billed`` is what the invoice asks (cash), ``effective`` spreads prepayments over their use;
    never add the two. ``credits`` is the part of ``billed`` that came as credits inside the row
    (GCP only); other bills carry credits as rows of their own. Periods and usage end exclusively.
    Amounts keep every digit of the file.
    """

    row: int
    provider: str = ""
    billing_account: str = ""
    sub_account: str = ""
    sub_account_name: str = ""
    invoice: str = ""
    period_start: date | None = None
    period_end: date | None = None
    usage_start: datetime | None = None
    usage_end: datetime | None = None
    category: str = "usage"
    service: str = ""
    service_category: str = ""
    region: str = ""
    resource: str = ""
    resource_name: str = ""
    sku: str = ""
    description: str = ""
    quantity: Decimal | None = None
    unit: str = ""
    tags: Mapping[str, str] | None = None
    billed: Decimal | None = None
    effective: Decimal | None = None
    list_cost: Decimal | None = None
    contracted: Decimal | None = None
    credits: Decimal | None = None
    currency: str = ""


FIELDS: tuple[str, ...] = tuple(ChargeLine.__dataclass_fields__)[1:]
NULLABLE = frozenset({"period_start", "period_end", "usage_start", "usage_end", "quantity", "credits", *AMOUNTS})
DECIMALS = frozenset({"quantity", "credits", *AMOUNTS})
# The file of lines has one column per field; every amount has its integer of 1e-9 units beside it.
LINES_FILE = "lines.csv"
STORED = (*AMOUNTS, "credits")
NANOS: tuple[str, ...] = tuple(f"{name}_nano" for name in STORED)
LINE_COLUMNS: tuple[str, ...] = ("row", *FIELDS, *NANOS, "rule_id")
NULL_COLUMNS = frozenset({*NULLABLE, *NANOS, "rule_id"})
# In bytes: PostgreSQL keeps no more than 2,704 in an index; identifiers of AWS end at 2,048.
LONGEST_TEXTS = {"billing_account": 2_000, "resource": 2_500, "sku": 2_500, "currency": 16}
