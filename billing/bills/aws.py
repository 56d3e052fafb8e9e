"""The AWS Cost and Usage Report: the old one with slashes and Data Exports with underscores."""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from billing.bills import amounts
from billing.bills.columns import (
    Amount,
    Category,
    Day,
    Layout,
    Moment,
    Reader,
    Same,
    TagColumns,
    Tags,
    Text,
)

if TYPE_CHECKING:
    from billing.bills.batches import Batch
    from billing.bills.coded import Amounts

TAG_PREFIXES = ("resourcetags/user:", "resourcetags/aws:")
NEEDED = {"line_item_unblended_cost", "line_item_line_item_type", "line_item_usage_start_date"}
TEXTS = {
    "billing_account": ("bill_payer_account_id",),
    "sub_account": ("line_item_usage_account_id",),
    "sub_account_name": ("line_item_usage_account_name",),
    "invoice": ("bill_invoice_id",),
    "service": ("product_product_name", "line_item_product_code"),
    "service_category": ("product_product_family",),
    "region": ("product_region_code", "product_region"),
    "resource": ("line_item_resource_id",),
    "sku": ("product_sku",),
    "description": ("line_item_line_item_description",),
    "unit": ("pricing_unit",),
    "currency": ("line_item_currency_code",),
}
AMOUNTS = {
    "billed": "line_item_unblended_cost",
    "list_cost": "pricing_public_on_demand_cost",
    "contracted": "line_item_net_unblended_cost",
    "quantity": "line_item_usage_amount",
}
MOMENTS = {"usage_start": "line_item_usage_start_date", "usage_end": "line_item_usage_end_date"}
DAYS = {"period_start": "bill_billing_period_start_date", "period_end": "bill_billing_period_end_date"}
WORDS = {
    **dict.fromkeys(("usage", "discountedusage", "savingsplancoveredusage"), "usage"),
    **dict.fromkeys(("fee", "rifee", "savingsplanrecurringfee", "savingsplanupfrontfee"), "purchase"),
    **dict.fromkeys(("edpdiscount", "sppdiscount", "privateratediscount", "rivolumediscount"), "adjustment"),
    **dict.fromkeys(("bundleddiscount", "savingsplannegation", "discount"), "adjustment"),
    "tax": "tax",
    "credit": "credit",
    "refund": "refund",
}
# What a row costs when prepayments are spread over their use: sum of (column, sign).
Spread = dict[str, tuple[tuple[str, int], ...]]
RESERVATIONS: Spread = {
    "discountedusage": (("reservation_effective_cost", 1),),
    "rifee": (
        ("reservation_unused_amortized_upfront_fee_for_billing_period", 1),
        ("reservation_unused_recurring_fee", 1),
    ),
}
SAVINGS_PLANS: Spread = {
    "savingsplancoveredusage": (("savings_plan_savings_plan_effective_cost", 1),),
    "savingsplanrecurringfee": (
        ("savings_plan_total_commitment_to_date", 1),
        ("savings_plan_used_commitment", -1),
    ),
    "savingsplannegation": (),
    "savingsplanupfrontfee": (),
}


def snake(name: str) -> str:
    """Bring ``lineItem/UnblendedCost`` and ``line_item_unblended_cost`` to one spelling."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip().replace("/", "_"))
    return re.sub("_+", "_", spaced).casefold()


def detect(header: Sequence[str]) -> bool:
    """Say whether a header is of a Cost and Usage Report."""
    return {snake(name) for name in header} >= NEEDED


def layout(header: Sequence[str]) -> Layout:
    """Map a CUR header, whose columns change from month to month, to readers."""
    at: dict[str, int] = {}
    for index, name in enumerate(header):
        at.setdefault(snake(name), index)
    fields: dict[str, Reader] = {"provider": Same("AWS")}
    for field, names in TEXTS.items():
        found = tuple(at[name] for name in names if name in at)
        if found:
            fields[field] = Text(found)
    fields |= {field: Amount(at[name]) for field, name in AMOUNTS.items() if name in at}
    fields |= {field: Moment(at[name]) for field, name in MOMENTS.items() if name in at}
    fields |= {field: Day(Moment(at[name])) for field, name in DAYS.items() if name in at}
    kind = at["line_item_line_item_type"]
    fields["category"] = Category(kind, WORDS)
    fields["effective"] = Effective(kind, at)
    fields |= _tags(header, at)
    version = "legacy" if any("/" in name for name in header) else "2.0"
    return Layout("aws-cur", version, f"AWS CUR ({version})", tuple(header), fields)


def _tags(header: Sequence[str], at: dict[str, int]) -> dict[str, Reader]:
    """Find the tags: a column per key, or one column of JSON."""
    if "resource_tags" in at:
        return {"tags": Tags(at["resource_tags"])}
    keys: dict[int, str] = {}
    for index, name in enumerate(header):
        for prefix in TAG_PREFIXES:
            if name.casefold().startswith(prefix):
                key = name[len(prefix) :]
                keys[index] = key if prefix.endswith("user:") else f"aws:{key}"
    return {"tags": TagColumns(keys)} if keys else {}


class Effective:
    """The amortised cost of a row, by its type, after AWS's own rules; the billed one where a column for it lacks."""

    def __init__(self, kind: int, at: dict[str, int]) -> None:
        self.kind = kind
        self.parts: dict[str, list[tuple[Amount, int]]] = {}
        for spread in (RESERVATIONS, SAVINGS_PLANS):
            if all(name in at for parts in spread.values() for name, _ in parts):
                self.parts |= {
                    word: [(Amount(at[name]), sign) for name, sign in parts] for word, parts in spread.items()
                }
        arn = at.get("reservation_reservation_a_r_n", at.get("reservation_reservation_arn"))
        self.reservation = arn if "rifee" in self.parts else None

    def __call__(self, batch: "Batch") -> "Amounts":
        """Return one value per row of the batch."""
        billed: Amounts = batch.column("billed")
        kinds = batch.raw(self.kind).map(lambda cell: cell.strip().casefold())
        rows = kinds.where(lambda kind: kind in self.parts)
        if self.reservation is not None:
            # An upfront fee is spread over the usage it covers.
            reserved = batch.raw(self.reservation).where(str.strip)
            rows |= kinds.where(lambda kind: kind == "fee") & reserved
        words = [(row, kinds.values[kinds.codes[row]]) for row in rows.nonzero()[0].tolist()]
        return billed.replaced(rows, [self._sum(batch, row, kind) for row, kind in words])

    def _sum(self, batch: "Batch", row: int, kind: str) -> Decimal:
        total = Decimal(0)
        for amount, sign in self.parts.get(kind, ()):
            try:
                part = amount.read(batch.cell(amount.index, row))
            except ValueError:
                raise batch.broken_cell(amount.index, amount.read, "bad-amount", "an amount") from None
            total = amounts.EXACT.add(total, sign * (part or Decimal(0)))
        return total
