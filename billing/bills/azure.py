"""Azure cost exports: Enterprise Agreement and Microsoft Customer Agreement, old names and new."""

from collections.abc import Sequence

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

COSTS = ("costinbillingcurrency", "cost", "pretaxcost")
DATES = ("date", "usagedatetime", "usagedate")
TEXTS = {
    "billing_account": ("billingaccountid", "billingaccount", "enrollmentnumber"),
    "sub_account": ("subscriptionid", "subscriptionguid"),
    "sub_account_name": ("subscriptionname",),
    "invoice": ("invoiceid",),
    "service": ("metercategory",),
    "service_category": ("servicefamily",),
    "region": ("resourcelocation", "resourcelocationnormalized", "meterregion"),
    "resource": ("resourceid", "instanceid"),
    "resource_name": ("resourcename",),
    "sku": ("meterid",),
    "description": ("product", "productname", "metername"),
    "unit": ("unitofmeasure",),
    "currency": ("billingcurrency", "billingcurrencycode", "currency", "currencycode"),
}
WORDS = {
    "usage": "usage",
    "purchase": "purchase",
    "tax": "tax",
    "credit": "credit",
    "refund": "refund",
    "adjustment": "adjustment",
    "roundingadjustment": "adjustment",
    "unusedreservation": "usage",
    "unusedsavingsplan": "usage",
}


def fold(name: str) -> str:
    """Bring ``Billing Currency`` and ``billingCurrency`` to one spelling."""
    return "".join(name.split()).replace("_", "").casefold()


def detect(header: Sequence[str]) -> bool:
    """Say whether a header is of an Azure cost export."""
    names = {fold(name) for name in header}
    return "metercategory" in names and bool(names & set(COSTS)) and bool(names & set(DATES))


def layout(header: Sequence[str], *, basis: str) -> Layout:
    """Map an Azure header; ``basis`` says whether its one cost is actual or amortised."""
    at: dict[str, int] = {}
    for index, name in enumerate(header):
        at.setdefault(fold(name), index)
    fields: dict[str, Reader] = {"provider": Same("Microsoft")}
    for field, names in TEXTS.items():
        found = tuple(at[name] for name in names if name in at)
        if found:
            fields[field] = Text(found)
    cost = Amount(next(at[name] for name in COSTS if name in at))
    fields["effective" if basis == "amortised" else "billed"] = cost
    if "paygcostinbillingcurrency" in at:
        fields["list_cost"] = Amount(at["paygcostinbillingcurrency"])
    quantity = at.get("quantity", at.get("usagequantity"))
    if quantity is not None:
        fields["quantity"] = Amount(quantity)
    if "chargetype" in at:
        fields["category"] = Category(at["chargetype"], WORDS)
    if "tags" in at:
        fields["tags"] = Tags(at["tags"])
    fields |= _dates(at)
    title = f"Azure cost export ({basis})"
    return Layout("azure", basis, title, tuple(header), fields)


def _dates(at: dict[str, int]) -> dict[str, Reader]:
    """Read the day and the period; Azure writes the month first and the last day inclusively."""
    day = Moment(next(at[name] for name in DATES if name in at), order="mdy")
    fields: dict[str, Reader] = {
        "usage_start": day,
        "usage_end": Derived("usage_start", day_after),
        "period_start": Derived("usage_start", month_of),
        "period_end": Derived("usage_start", month_after),
    }
    if {"billingperiodstartdate", "billingperiodenddate"} <= at.keys():
        fields["period_start"] = Day(Moment(at["billingperiodstartdate"], "mdy"))
        fields["period_end"] = Day(Moment(at["billingperiodenddate"], "mdy", days=1))
    return fields
