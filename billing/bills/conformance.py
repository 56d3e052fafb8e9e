"""Where a FOCUS file leaves its specification: counted, with the first line, never corrected."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from billing.bills import dates, tags
from billing.bills.amounts import NULLS
from billing.bills.batches import Batch
from billing.bills.columns import Layout, Memory

DATES = ("BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd")
NEVER_NULL = (
    *("BilledCost", "EffectiveCost", "ListCost", "ContractedCost", "BillingAccountId"),
    *("BillingCurrency", *DATES, "ChargeCategory", "InvoiceIssuerName", "ServiceCategory"),
    "ServiceName",
)
ALLOWED = {
    "ChargeCategory": ("Usage", "Purchase", "Tax", "Credit", "Adjustment"),
    "ChargeClass": ("Correction",),
    "ChargeFrequency": ("One-Time", "Recurring", "Usage-Based"),
    "PricingCategory": ("Standard", "Dynamic", "Committed", "Other"),
    "CommitmentDiscountCategory": ("Spend", "Usage"),
    "CommitmentDiscountStatus": ("Used", "Unused"),
    "CapacityReservationStatus": ("Used", "Unused"),
    "ServiceCategory": (
        *("AI and Machine Learning", "Analytics", "Business Applications", "Compute", "Databases"),
        *("Developer Tools", "Multicloud", "Identity", "Integration", "Internet of Things"),
        *("Management and Governance", "Media", "Migration", "Mobile", "Networking", "Security"),
        *("Storage", "Web", "Other"),
    ),
}
COLUMN_NAMES = """
    AllocatedMethodDetails AllocatedMethodId AllocatedResourceId AllocatedResourceName
    AllocatedTags AvailabilityZone BilledCost BillingAccountId BillingAccountName
    BillingAccountType BillingCurrency BillingPeriodEnd BillingPeriodStart
    CapacityReservationId CapacityReservationStatus ChargeCategory ChargeClass
    ChargeDescription ChargeFrequency ChargePeriodEnd ChargePeriodStart
    CommitmentDiscountCategory CommitmentDiscountId CommitmentDiscountName
    CommitmentDiscountQuantity CommitmentDiscountStatus CommitmentDiscountType
    CommitmentDiscountUnit ConsumedQuantity ConsumedUnit ContractApplied ContractedCost
    ContractedUnitPrice EffectiveCost HostProviderName InvoiceDetailId InvoiceId
    InvoiceIssuerName ListCost ListUnitPrice PricingCategory PricingCurrency
    PricingCurrencyContractedUnitPrice PricingCurrencyEffectiveCost
    PricingCurrencyListUnitPrice PricingQuantity PricingUnit ProviderName PublisherName
    RegionId RegionName ResourceId ResourceName ResourceType ServiceCategory ServiceName
    ServiceProviderName ServiceSubcategory SkuId SkuMeter SkuPriceDetails SkuPriceId
    SubAccountId SubAccountName SubAccountType Tags
