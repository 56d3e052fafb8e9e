"""What is stored of bills, and how a file differs from it."""

from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import QuerySet, Sum

from billing.models import Bill, BillImport
from projects.access import Actor
from projects.models import Workspace

NEW, SAME, NEWER, CLOSED, CLOSED_SAME = "new", "same", "newer", "closed", "closed-same"


@dataclass(frozen=True, slots=True)
class SliceDifference:
    """One account, period and currency of a file beside what is stored of it.

    ``state``: new; same (the very same file); newer (it replaces what is stored); closed (it would
    change a closed period, which is refused); closed-same (a closed period with equal rows and sums).
    ``beside`` names other exports that hold the same account and period: both would count. ``cost`` is what the
    file asks for, ``cost_before`` what is stored.
    """

    billing_account: str
    period: str
    period_end: str
    currency: str
    state: str
    rows: int
    rows_before: int
    sums: dict[str, str]
    sums_before: dict[str, str]
    cost: Decimal
    cost_before: Decimal
    beside: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells it apart inside one file."""
        return (self.billing_account, self.period, self.currency)

    @property
    def period_start(self) -> date | None:
        """The first day of the period."""
        return date.fromisoformat(self.period) if self.period else None

    @property
    def writes(self) -> bool:
        """Whether a commit stores its rows."""
        return self.state in (NEW, NEWER)

    @property
    def change(self) -> Decimal:
        """By how much the stored cost moves."""
        return self.cost - self.cost_before if self.writes else Decimal(0)

    def to_dict(self) -> dict[str, Any]:
        """Return the difference as plain JSON values."""
        amounts = {name: f"{getattr(self, name):f}" for name in ("cost", "cost_before", "change")}
        return asdict(self) | {"beside": list(self.beside)} | amounts


def difference_of(source: BillImport) -> list[SliceDifference]:
    """Say slice by slice what a commit of the file would change."""
    export = source.export_name
    stored = Bill.objects.filter(workspace_id=source.workspace_id).select_related("source")
    mine = {bill.key: bill for bill in stored if bill.export == export}
    others: dict[tuple[str, str, str], list[str]] = {}
    for bill in stored:
        if bill.export != export:
            others.setdefault(bill.key, []).append(bill.export)
    found = []
    for part in source.preview.get("slices", []):
        key = (part["billing_account"], part["period_start"] or "", part["currency"])
        kept = mine.get(key)
        found.append(
            SliceDifference(
                billing_account=key[0],
                period=key[1],
                period_end=part["period_end"] or "",
                currency=key[2],
                state=_state(kept, part, source),
                rows=part["rows"],
                rows_before=kept.rows if kept else 0,
                sums=part["sums"],
                sums_before=kept.sums if kept else {},
                cost=source.cost_of(part["sums"], key[2]),
                cost_before=kept.cost if kept else Decimal(0),
                beside=tuple(sorted(others.get(key, ()))) if kept is None else (),
            )
        )
    return found


def _state(bill: Bill | None, part: dict[str, Any], source: BillImport) -> str:
    if bill is None:
        return NEW
    read_alike = bill.source.reading_arguments() == source.reading_arguments()
    if bill.source.sha256 == source.sha256 and read_alike:
        return SAME
    if bill.closed_at is None:
        return NEWER
    equal = bill.rows == part["rows"] and _numbers(bill.sums) == _numbers(part["sums"])
    return CLOSED_SAME if equal else CLOSED


def _numbers(sums: dict[str, str]) -> dict[str, Decimal]:
    return {name: Decimal(text) for name, text in sums.items()}


def bills_of(actor: Actor | None) -> QuerySet[Bill]:
    """List what is stored, the newest period first."""
    found: QuerySet[Bill] = Bill.objects.visible_to(actor).select_related("source")
    return found


def imports_of(actor: Actor | None) -> QuerySet[BillImport]:
    """List the files that arrived, the newest first."""
    found: QuerySet[BillImport] = BillImport.objects.visible_to(actor).select_related("job", "mapping")
    return found


def known_files(workspace_id: UUID) -> set[str]:
    """List the hashes of the originals that a workspace keeps."""
    kept = BillImport.objects.filter(workspace=workspace_id).exclude(state=BillImport.State.DISCARDED)
    return set(kept.values_list("sha256", flat=True))


def bytes_kept(workspace: Workspace) -> int:
    """Count the bytes of the originals that are kept; the same file counts once."""
    kept = BillImport.objects.in_workspace(workspace).exclude(state=BillImport.State.DISCARDED)
    return kept.order_by().values("sha256", "size").distinct().aggregate(sum=Sum("size"))["sum"] or 0
