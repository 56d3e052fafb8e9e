"""Bills on their way in: received, read, shown, committed; each step safe to repeat."""

import csv
from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from billing import bills as reader
from billing import storage
from billing.bills.errors import BillError
from billing.bills.sources import Limits, open_text
from billing.models import Bill, BillImport, Charge, ColumnMapping
from billing.queries.bills import CLOSED, NEWER, SliceDifference, difference_of
from billing.services.budgets import check_budgets
from billing.services.charge_writer import write_charges
from billing.services.rules import allocate_charges, rules_as_data
from billing.services.spend_sums import rebuild_sums
from projects.access import Actor
from projects.currencies import EXPONENTS
from projects.errors import DomainError
from projects.models import Job
from projects.models.people import Workspace
from projects.quota import must_fit
from projects.services.audit import record

HEAD_ROWS, HEAD_COLUMNS, HEAD_CELL = 30, 250, 120
HEAD = Limits(inflated_bytes=4_000_000)  # it is read where pages are made, so a row without an end must not be
DELIMITERS = (",", ";", "\t", "|")


class BillStateError(DomainError):
    """Raised when a step does not fit where the file stands."""

    code = "bill-state"
    template = "“{name}” stands at “{state}”, so this cannot be done. {hint}"


class PeriodClosedError(DomainError):
    """Raised when a file would change a closed period."""

    code = "period-closed"
    template = "{periods} is closed, and this file differs from what is stored. Open the period, or discard the file."


class CountedTwiceError(DomainError):
    """Raised when another export already holds the same account and period."""

    code = "counted-twice"
    template = (
        "{account} in {period} is stored already, from another export ({other}). Adding this file counts it twice. "
        "Commit it beside the other only if both are meant to count."
    )


class MappingError(DomainError):
    """Raised when a column mapping cannot work."""

    code = "bad-mapping"
    template = "{message}"


class MappingNameError(DomainError):
    """Raised when a mapping's name is taken."""

    code = "mapping-name-taken"
    template = "There is a mapping named “{name}” already. Choose another name, or change that one."


class WrongCurrencyError(DomainError):
    """Raised when the currency that a person gave is none."""

    code = "unknown-currency"
    template = "“{wish}” is not a currency code. Use three capitals such as EUR."


