"""FOCUS, the open specification of bills, versions 0.5 to 1.4, told apart by their columns."""

from collections.abc import Sequence

from billing.bills.columns import Amount, Category, Day, Layout, Moment, Reader, Tags, Text

WORDS = {name: name for name in ("usage", "purchase", "tax", "credit", "adjustment", "refund")}
# field of ChargeLine -> columns that may fill it, the first that is not empty wins
TEXTS = {
    "provider": ("ServiceProviderName", "ProviderName", "HostProviderName", "PublisherName"),
    "billing_account": ("BillingAccountId",),
    "sub_account": ("SubAccountId",),
    "sub_account_name": ("SubAccountName",),
    "invoice": ("InvoiceId",),
    "service": ("ServiceName",),
    "service_category": ("ServiceCategory",),
    "region": ("RegionId", "RegionName", "Region"),
    "resource": ("ResourceId",),
    "resource_name": ("ResourceName",),
    "sku": ("SkuId", "SkuPriceId"),
    "description": ("ChargeDescription",),
    "unit": ("ConsumedUnit", "UsageUnit", "PricingUnit"),
    "currency": ("BillingCurrency",),
}
AMOUNTS = {
    "billed": ("BilledCost",),
    "effective": ("EffectiveCost", "AmortizedCost"),
    "list_cost": ("ListCost",),
    "contracted": ("ContractedCost",),
    "quantity": ("ConsumedQuantity", "UsageQuantity", "PricingQuantity"),
}
VERSIONS = (  # the first version whose mark is in the header
    ("1.4", {"InvoiceDetailId"}),
    ("1.3", {"HostProviderName", "AllocatedMethodId", "ContractApplied"}),
    ("1.2", {"PricingCurrency", "BillingAccountType", "SubAccountType"}),
    ("1.1", {"SkuMeter", "SkuPriceDetails", "ServiceSubcategory", "CapacityReservationId"}),
    ("1.0", {"ContractedCost", "RegionId", "ChargeClass", "ConsumedQuantity"}),
    ("1.0-preview", {"ChargeCategory"}),
    ("0.5", {"ChargeType"}),
)


def detect(header: Sequence[str]) -> bool:
    """Say whether a header is of FOCUS, in whatever casing."""
    names = {name.strip().casefold() for name in header}
    return {"billedcost", "billingcurrency"} <= names and bool({"chargeperiodstart", "billingperiodstart"} & names)


def version_of(header: Sequence[str]) -> str:
    """Tell the version by the newest column in the header."""
    names = {name.strip() for name in header}
    if "ServiceProviderName" in names and not {"ProviderName", "PublisherName"} & names:
        return "1.4"
    return next((version for version, marks in VERSIONS if marks & names), "1.0")


DATES = {
    "usage_start": "chargeperiodstart",
    "usage_end": "chargeperiodend",
    "period_start": "billingperiodstart",
    "period_end": "billingperiodend",
}


def layout(header: Sequence[str]) -> Layout:
    """Map a FOCUS header to readers."""
    at = {name.strip().casefold(): index for index, name in enumerate(header)}
    fields: dict[str, Reader] = {}
    for field, names in TEXTS.items():
        found = tuple(at[name.casefold()] for name in names if name.casefold() in at)
        if found:
            fields[field] = Text(found)
    for field, names in AMOUNTS.items():
        index = next((at[name.casefold()] for name in names if name.casefold() in at), None)
        if index is not None:
            fields[field] = Amount(index)
    for field, name in DATES.items():
        if name in at:
            moment = Moment(at[name])
            fields[field] = Day(moment) if field.startswith("period") else moment
    return _finish(header, at, fields)


def _finish(header: Sequence[str], at: dict[str, int], fields: dict[str, Reader]) -> Layout:
    """Add what has a reader of its own."""
    category = at.get("chargecategory", at.get("chargetype"))
    if category is not None:
        fields["category"] = Category(category, WORDS)
    if "tags" in at:
        fields["tags"] = Tags(at["tags"])
    version = version_of(header)
    return Layout("focus", version, f"FOCUS {version}", tuple(header), fields)
