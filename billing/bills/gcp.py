"""Google Cloud: the BigQuery export as CSV, the console's cost table, and plain line items."""

import json
import re
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from billing.bills import amounts, dates
from billing.bills.columns import (
    Amount,
    Category,
    Day,
    Derived,
    Layout,
    Moment,
    Reader,
    Same,
    Tags,
    Text,
    day_after,
    month_after,
    month_of,
)
from billing.bills.errors import BillError

if TYPE_CHECKING:
    from billing.bills.batches import Batch
    from billing.bills.coded import Amounts, Coded

LINE_ITEMS = {"date", "project_id", "line_item", "cost"}
EXPORT = {"cost", "usage_start_time", "service_description"}
TABLE = {"billing account name", "cost type", "service description"}
TEXTS = {
    "billing_account": ("billing_account_id",),
    "sub_account": ("project_id",),
    "sub_account_name": ("project_name",),
    "service": ("service_description", "service_id"),
    "region": ("location_region", "location_location"),
    "resource": ("resource_global_name", "resource_name"),
    "sku": ("sku_id",),
    "description": ("sku_description",),
    "unit": ("usage_unit",),
    "currency": ("currency",),
}
TABLE_TEXTS = {
    "billing_account": ("billing account id",),
    "sub_account": ("project id",),
    "sub_account_name": ("project name",),
    "service": ("service description", "service id"),
    "sku": ("sku id",),
    "description": ("sku description",),
    "unit": ("usage unit",),
}
WORDS = {"regular": "usage", "usage": "usage", "tax": "tax"} | dict.fromkeys(
    ("adjustment", "rounding_error", "rounding error"), "adjustment"
)
CREDIT = re.compile(r"'amount'\s*:\s*(?:Decimal\()?'?(-?[0-9.]+(?:[eE][+-]?\d+)?)")


def fold(name: str) -> str:
    """Bring ``service.description`` and ``service_description`` to one spelling."""
    return name.strip().replace(".", "_").casefold()


def detect_items(header: Sequence[str]) -> bool:
    """Say whether a header is of daily line items per project."""
    return {fold(name) for name in header} >= LINE_ITEMS


def detect_export(header: Sequence[str]) -> bool:
    """Say whether a header is of the BigQuery billing export."""
    return {fold(name) for name in header} >= EXPORT


def detect_table(header: Sequence[str]) -> bool:
    """Say whether a header is of the console's cost table."""
    return {name.strip().casefold() for name in header} >= TABLE


def layout_items(header: Sequence[str], *, currency: str | None) -> Layout:
    """Map daily line items; they carry no currency, Google's own is the dollar."""
    at = {fold(name): index for index, name in enumerate(header)}
    day = Moment(at["date"])
    fields: dict[str, Reader] = {
        "provider": Same("Google Cloud"),
        "sub_account": Text((at["project_id"],)),
        "description": Text(tuple(at[name] for name in ("description", "line_item") if name in at)),
        "sku": Text((at["line_item"],)),
        "usage_start": day,
        "usage_end": Derived("usage_start", day_after),
        "period_start": Derived("usage_start", month_of),
        "period_end": Derived("usage_start", month_after),
        "billed": Amount(at["cost"]),
    }
    if "category" in at:
        fields["service"] = Text((at["category"],))
    notes: tuple[tuple[str, str], ...] = ()
    if "currency" in at:
        fields["currency"] = Text((at["currency"],))
    else:
        fields["currency"] = Same(currency or "USD")
        if not currency:
            sentence = "The file names no currency; USD is assumed. Give another if it is wrong."
            notes = (("currency-assumed", sentence),)
    return Layout("gcp-items", "", "Google Cloud line items", tuple(header), fields, notes=notes)


def layout_export(header: Sequence[str]) -> Layout:
    """Map the BigQuery export; billed is cost and credits together, by invoice month."""
    at = {fold(name): index for index, name in enumerate(header)}
    fields: dict[str, Reader] = {"provider": Same("Google Cloud"), "billed": Net(at["cost"])}
    for field, names in TEXTS.items():
        found = tuple(at[name] for name in names if name in at)
        if found:
            fields[field] = Text(found)
    if "cost_at_list" in at:
        fields["list_cost"] = Amount(at["cost_at_list"])
    if "credits" in at:
        fields["credits"] = Credits(at["credits"])
    if "usage_amount" in at:
        fields["quantity"] = Amount(at["usage_amount"])
    if "cost_type" in at:
        fields["category"] = Category(at["cost_type"], WORDS)
    if "labels" in at:
        fields["tags"] = Tags(at["labels"])
    fields["usage_start"] = Moment(at["usage_start_time"])
    if "usage_end_time" in at:
        fields["usage_end"] = Moment(at["usage_end_time"])
    if "invoice_month" in at:
        month = Moment(at["invoice_month"])
        fields["period_start"] = Day(month)
        fields["period_end"] = Derived("period_start", lambda day: day and dates.next_month(day))
    else:
        fields["period_start"] = Derived("usage_start", month_of)
        fields["period_end"] = Derived("usage_start", month_after)
    return Layout("gcp-export", "", "Google Cloud billing export", tuple(header), fields)