# --- arriving -----------------------------------------------------------------------------------
@transaction.atomic
def receive_bill(
    *,
    path: Path,
    name: str,
    by: Actor,
    mapping: ColumnMapping | None = None,
    currency: str = "",
    basis: str = "actual",
    export: str = "",
) -> BillImport:
    """Keep the original of a bill; a saved mapping that fits an unknown header is chosen by itself.

    Raises BillTooLargeError, QuotaExceededError, WrongCurrencyError.
    """
    by.must_write()
    if path.stat().st_size > storage.LARGEST:
        raise storage.BillTooLargeError(limit=storage.LARGEST // 10**6)
    currency = _known_currency(currency)
    head = read_head(path)
    if mapping is None:
        mapping = fitting_mapping(by, head)
    must_fit(by.workspace, path.stat().st_size)
    stored = storage.BILLS.put(by.workspace.pk, path)
    source = BillImport.objects.create(
        workspace=by.workspace,
        name=" ".join(name.split())[:200] or "bill.csv",
        size=stored.size,
        sha256=stored.sha256,
        mapping=mapping,
        currency=currency,
        basis=basis,
        export=export.strip()[:100],
        head=head,
        created_by=by.user,
    )
    record(by=by, action="bill.received", target=source, detail={"sha256": stored.sha256, "size": stored.size})
    return source


def read_head(path: Path) -> list[list[str]]:
    """Read the first rows with the separator that cuts them into most columns; nothing if it is no text."""
    best: list[list[str]] = []
    for delimiter in DELIMITERS:
        rows: list[list[str]] = []
        with suppress(BillError, UnicodeError, csv.Error), open_text(path, HEAD) as (text, _):
            for row in csv.reader(text, delimiter=delimiter):
                rows.append([cell.replace("\0", "")[:HEAD_CELL] for cell in row[:HEAD_COLUMNS]])
                if len(rows) == HEAD_ROWS:
                    break
        if max(map(len, rows), default=0) > max(map(len, best), default=0):
            best = rows
    return best


def fitting_mapping(by: Actor, head: list[list[str]]) -> ColumnMapping | None:
    """Find the saved mapping for a header that no format knows."""
    if any(reader.detect(row) for row in head):
        return None
    for saved in ColumnMapping.objects.visible_to(by):
        wanted = reader.ColumnMapping.from_dict(saved.body).wanted()
        if any({cell.strip() for cell in row} >= wanted for row in head):
            found: ColumnMapping = saved
            return found
    return None


@transaction.atomic
def begin_reading(*, source: BillImport, by: Actor, **wishes: Any) -> BillImport:
    """Read a file anew: ``mapping``, ``currency``, ``basis`` and ``export`` may be given.

    Raises BillStateError, WrongCurrencyError.
    """
    by.must_write()
    locked = _locked(source, by)
    if locked.state not in (BillImport.State.READY, BillImport.State.FAILED, BillImport.State.READING):
        raise BillStateError(name=locked.name, state=_said(locked), hint="Upload the file again.")
    if "currency" in wishes:
        wishes["currency"] = _known_currency(wishes["currency"])
    changed = sorted(field for field, value in wishes.items() if getattr(locked, field) != value)
    for field, value in wishes.items():
        setattr(locked, field, value)
    locked.state, locked.preview = BillImport.State.READING, {}
    locked.error_code = locked.error_message = ""
    locked.save()
    record(by=by, action="bill.read_again", target=locked, detail={"fields": changed})
    return locked


def finish_reading(*, job: Job, source_id: UUID, preview: Mapping[str, Any]) -> None:
    """Keep what the file holds; what a job read that was overtaken by a newer one is dropped."""
    source = _waiting_for(job, source_id, BillImport.State.READING, BillImport.State.FAILED)
    if source is None:
        return
    source.preview, source.state = dict(preview), BillImport.State.READY
    source.error_code = source.error_message = ""
    source.save(update_fields=["preview", "state", "error_code", "error_message"])


def reading_failed(*, job: Job, source_id: UUID) -> None:
    """Keep why a file cannot be read, or why its commit was undone."""
    source = _waiting_for(job, source_id, BillImport.State.READING, BillImport.State.COMMITTING)
    if source is None:
        return
    was_read = source.state == BillImport.State.COMMITTING
    source.state = BillImport.State.READY if was_read else BillImport.State.FAILED
    source.error_code = job.error_code or "cancelled"
    source.error_message = job.error_message or "It was cancelled."
    source.save(update_fields=["state", "error_code", "error_message"])


def _waiting_for(job: Job, source_id: UUID, *states: str) -> BillImport | None:
    """Lock a file that still waits for this very job: another may have been started, or the file discarded."""
    found = BillImport.objects.select_for_update().filter(pk=source_id, job=job.pk, state__in=states)
    source: BillImport | None = found.first()
    return source


@transaction.atomic
def discard_bill(*, source: BillImport, by: Actor) -> BillImport:
    """Put a file away that is not wanted; its original goes unless another row needs it.

    Raises BillStateError.
    """
    by.must_write()
    locked = _locked(source, by)
    if locked.state not in (BillImport.State.READY, BillImport.State.FAILED, BillImport.State.READING):
        raise BillStateError(name=locked.name, state=_said(locked), hint="It stays as a record.")
    locked.state = BillImport.State.DISCARDED
    locked.save(update_fields=["state"])
    record(by=by, action="bill.discarded", target=locked)
    alike = BillImport.objects.filter(workspace=by.workspace, sha256=locked.sha256)
    if not alike.exclude(state=BillImport.State.DISCARDED).exists():
        workspace_id, sha256 = by.workspace.pk, locked.sha256
        transaction.on_commit(lambda: storage.BILLS.delete(workspace_id, sha256))
    return locked


# --- committing ---------------------------------------------------------------------------------
@transaction.atomic
def begin_commit(*, source: BillImport, by: Actor, beside: bool = False) -> BillImport:
    """Check that a file may be stored; one that changes nothing is over at once.

    Raises BillStateError, PeriodClosedError, CountedTwiceError.
    """
    by.must_write()
    locked = _locked(source, by)
    if locked.state in (BillImport.State.COMMITTED, BillImport.State.UNCHANGED, BillImport.State.COMMITTING):
        return locked
    if locked.state != BillImport.State.READY:
        raise BillStateError(name=locked.name, state=_said(locked), hint="Wait until it is read, or correct it.")
    found = difference_of(locked)
    _must_be_open(found)
    if not beside:
        _must_not_count_twice(found)
    locked.difference = [part.to_dict() for part in found]
    locked.error_code = locked.error_message = ""
    if any(part.writes for part in found):
        locked.state = BillImport.State.COMMITTING
    else:
        locked.state, locked.committed_at = BillImport.State.UNCHANGED, timezone.now()
        record(by=by, action="bill.unchanged", target=locked, detail={"sha256": locked.sha256})
    locked.save()
    return locked


def finish_commit(
    *, source_id: UUID, preview: Mapping[str, Any], lines: Path, rules: list[dict[str, Any]]
) -> dict[str, Any]:
    """Store the lines: what is new is added, open periods are replaced, all in the caller's transaction.

    ``rules`` are those by which the lines were allocated; if they changed meanwhile, all are allocated anew.

    Raises PeriodClosedError if a period was closed meanwhile, CountedTwiceError if another export was stored
    meanwhile, BillStateError if the file is not being stored.
    """
    source = BillImport.objects.select_for_update().select_related("workspace").get(pk=source_id)
    if source.state != BillImport.State.COMMITTING:
        raise BillStateError(name=source.name, state=_said(source), hint="Nothing was changed.")
    Workspace.objects.select_for_update().get(pk=source.workspace_id)  # one commit at a time
    source.preview = dict(preview)
    before = _stored_of(source)  # locked, so that none is closed from here on
    found = difference_of(source)
    _must_be_open(found)
    _must_not_count_twice(found, wanted={name for part in source.difference for name in part["beside"]})
    write_charges(lines, source_id=source.pk)
    touched = {source.pk: source}
    for part in found:
        if not part.writes:
            _lines_of(source, part).delete()
        elif part.state == NEWER:
            old = before[part.key]
            touched[old.source_id] = old.source
            _lines_of(old.source, part).delete()
    for one in touched.values():
        rebuild_sums(one)
    for part in found:
        if part.writes:
            _store_bill(source, part, before.get(part.key))
    source.difference = [part.to_dict() for part in found]
    source.state, source.committed_at = BillImport.State.COMMITTED, timezone.now()
    source.save()
    if rules != rules_as_data(source.workspace):
        allocate_charges(workspace=source.workspace)
    rows = sum(part.rows for part in found if part.writes)
    detail = {"rows": rows, "sha256": source.sha256, "periods": [[*part.key, part.state] for part in found][:100]}
    by = Actor.job(source.workspace)
    record(by=by, action="bill.committed", target=source, detail=detail)
    check_budgets(workspace=source.workspace)
    return {"rows": rows, "slices": len(found)}


def _stored_of(source: BillImport) -> dict[tuple[str, str, str], Bill]:
    stored = Bill.objects.filter(workspace_id=source.workspace_id, export=source.export_name)
    return {bill.key: bill for bill in stored.select_related("source").select_for_update(of=("self",))}


def _lines_of(source: BillImport, part: SliceDifference) -> Any:
    return Charge.objects.filter(
        source=source,
        billing_account=part.billing_account,
        period_start=part.period_start,
        currency=part.currency,
    )


def _store_bill(source: BillImport, part: SliceDifference, bill: Bill | None) -> None:
    providers = source.preview.get("providers", [])
    bill = bill or Bill(
        workspace_id=source.workspace_id,
        export=source.export_name,
        billing_account=part.billing_account,
        period=part.period,
        period_start=part.period_start,
        currency=part.currency,
        version=0,
    )
    line = _lines_of(source, part).order_by("row").values_list("provider", flat=True).first()
    bill.provider = (line or (providers[0] if providers else ""))[:200]
    bill.period_end = date.fromisoformat(part.period_end) if part.period_end else None
    bill.source, bill.rows, bill.sums = source, part.rows, part.sums
    bill.version += 1
    bill.save()


def _must_be_open(found: list[SliceDifference]) -> None:
    shut = [part for part in found if part.state == CLOSED]
    if shut:
        raise PeriodClosedError(periods=" and ".join(_named(part) for part in shut[:3]))


def _must_not_count_twice(found: list[SliceDifference], *, wanted: Collection[str] = ()) -> None:
    for part in found:
        if others := [name for name in part.beside if name not in wanted]:
            raise CountedTwiceError(
                account=part.billing_account or "This account", period=part.period[:7], other=", ".join(others)
            )


def _named(part: SliceDifference) -> str:
    return f"{part.billing_account or 'The account'} in {part.period[:7] or 'no period'}"


# --- periods ------------------------------------------------------------------------------------
@transaction.atomic
def close_bill(*, bill: Bill, by: Actor) -> Bill:
    """Close a period: no newer file can change it any more."""
    return _set_closed(bill, by, closed=True)


@transaction.atomic
def reopen_bill(*, bill: Bill, by: Actor) -> Bill:
    """Open a closed period again."""
    return _set_closed(bill, by, closed=False)


def _set_closed(bill: Bill, by: Actor, *, closed: bool) -> Bill:
    by.must_write()
    locked: Bill = Bill.objects.visible_to(by).select_for_update(of=("self",)).get(pk=bill.pk)
    if (locked.closed_at is not None) != closed:
        locked.closed_at = timezone.now() if closed else None
        locked.save(update_fields=["closed_at"])
        record(by=by, action="bill.closed" if closed else "bill.reopened", target=locked)
    return locked


# --- mappings -----------------------------------------------------------------------------------
@transaction.atomic
def save_mapping(
    *, name: str, body: Mapping[str, Any] | None, by: Actor, mapping: ColumnMapping | None = None
) -> ColumnMapping:
    """Save which column fills which field, under a name; without a body that of a saved mapping stays.

    Raises MappingError, MappingNameError.
    """
    by.must_write()
    try:
        checked = None if body is None else reader.ColumnMapping.from_dict(body).to_dict()
    except BillError as error:
        raise MappingError(message=str(error)) from error
    saved = ColumnMapping.objects.visible_to(by).select_for_update().get(pk=mapping.pk) if mapping else None
    taken = ColumnMapping.objects.visible_to(by).filter(name=name)
    if taken.exclude(pk__in=[saved.pk] if saved else []).exists():
        raise MappingNameError(name=name)
    saved = saved or ColumnMapping(workspace=by.workspace)
    saved.name = name
    if checked is not None:
        saved.body = checked
    saved.save()
    record(by=by, action="column_mapping.saved", target=saved)
    found: ColumnMapping = saved
    return found


@transaction.atomic
def delete_mapping(*, mapping: ColumnMapping, by: Actor) -> None:
    """Delete a mapping; what was imported with it stays."""
    by.must_write()
    ColumnMapping.objects.visible_to(by).filter(pk=mapping.pk).delete()
    record(by=by, action="column_mapping.deleted", target=mapping)


def _locked(source: BillImport, by: Actor) -> BillImport:
    found: BillImport = BillImport.objects.visible_to(by).select_for_update().get(pk=source.pk)
    return found


def _said(source: BillImport) -> str:
    return str(BillImport.State(source.state).label)


def _known_currency(text: str) -> str:
    code = text.strip().upper()
    if code and code not in EXPONENTS:
        raise WrongCurrencyError(wish=code)
    return code
