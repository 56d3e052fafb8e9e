"""The draft of a scope, edited piece by piece; every piece can be undone."""

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db import transaction
from django.db.models import Max

from projects.access import Actor, new_id
from projects.errors import DomainError
from projects.models import Engagement, Milestone, ScopeVersion
from projects.plain_text import must_be_plain, texts_in
from projects.scoping.documents import SECTIONS, PlannedMilestone, ScopeDocument
from projects.scoping.errors import ScopingError
from projects.scoping.starters import starting_point
from projects.services.audit import record, record_sitting
from projects.services.milestones import CLOSED, EngagementClosedError

WORK = "work"
WORK_FIELDS = ("title", "low", "likely", "high")
HOURS = ("low", "likely", "high")
MOST_HOURS = Decimal(100_000)
TWO_WAYS = re.compile(r"\d{1,3}(?:,\d{3}|\.\d\d0)")  # 1,000 or 1.000; what is kept has no zero at its end
MOST_WORK = 500
LONGEST_WORK = 200  # characters of a field
MOST_UNDO = 20
TERMS = ("title", "review_days", "deposit_percent", "notes")


class ScopeFrozenError(DomainError):
    """Raised when a version that was sent would be edited."""

    code = "scope-frozen"
    template = "Version {number} is {status}; what was sent does not change. {instead}"


class ScopeExistsError(DomainError):
    """Raised when a second scope would begin beside one that is open or signed."""

    code = "scope-exists"
    template = "There is a scope already: version {number}, {status}. {instead}"


class UnknownItemError(DomainError):
    """Raised when an item to be changed is gone."""

    code = "scope-item-unknown"
    template = "This item is not there any more. Reload the page to see the document as it is."


@transaction.atomic
def start_scope(*, engagement: Engagement, by: Actor, starter: str = "") -> ScopeVersion:
    """Begin the scope of an engagement: from a starting point, and from the milestones that are there.

    Raises ScopeExistsError, EngagementClosedError, or ScopingError for a starting point that is none.
    """
    by.must_write()
    owner = lock_engagement(engagement, by)
    open_one = owner.scopes.exclude(status=ScopeVersion.Status.SUPERSEDED).first()
    if open_one is not None:
        signed = open_one.status == ScopeVersion.Status.SIGNED
        instead = "Change it by a change order." if signed else "Go on with that one."
        status = open_one.get_status_display().lower()
        raise ScopeExistsError(number=open_one.number, status=status, instead=instead)
    document = _first_document(owner, starter)
    present = [row for row in owner.milestones.all() if row.status != Milestone.Status.CANCELLED]
    links: dict[str, str] = {}
    if present:
        document, links = _with_milestones(document, present)
    scope = ScopeVersion.objects.create(
        engagement=owner,
        number=next_number(owner),
        document=ScopeDocument.from_dict(document).to_dict(),
        links=links,
        work=[_work_item(milestone["title"]) for milestone in document["milestones"]],
        created_by=by.user,
    )
    record(by=by, action="scope.started", target=scope, detail={"starter": starter})
    return scope


def _first_document(engagement: Engagement, starter: str) -> dict[str, Any]:
    if starter:
        document = starting_point(starter, title=engagement.title, currency=engagement.currency)
    else:
        document = ScopeDocument(title=engagement.title, currency=engagement.currency)
    return document.to_dict() | ({"review_days": engagement.review_days} if engagement.review_days else {})


def _with_milestones(document: dict[str, Any], rows: list[Milestone]) -> tuple[dict[str, Any], dict[str, str]]:
    """Take the milestones that exist in place of the starting point's, whose clauses then hold for all."""
    planned, links = [], {}
    for row in rows:
        key = f"milestone-{row.pk.hex}"
        links[key] = str(row.pk)
        due = row.due_on.isoformat() if row.due_on else ""
        planned.append(
            {"id": key, "title": row.title, "goal": row.promise, "due_on": due, "amount_minor": row.fee_minor}
        )
    clauses = [{**clause, "milestone": ""} for clause in document["acceptance"]]
    return document | {"milestones": planned, "acceptance": clauses}, links


@transaction.atomic
def add_item(*, scope: ScopeVersion, section: str, by: Actor, **fields: Any) -> str:
    """Add an item at the end of a section, and return its id."""
    locked = lock_draft(scope, by)
    items = _section(locked, section)
    key = f"{section}-{new_id().hex}"
    _keep(locked, by, section, [*items, _blank(section, key) | fields], what="Added an item")
    return key


@transaction.atomic
def set_item(*, scope: ScopeVersion, section: str, item: str, by: Actor, **fields: Any) -> ScopeVersion:
    """Change an item's fields; the same values change nothing.

    Raises ScopingError for a value that does not fit, UnknownItemError, ScopeFrozenError.
    """
    locked = lock_draft(scope, by)
    items = _section(locked, section)
    at = _place(items, item)
    changed = items[at] | fields
    if changed != items[at]:
        # The strokes of one item are one step back, not one each.
        _keep(locked, by, section, [*items[:at], changed, *items[at + 1 :]], what="Changed an item", run=f"set:{item}")
    return locked