class Net:
    """Cost plus the row's own credits."""

    def __init__(self, index: int) -> None:
        self.cost = Amount(index)

    def __call__(self, batch: "Batch") -> "Amounts":
        """Return one value per row of the batch."""
        cost, credits_ = self.cost(batch), batch.column("credits")
        rows = ~credits_.zero & ~credits_.missing
        if not rows.any():
            return cost
        pairs = zip(cost.at(rows), credits_.at(rows), strict=True)
        plus = amounts.EXACT.add
        return cost.replaced(rows, [plus(cash or Decimal(0), credit) for cash, credit in pairs])


class Credits:
    """The sum of the credits that stand inside a row, as JSON or as Python writes a list."""

    def __init__(self, index: int) -> None:
        self.index = index

    def __call__(self, batch: "Batch") -> "Amounts":
        """Return one value per row of the batch."""
        return batch.amounts(self.index, self.read, plain=False, what="a list of credits")

    def read(self, cell: str) -> Decimal | None:
        """Add up one cell's credits."""
        body = cell.strip()
        if body in amounts.NULLS or body == "[]":
            return None
        try:
            found = json.loads(body, parse_float=str, parse_int=str)
            texts = [str(credit["amount"]) for credit in found]
        except (TypeError, KeyError, RecursionError):
            raise ValueError(cell) from None
        except ValueError:
            texts = CREDIT.findall(body)
            if len(texts) != body.count("'amount'"):
                raise
        parts = [amounts.read_amount(text) or Decimal(0) for text in texts]
        return amounts.add(Decimal(0), parts)


def layout_table(header: Sequence[str], preamble: Sequence[Sequence[str]]) -> Layout:
    """Map the console's cost table, whose currency and month stand in lines above it."""
    at: dict[str, int] = {}
    for index, name in enumerate(header):
        at.setdefault(re.sub(r"\s*\(.*\)$", "", name.strip().casefold()), index)
    above = {row[0].strip().casefold(): row[1].strip() for row in preamble if len(row) > 1}
    cost = at.get("unrounded cost", at.get("cost"))
    if cost is None:
        message = "The cost table has no column “Cost” or “Unrounded cost”. Download it again."
        raise BillError("missing-column", message)
    if not above.get("currency"):
        message = "The lines above the cost table name no currency. Download it again, untouched."
        raise BillError("missing-currency", message)
    kind, credit = at["cost type"], at.get("credit type")
    fields: dict[str, Reader] = {
        "provider": Same("Google Cloud"),
        "billed": Amount(cost, group=","),
        "category": TableCategory(kind, credit),
        "currency": Same(above["currency"]),
        "invoice": Same(above.get("invoice number", "")),
    }
    for field, names in TABLE_TEXTS.items():
        found = tuple(at[name] for name in names if name in at)
        if found:
            fields[field] = Text(found)
    if "usage amount" in at:
        fields["quantity"] = Amount(at["usage amount"], group=",")
    fields |= _table_dates(at, above.get("invoice date", ""))
    return Layout(
        "gcp-table", "", "Google Cloud cost table", tuple(header), fields,
        skip=SkipTotals(kind), grown=True,
    )  # fmt: skip


def _table_dates(at: dict[str, int], invoice_date: str) -> dict[str, Reader]:
    """Read usage dates, and the period from the invoice's date."""
    fields: dict[str, Reader] = {}
    if "usage start date" in at:
        fields["usage_start"] = Moment(at["usage start date"])
    if "usage end date" in at:
        fields["usage_end"] = Moment(at["usage end date"], days=1)
    try:
        month: date | None = dates.month_start(dates.read_moment(invoice_date).date())
    except ValueError:
        month = None
    if month:
        fields["period_start"] = Same(month)
        fields["period_end"] = Same(dates.next_month(month))
    elif "usage_start" in fields:
        fields["period_start"] = Derived("usage_start", month_of)
        fields["period_end"] = Derived("usage_start", month_after)
    return fields


class TableCategory:
    """A credit has a credit type; the rest is told by the cost type."""

    def __init__(self, kind: int, credit: int | None) -> None:
        self.kind = Category(kind, WORDS)
        self.credit = credit

    def __call__(self, batch: "Batch") -> "Coded":
        """Return one value per row of the batch."""
        kinds = self.kind(batch)
        if self.credit is None:
            return kinds
        return kinds.join(batch.raw(self.credit), lambda kind, credit: "credit" if credit.strip() else kind)


class SkipTotals:
    """The row that repeats the whole table as its total."""

    def __init__(self, kind: int) -> None:
        self.kind = kind

    def __call__(self, row: Sequence[str]) -> str | None:
        """Return why the row is no charge, or None."""
        if row[self.kind].strip().casefold() == "total":
            return "total"
        return None