"""
COLUMNS = frozenset(COLUMN_NAMES.split())


@dataclass(slots=True)
class Finding:
    """Something about a bill that its reader should know, counted."""

    code: str
    column: str
    message: str
    count: int = 0
    first_line: int | None = None

    def to_dict(self) -> dict[str, object]:
        """Return the finding as plain JSON values."""
        return {
            "code": self.code,
            "column": self.column,
            "message": self.message,
            "count": self.count,
            "first_line": self.first_line,
        }


NULL_FOUND = ("null", "This column may not be empty.")
AMOUNTS = {
    "BilledCost": "billed",
    "EffectiveCost": "effective",
    "ListCost": "list_cost",
    "ContractedCost": "contracted",
}
Check = Callable[[str], tuple[str, str] | None]


def check_date(cell: str) -> tuple[str, str] | None:
    """Find a date that is not written as the specification asks."""
    if dates.STRICT.fullmatch(cell) or cell in NULLS:
        return None
    return "date-format", "Dates should read 2026-11-20T00:00:00Z; these were understood anyway."


def check_null(cell: str) -> tuple[str, str] | None:
    """Find a null where none may stand."""
    if cell.strip() in NULLS:
        return NULL_FOUND
    return None


def check_null_word(cell: str) -> tuple[str, str] | None:
    """Find the word NULL in the place of an empty cell."""
    if cell.strip() in NULLS - {""}:
        return "null-word", "The word NULL stands for an empty cell."
    return None


def check_currency(cell: str) -> tuple[str, str] | None:
    """Find a currency that is no code of three capitals."""
    good = len(cell) == 3 and cell.isascii() and cell.isalpha() and cell.isupper()  # noqa: PLR2004 # ISO 4217
    if good or cell.strip() in NULLS:
        return None
    return "currency", "Currencies should be codes of three capitals."


def check_tags(cell: str) -> tuple[str, str] | None:
    """Find tags that are no JSON object; their rows are kept without tags."""
    if tags.read_tags(cell) is None:
        return "bad-tags", "The tags cannot be read; these rows have none."
    return None


def check_word(allowed: tuple[str, ...]) -> Check:
    """Make the check of a column with a closed list of words."""
    folded = {word.casefold() for word in allowed}

    def check(cell: str) -> tuple[str, str] | None:
        word = cell.strip()
        if word in allowed or word in NULLS:
            return None
        if word.casefold() in folded:
            return "casing", "The casing differs from the specification."
        return "unknown-word", f"The specification does not know these words, such as “{word[:40]}”."

    return check


@dataclass(slots=True)
class Watch:
    """One check on one column, remembering each different cell."""

    index: int
    column: str
    check: Check
    seen: Memory = field(init=False)

    def __post_init__(self) -> None:
        self.seen = Memory(self.check)

    def look(self, batch: Batch) -> Iterator[tuple[tuple[str, str], int, int]]:
        """Yield (code and message, rows, first line) of every different cell that is not as it should be."""
        cells = batch.raw(self.index)
        for place, found in enumerate(map(self.seen.__getitem__, cells.values)):
            if found:
                yield found, cells.counts[place], batch.lines[cells.firsts[place]]


@dataclass(slots=True)
class NullWatch:
    """The check for nulls on a column of amounts, which are all different."""

    field: str
    column: str

    def look(self, batch: Batch) -> Iterator[tuple[tuple[str, str], int, int]]:
        """Yield (code and message, rows, first line) of the nulls."""
        missing = batch.column(self.field).missing
        if missing.any():
            yield NULL_FOUND, int(missing.sum()), batch.lines[int(missing.argmax())]


class Conformance:
    """Collects the findings on a FOCUS file while it is read."""

    def __init__(self, layout: Layout) -> None:
        self.found: dict[tuple[str, str], Finding] = {}
        at = {name.strip(): index for index, name in enumerate(layout.header)}
        self.watches = list(_watches(at))
        for name in NEVER_NULL:
            if name not in at:
                self._note("missing-column", name, "This column must be present.", 1, line=1)
        for name in at:
            if name not in COLUMNS and not name.startswith("x_"):
                message = "The specification has no such column; own columns begin with x_."
                self._note("extra-column", name, message, 1, line=1)

    def look(self, batch: Batch) -> None:
        """Check one batch."""
        for watch in self.watches:
            for (code, message), rows, line in watch.look(batch):
                self._note(code, watch.column, message, rows, line=line)

    def findings(self) -> list[Finding]:
        """Return what was found, in the order of its first line."""
        return sorted(self.found.values(), key=lambda found: (found.first_line or 0, found.column))

    def _note(self, code: str, column: str, message: str, count: int, *, line: int) -> None:
        finding = self.found.get((code, column))
        if finding is None:
            finding = self.found[code, column] = Finding(code, column, message, first_line=line)
        finding.count += count


def _watches(at: dict[str, int]) -> Iterable[Watch | NullWatch]:
    """Choose the checks for the columns that are there."""
    plan: list[tuple[str, Check]] = [(name, check_date) for name in DATES]
    plan += [(name, check_null) for name in NEVER_NULL if name not in AMOUNTS]
    plan += [(name, check_word(allowed)) for name, allowed in ALLOWED.items()]
    plan += [("BillingCurrency", check_currency), ("Tags", check_tags)]
    plan += [(name, check_null_word) for name in ("ChargeClass", "Tags")]
    yield from (NullWatch(field, name) for name, field in AMOUNTS.items() if name in at)
    yield from (Watch(at[name], name, check) for name, check in plan if name in at)