@transaction.atomic
def move_item(*, scope: ScopeVersion, section: str, item: str, steps: int, by: Actor) -> ScopeVersion:
    """Move an item up (negative) or down in its section; at the end it stays."""
    locked = lock_draft(scope, by)
    items = _section(locked, section)
    was = _place(items, item)
    now = min(max(was + steps, 0), len(items) - 1)
    if now != was:
        items.insert(now, items.pop(was))
        _keep(locked, by, section, items, what="Moved an item")
    return locked


@transaction.atomic
def remove_item(*, scope: ScopeVersion, section: str, item: str, by: Actor) -> ScopeVersion:
    """Remove an item; what judged a removed milestone then holds for the whole contract."""
    locked = lock_draft(scope, by)
    items = _section(locked, section)
    gone = items.pop(_place(items, item))
    others: dict[str, Any] = {}
    if section == "milestones":
        others["acceptance"] = [
            clause | {"milestone": ""} if clause["milestone"] == item else clause
            for clause in locked.document["acceptance"]
        ]
    text = str(gone.get("text") or gone.get("title") or "an empty item")
    _keep(locked, by, section, items, what=f"Deleted “{_short(text)}”", others=others)
    return locked


@transaction.atomic
def set_terms(*, scope: ScopeVersion, by: Actor, **fields: Any) -> ScopeVersion:
    """Change title, review window, deposit or notes."""
    locked = lock_draft(scope, by)
    unknown = set(fields) - set(TERMS)
    if unknown:
        message = f"These cannot be set here: {', '.join(sorted(unknown))}."
        raise TypeError(message)
    changed = {name: value for name, value in fields.items() if locked.document.get(name) != value}
    if changed:
        _store(locked, by, locked.document | changed, locked.work, what="Changed the terms", run="terms")
    return locked


@transaction.atomic
def set_rate(*, scope: ScopeVersion, rate_minor: int | None, by: Actor) -> ScopeVersion:
    """Say what an hour costs, for the estimate."""
    locked = lock_draft(scope, by)
    if locked.rate_minor != rate_minor:
        detail = {"from": locked.rate_minor, "to": rate_minor}
        locked.rate_minor = rate_minor
        locked.save(update_fields=["rate_minor"])
        record(by=by, action="scope.rate_changed", target=locked, detail=detail)
    return locked


@transaction.atomic
def replace_draft(
    *, scope: ScopeVersion, by: Actor, document: Mapping[str, Any] | None = None, work: list[Any] | None = None
) -> ScopeVersion:
    """Put sections and terms of a document, or a whole estimate, in place of the draft's; what is not given stays."""
    locked = lock_draft(scope, by)
    fresh = {**locked.document, **(document or {})}
    if fresh["currency"] != locked.engagement.currency:
        raise ScopingError("bad-scope", f"The engagement is in {locked.engagement.currency}.", field="currency")
    _store(locked, by, fresh, locked.work if work is None else _named_work(work), what="Replaced the document")
    return locked


@transaction.atomic
def undo(*, scope: ScopeVersion, by: Actor) -> str:
    """Take the last change back, and say which; nothing when there is none."""
    locked = lock_draft(scope, by)
    if not locked.undo:
        return ""
    *earlier, last = locked.undo
    locked.document, locked.undo = locked.document | last["document"], earlier
    locked.work = last.get("work", locked.work)
    locked.save(update_fields=["document", "work", "undo"])
    record_sitting(by=by, action="scope.edited", target=locked)
    return str(last["what"])


def lock_engagement(engagement: Engagement, by: Actor) -> Engagement:
    """Lock an engagement that may still change, so that its scope changes one step after another."""
    row: Engagement = Engagement.objects.visible_to(by).select_for_update(of=("self",)).get(pk=engagement.pk)
    if row.status in CLOSED:
        raise EngagementClosedError(title=row.title, status=row.get_status_display().lower())
    return row


def lock_draft(scope: ScopeVersion, by: Actor) -> ScopeVersion:
    """Lock a version that may still be edited."""
    by.must_write()
    rows = ScopeVersion.objects.visible_to(by).select_related("engagement")
    locked: ScopeVersion = rows.select_for_update(of=("self",)).get(pk=scope.pk)
    if not locked.is_draft:
        sent = locked.status == ScopeVersion.Status.SENT
        instead = "Revise it as a new version." if sent else "Agree on a change order."
        raise ScopeFrozenError(number=locked.number, status=locked.get_status_display().lower(), instead=instead)
    return locked


def next_number(engagement: Engagement) -> int:
    """Say which number the next version of an engagement's scope gets."""
    return int(engagement.scopes.aggregate(last=Max("number"))["last"] or 0) + 1


