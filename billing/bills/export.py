"""Charges written out again: as FOCUS or as plain CSV, safe to open in a spreadsheet."""

import csv
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import IO, Any

from billing.bills.amounts import plain_text
from billing.bills.lines import FIELDS, ChargeLine
from billing.bills.tags import write_tags

RISKY = ("=", "+", "-", "@", "\t", "\r", "\n")
PLAIN_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d{1,3})?", re.ASCII)
FOCUS_COLUMNS: tuple[tuple[str, str], ...] = (
    ("BilledCost", "billed"),
    ("EffectiveCost", "effective"),
    ("ListCost", "list_cost"),
    ("ContractedCost", "contracted"),
    ("BillingCurrency", "currency"),
    ("BillingAccountId", "billing_account"),
    ("SubAccountId", "sub_account"),
    ("SubAccountName", "sub_account_name"),
    ("InvoiceId", "invoice"),
    ("BillingPeriodStart", "period_start"),
    ("BillingPeriodEnd", "period_end"),
    ("ChargePeriodStart", "usage_start"),
    ("ChargePeriodEnd", "usage_end"),
    ("ChargeCategory", "category"),
    ("ChargeDescription", "description"),
    ("ConsumedQuantity", "quantity"),
    ("ConsumedUnit", "unit"),
    ("ServiceProviderName", "provider"),
    ("ProviderName", "provider"),
    ("ServiceName", "service"),
    ("ServiceCategory", "service_category"),
    ("RegionId", "region"),
    ("ResourceId", "resource"),
    ("ResourceName", "resource_name"),
    ("SkuId", "sku"),
    ("Tags", "tags"),
)
FOCUS_CATEGORIES = {"refund": "Adjustment", "other": "Usage"}


def safe_cell(text: str) -> str:
    """Disarm a cell that a spreadsheet would run as a formula; plain numbers stay."""
    if text.startswith(RISKY) and not PLAIN_NUMBER.fullmatch(text):
        return f"'{text}"
    return text


def cell_of(value: Any) -> str:
    """Write one value of a charge as the text of a cell, with all its digits."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return plain_text(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict):
        return write_tags(value) if value else ""
    return safe_cell(str(value))


def write_csv(stream: IO[str], lines: Iterable[ChargeLine], fields: Sequence[str] = ("row", *FIELDS)) -> int:
    """Write charges as CSV with the given fields; returns the number of rows."""
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow([safe_cell(name) for name in fields])
    count = 0
    for line in lines:
        writer.writerow([cell_of(getattr(line, name)) for name in fields])
        count += 1
    return count


def write_focus(stream: IO[str], lines: Iterable[ChargeLine]) -> int:
    """Write charges with the columns of FOCUS 1.3; returns the number of rows."""
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow([name for name, _ in FOCUS_COLUMNS])
    count = 0
    for line in lines:
        writer.writerow([_focus_cell(line, field) for _, field in FOCUS_COLUMNS])
        count += 1
    return count


def _focus_cell(line: ChargeLine, field: str) -> str:
    """Write one cell as the specification asks: moments with a Z, words with a capital."""
    value = getattr(line, field)
    if field == "category":
        return FOCUS_CATEGORIES.get(value, str(value).capitalize())
    if isinstance(value, date) and not isinstance(value, datetime):
        return f"{value.isoformat()}T00:00:00Z"
    return cell_of(value)