def _section(scope: ScopeVersion, section: str) -> list[dict[str, Any]]:
    """Return a copy of a section's items."""
    if section == WORK:
        return [dict(item) for item in scope.work]
    if section not in SECTIONS:
        raise UnknownItemError
    return [dict(item) for item in scope.document[section]]


def _place(items: list[dict[str, Any]], key: str) -> int:
    for at, item in enumerate(items):
        if item["id"] == key:
            return at
    raise UnknownItemError


def _blank(section: str, key: str) -> dict[str, Any]:
    if section == WORK:
        return _work_item("") | {"id": key}
    item: dict[str, Any] = {"id": key}
    if SECTIONS[section][1] is PlannedMilestone:
        item["title"] = ""
    return item


def _work_item(title: str) -> dict[str, str]:
    return {"id": f"work-{new_id().hex}", "title": title, "low": "", "likely": "", "high": ""}


def _named_work(work: list[Any]) -> list[Any]:
    """Give an id to every work item that comes without one, and refuse one that comes twice."""
    _must_be_few(work)
    named = [
        {**item, "id": str(item.get("id") or "").strip()[:LONGEST_WORK] or f"work-{new_id().hex}"}
        if isinstance(item, Mapping)
        else item
        for item in work
    ]
    seen: set[str] = set()
    for at, item in enumerate(named):
        if isinstance(item, Mapping):
            if item["id"] in seen:
                raise ScopingError("bad-estimate", f"The id “{item['id']}” is used twice.", field=f"work[{at}].id")
            seen.add(item["id"])
    return named


def _must_be_few(work: list[Any]) -> None:
    if len(work) > MOST_WORK:
        raise ScopingError("bad-estimate", f"At most {MOST_WORK} work items fit.", field=WORK)


def _keep(
    scope: ScopeVersion,
    by: Actor,
    section: str,
    items: list[dict[str, Any]],
    *,
    what: str,
    run: str = "",
    others: dict[str, Any] | None = None,
) -> None:
    if section == WORK:
        _store(scope, by, scope.document, items, what=what, run=run)
    else:
        _store(scope, by, scope.document | {section: items} | (others or {}), scope.work, what=what, run=run)


def _store(
    scope: ScopeVersion, by: Actor, document: Mapping[str, Any], work: list[Any], *, what: str, run: str = ""
) -> None:
    """Check and save the draft, and remember the way back; a run of the same kind is one step."""
    checked = ScopeDocument.from_dict(document).to_dict()
    _must_be_few(work)
    hours = [_checked_work(item, at) for at, item in enumerate(work)]
    must_be_plain(*{*texts_in(checked), *texts_in(hours)} - {*texts_in(scope.document), *texts_in(scope.work)})
    before = {name: value for name, value in scope.document.items() if checked.get(name) != value}
    step: dict[str, Any] = {"what": what, "run": run, "document": before}
    if hours != scope.work:
        step["work"] = scope.work
    *earlier, last = scope.undo or [None]
    if run and last and last["run"] == run:
        scope.undo = [*earlier, step | last | {"document": before | last["document"]}]
    else:
        scope.undo = [*scope.undo, step][-MOST_UNDO:]
    scope.document, scope.work = checked, hours
    scope.save(update_fields=["document", "work", "undo"])
    record_sitting(by=by, action="scope.edited", target=scope)


def _checked_work(item: Any, at: int) -> dict[str, str]:
    """Take a work item whose hours may still be open."""
    if not isinstance(item, Mapping) or set(item) - {"id", *WORK_FIELDS}:
        raise ScopingError("bad-estimate", "A work item has id, title, low, likely and high.", field=f"work[{at}]")
    values = {name: str(item.get(name, "") or "").strip()[:LONGEST_WORK] for name in ("id", *WORK_FIELDS)}
    for name in HOURS:
        values[name] = _hours(values[name], f"work[{at}].{name}")
    return values


def _hours(typed: str, place: str) -> str:
    if TWO_WAYS.fullmatch(typed):
        message = f"“{typed}” could mean two numbers. Write it without a separator of thousands, such as 1000 or 1.5."
        raise ScopingError("bad-estimate", message, field=place)
    if not typed:
        return ""
    try:
        hours = Decimal(typed.replace(",", "."))
    except InvalidOperation:
        hours = Decimal("NaN")
    if not hours.is_finite():
        raise ScopingError("bad-estimate", f"“{typed}” is no number of hours.", field=place)
    if hours <= 0:
        raise ScopingError("bad-estimate", "Hours lie above zero.", field=place)
    if hours > MOST_HOURS:
        message = f"“{typed}” is more than {MOST_HOURS:,} hours. Is a digit too many?"
        raise ScopingError("bad-estimate", message, field=place)
    return f"{hours.normalize():f}"


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:38]}…"  # noqa: PLR2004  what fits on a button
