"""Change orders: asked for, priced, sent, answered. An approved one makes the next version of the scope."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from projects.access import Actor, new_id
from projects.canonical import digest
from projects.errors import DomainError
from projects.models import ChangeOrder, Decision, Engagement, Milestone, ScopeVersion
from projects.plain_text import must_be_plain
from projects.scoping.changes import PriceLine, apply_change
from projects.scoping.documents import ScopeDocument
from projects.scoping.payments import deposit_shares
from projects.services.audit import record
from projects.services.engagements import illegal
from projects.services.scope_drafts import lock_engagement, next_number
from projects.services.scopes import place_milestones, scope_body, supersede
from projects.services.sending import Letter, Sent, send_link, take_answer, writing
from projects.shares import Visit

SCHEMA = "freelance-ml/change-order/1"
MOST_LINES = 50
MOST_DAYS = 3650
LARGEST = 10**14  # minor units


class NoSignedScopeError(DomainError):
    """Raised when there is nothing signed that could change."""

    code = "no-signed-scope"
    template = "Nothing is signed yet, so there is nothing to change. Put the wish into the scope and send that."


class ChangeOrderIncompleteError(DomainError):
    """Raised when a change order lacks what the client must know."""

    code = "change-order-incomplete"
    template = "This cannot be sent yet. {missing}"


class ChangeOrderExpiredError(DomainError):
    """Raised when a change order is approved after its last day."""

    code = "change-order-expired"
    template = "This offer was valid until {day}. Ask for a new one."


class InScopeError(DomainError):
    """Raised when something that is in scope would be priced."""

    code = "change-in-scope"
    template = "“{wish}” is marked as in scope, so it costs nothing extra. Mark it as out of scope to price it."


class NotInScopeError(DomainError):
    """Raised when a request is called done that was never promised."""

    code = "change-not-in-scope"
    template = "“{wish}” is not marked as in scope. Mark it first, or price it as a change order."


class BadPriceLineError(DomainError):
    """Raised when a price line does not say what and how much."""

    code = "bad-price-line"
    template = "Price line {place}: {what}"


@transaction.atomic
def log_request(
    *, engagement: Engagement, wish: str, by: Actor, asked_by: str = "", asked_on: date | None = None, fit: str = ""
) -> ChangeOrder:
    """Note in one line what somebody asked for."""
    by.must_write()
    owner = lock_engagement(engagement, by)
    order = ChangeOrder.objects.create(
        engagement=owner,
        wish=" ".join(wish.split())[:300],
        asked_by=asked_by.strip()[:120],
        asked_on=asked_on or by.workspace.today,
        fit=fit,
        created_by=by.user,
    )
    record(by=by, action="change.requested", target=order, detail={"fit": fit})
    return order


@transaction.atomic
def mark_request(*, order: ChangeOrder, fit: str, by: Actor) -> ChangeOrder:
    """Say whether a request is in or out of scope, as long as it is not priced."""
    by.must_write()
    locked = _locked(order, by)
    if locked.fit == fit:
        return locked
    if locked.status != ChangeOrder.Status.REQUESTED:
        raise _illegal(locked, "requested")
    locked.fit, locked.done_at, locked.done_by = fit, None, ""
    locked.save(update_fields=["fit", "done_at", "done_by"])
    record(by=by, action="change.marked", target=locked, detail={"fit": fit})
    return locked


@transaction.atomic
def finish_request(*, order: ChangeOrder, by: Actor, done: bool = True) -> ChangeOrder:
    """Say that what was asked for within the scope is done, or open it again; twice changes nothing.

    Raises NotInScopeError for what is not marked as in scope: that is priced, or withdrawn.
    """
    by.must_write()
    locked = _locked(order, by)
    if locked.status != ChangeOrder.Status.REQUESTED or locked.fit != ChangeOrder.Fit.INSIDE:
        raise NotInScopeError(wish=locked.wish)
    if bool(locked.done_at) == done:
        return locked
    locked.done_at, locked.done_by = (timezone.now(), by.name[:120]) if done else (None, "")
    locked.save(update_fields=["done_at", "done_by"])
    record(by=by, action="change.done" if done else "change.reopened", target=locked)
    return locked


@transaction.atomic
def price_order(
    *,
    order: ChangeOrder,
    by: Actor,
    what: str,
    why: str,
    lines: Sequence[Mapping[str, Any]],
    days: int = 0,
    expires_on: date | None = None,
) -> ChangeOrder:
    """Say what a change is, why it is one, what it costs and how long it takes; again until it is sent.

    Raises InScopeError, BadPriceLineError, IllegalTransitionError.
    """
    by.must_write()
    lock_engagement(order.engagement, by)
    locked = _locked(order, by)
    if locked.fit == ChangeOrder.Fit.INSIDE:
        raise InScopeError(wish=locked.wish)
    if locked.status != ChangeOrder.Status.PRICED:
        _step(locked, ChangeOrder.Status.PRICED)
    if not -MOST_DAYS <= days <= MOST_DAYS:
        raise BadPriceLineError(place="days", what=f"At most {MOST_DAYS} days. Correct the number.")
    locked.fit = ChangeOrder.Fit.OUTSIDE
    locked.what, locked.why, locked.days, locked.expires_on = what.strip(), why.strip(), days, expires_on
    locked.lines = [asdict(line) for line in _lines(lines)]
    locked.save(update_fields=["status", "fit", "what", "why", "days", "expires_on", "lines"])
    record(by=by, action="change.priced", target=locked, detail={"amount": total_of(locked)})
    return locked


@transaction.atomic
def send_order(*, order: ChangeOrder, by: Actor) -> ChangeOrder:
    """Freeze a priced change with what it does to the contract; the number is taken here.

    Raises NoSignedScopeError, ChangeOrderIncompleteError, IllegalTransitionError, or ScopingError where
    the lines do not fit the milestones.
    """
    by.must_write()
    engagement = lock_engagement(order.engagement, by)
    locked = _locked(order, by)
    _step(locked, ChangeOrder.Status.SENT)
    freeze(locked, signed_scope(engagement, lock=True))
    locked.save(update_fields=["status", "number", "body", "digest", "sent_at", "requested_minor"])
    detail = {"number": locked.number, "sha256": locked.digest, "requested": locked.requested_minor}
    record(by=by, action="change.sent", target=locked, detail=detail)
    return locked


def freeze(order: ChangeOrder, scope: ScopeVersion) -> None:
    """Turn a priced change in memory into what is sent, unsaved: so it is previewed, and so it is saved.

    Raises ChangeOrderIncompleteError, or ScopingError where the lines do not fit the milestones.
    """
    engagement = order.engagement
    if missing := missing_of(order):
        raise ChangeOrderIncompleteError(missing=" ".join(missing))
    order.number = int(engagement.change_orders.aggregate(last=Max("number"))["last"] or 0) + 1
    before = ScopeDocument.from_dict(scope.shown)
    after = changed_document(order, scope)
    order.body = {
        "schema": SCHEMA,
        "number": order.number,
        "made_at": timezone.now().isoformat(timespec="seconds"),
        "from": engagement.client.workspace.name,
        "to": engagement.client.name,
        "engagement": {"title": engagement.title, "purchase_order": engagement.purchase_order},
        "currency": engagement.currency,
        "wish": order.wish,
        "asked_by": order.asked_by,
        "asked_on": order.asked_on.isoformat(),
        "what": order.what,
        "why": order.why,
        "lines": _named(order.lines, before),
        "amount_minor": total_of(order),
        "days": order.days,
        "expires_on": order.expires_on.isoformat() if order.expires_on else None,
        "scope": {"number": scope.number, "sha256": scope.digest},
        "before": _figures(before),
        "after": _figures(after),
    }
    order.digest, order.sent_at = digest(order.body), timezone.now()
    order.requested_minor, order.status = total_of(order), ChangeOrder.Status.SENT


@transaction.atomic
def send_order_to_client(*, order: ChangeOrder, by: Actor, days: int = 30, **to: str) -> Sent[ChangeOrder]:
    """Freeze the change if it is only priced, and send a link to it; ``to``: see ``send_link``."""
    sent = order if order.status == ChangeOrder.Status.SENT else send_order(order=order, by=by)
    body = sent.body or {}
    subject = f"{body['engagement']['title']}: change order {sent.number} from {body['from']}"
    return send_link(row=sent, letter=Letter(subject, "scopes/mail_change.txt"), by=by, days=days, **to)


@transaction.atomic
def answer_order(*, visit: Visit, order: ChangeOrder, fields: dict[str, Any], consent: str) -> Decision:
    """Take the client's answer; an approval makes the next version of the scope and moves the milestones.

    Raises ChangeOrderExpiredError, AlreadyAnsweredError, IllegalTransitionError, or ScopingError if a
    milestone that it changes was decided meanwhile.
    """
    client = writing(visit.actor)
    engagement = lock_engagement(order.engagement, client)
    locked = _locked(order, client)
    about = f"{engagement}: change order"
    decision = take_answer(visit=visit, row=locked, about=about, fields=fields, consent=consent)
    if decision.answer == Decision.Answer.APPROVED:
        _approve(locked, engagement, by=client, amounts=None)
    else:
        _decline(locked, by=client, reason=decision.message)
    return decision


@transaction.atomic
def record_approval(
    *, order: ChangeOrder, by: Actor, reason: str, amounts: Mapping[str, int] | None = None
) -> ChangeOrder:
    """Record that the client approved by other means, at the requested amounts or at others per line.

    ``amounts`` maps ids of price lines to what was agreed; ``reason`` says how the client approved.
    """
    by.must_write()
    must_be_plain(reason)
    if not reason.strip():
        raise ChangeOrderIncompleteError(missing="How the client approved is missing.")
    engagement = lock_engagement(order.engagement, by)
    locked = _locked(order, by)
    if unknown := sorted(set(amounts or ()) - {line["id"] for line in locked.lines}):
        raise BadPriceLineError(place=unknown[0], what="There is no line with this id. Correct it.")
    return _approve(locked, engagement, by=by, amounts=amounts, reason=reason)


@transaction.atomic
def withdraw_order(*, order: ChangeOrder, by: Actor, reason: str = "") -> ChangeOrder:
    """Take a change back before it is approved; twice changes nothing."""
    by.must_write()
    must_be_plain(reason)
    locked = _locked(order, by)
    if locked.status == ChangeOrder.Status.WITHDRAWN:
        return locked
    _step(locked, ChangeOrder.Status.WITHDRAWN)
    locked.decided_at, locked.done_at, locked.done_by = timezone.now(), None, ""
    locked.save(update_fields=["status", "decided_at", "done_at", "done_by"])
    record(by=by, action="change.withdrawn", target=locked, detail={"reason": reason.strip()[:500]})
    return locked


def total_of(order: ChangeOrder) -> int:
    """Sum the price lines."""
    return sum(line["amount_minor"] for line in order.lines)


def missing_of(order: ChangeOrder) -> list[str]:
    """Say what keeps a change order from being sent."""
    gaps = [] if order.what else ["Say what changes."]
    gaps += [] if order.why else ["Say why it is outside the scope."]
    gaps += [] if order.lines or order.days else ["It neither costs nor takes anything: add a price line or days."]
    if order.expires_on is None:
        gaps.append("Say until when it is valid.")
    elif order.expires_on < order.engagement.client.workspace.today:
        gaps.append("The last day of its validity has passed; choose a later one.")
    return gaps


def check_order(order: ChangeOrder) -> dict[str, Any]:
    """Say what keeps a change from being sent, and how the contract reads without and with it."""
    before = after = None
    missing = missing_of(order) if order.status == ChangeOrder.Status.PRICED else []
    try:
        scope = signed_scope(order.engagement)
        before = _figures(ScopeDocument.from_dict(scope.shown))
        if order.status in (ChangeOrder.Status.PRICED, ChangeOrder.Status.SENT):
            after = _figures(changed_document(order, scope))
    except DomainError as error:
        missing = [*missing, str(error)]
    if order.status == ChangeOrder.Status.REQUESTED:
        missing = ["It has no price yet.", *missing]
    return {"missing": missing, "before": before, "after": after}


def changed_document(
    order: ChangeOrder, scope: ScopeVersion, amounts: Mapping[str, int] | None = None
) -> ScopeDocument:
    """Return the scope as it reads with the change in it."""
    lines = [PriceLine(**{name: line[name] for name in ("id", "text", "amount_minor", "milestone")})
             for line in order.lines]  # fmt: skip
    if amounts is not None:
        lines = [
            PriceLine(line.id, line.text, amounts.get(line.id, line.amount_minor), line.milestone) for line in lines
        ]
    return apply_change(
        ScopeDocument.from_dict(scope.shown),
        key=f"change-{order.number or 0}",
        what=order.what or order.wish,
        lines=lines,
        days=order.days,
        still_open=open_items(scope),
    )


def open_items(scope: ScopeVersion) -> set[str]:
    """Name the planned milestones whose rows may still change."""
    rows = Milestone.objects.filter(engagement=scope.engagement_id, status__in=Milestone.OPEN)
    still = {str(pk) for pk in rows.values_list("pk", flat=True)}
    return {item for item, row in scope.links.items() if row in still}


def _approve(
    order: ChangeOrder, engagement: Engagement, *, by: Actor, amounts: Mapping[str, int] | None, reason: str = ""
) -> ChangeOrder:
    _step(order, ChangeOrder.Status.APPROVED)
    if order.expires_on is not None and order.expires_on < engagement.client.workspace.today:
        raise ChangeOrderExpiredError(day=f"{order.expires_on:%-d %B %Y}")
    scope = signed_scope(engagement, lock=True)
    before, document = ScopeDocument.from_dict(scope.shown), changed_document(order, scope, amounts)
    agreed = document.price_minor - before.price_minor
    number = next_number(engagement)
    supersede(scope, by=by)
    change = {"number": order.number, "what": order.what, "sha256": order.digest, "agreed_minor": agreed,
              "previous_sha256": scope.digest}  # fmt: skip
    deposit = deposit_shares(before, scope.body)
    body = scope_body(engagement=engagement, number=number, document=document, change=change, deposit=deposit)
    now = timezone.now()
    fresh = ScopeVersion(
        engagement=engagement,
        number=number,
        status=ScopeVersion.Status.SIGNED,
        document=body["document"],
        work=scope.work,
        rate_minor=scope.rate_minor,
        links=scope.links,
        body=body,
        digest=digest(body),
        sent_at=now,
        signed_at=now,
        countersigned_name=scope.countersigned_name,
        created_by=scope.created_by,
    )
    fresh.links = place_milestones(scope=fresh, engagement=engagement, by=by)
    fresh.save(force_insert=True)
    order.agreed_minor, order.decided_at, order.result = agreed, now, fresh
    order.save(update_fields=["status", "agreed_minor", "decided_at", "result"])
    record(by=by, action="scope.signed", target=fresh, detail={"number": number, "sha256": fresh.digest})
    detail = {"requested": order.requested_minor, "agreed": agreed, "reason": reason.strip()[:500]}
    record(by=by, action="change.approved", target=order, detail=detail)
    return order


def _decline(order: ChangeOrder, *, by: Actor, reason: str) -> None:
    _step(order, ChangeOrder.Status.DECLINED)
    order.decided_at = timezone.now()
    order.save(update_fields=["status", "decided_at"])
    record(by=by, action="change.declined", target=order, detail={"reason": reason[:500]})


def _step(order: ChangeOrder, to: str) -> None:
    if to not in ChangeOrder.TRANSITIONS[order.status]:
        raise _illegal(order, to)
    order.status = to


def _illegal(order: ChangeOrder, to: str) -> DomainError:
    possible = ChangeOrder.TRANSITIONS[order.status]
    return illegal("The change", ChangeOrder.Status, order.status, to, possible)


def _locked(order: ChangeOrder, by: Actor) -> ChangeOrder:
    rows = ChangeOrder.objects.visible_to(by).select_related("engagement__client__workspace", "created_by")
    row: ChangeOrder = rows.select_for_update(of=("self",)).get(pk=order.pk)
    return row


def signed_scope(engagement: Engagement, *, lock: bool = False) -> ScopeVersion:
    """Find the version that holds; raises NoSignedScopeError."""
    found = engagement.scopes.filter(status=ScopeVersion.Status.SIGNED)
    scope: ScopeVersion | None = (found.select_for_update(of=("self",)) if lock else found).first()
    if scope is None:
        raise NoSignedScopeError
    return scope


def _lines(given: Sequence[Mapping[str, Any]]) -> list[PriceLine]:
    if len(given) > MOST_LINES:
        raise BadPriceLineError(place=MOST_LINES + 1, what=f"At most {MOST_LINES} lines fit. Split the change.")
    lines = [_line(line, place) for place, line in enumerate(given, start=1)]
    known: set[str] = set()
    for place, line in enumerate(lines, start=1):
        if line.id in known:
            raise BadPriceLineError(place=place, what="Another line has its id. Leave the id out.")
        known.add(line.id)
    return lines


def _line(line: Mapping[str, Any], place: int) -> PriceLine:
    text, amount = str(line.get("text", "")).strip()[:200], line.get("amount_minor")
    if not text:
        raise BadPriceLineError(place=place, what="Say what it is for.")
    if isinstance(amount, bool) or not isinstance(amount, int) or abs(amount) > LARGEST:
        raise BadPriceLineError(place=place, what="Give the amount as a whole number of minor units.")
    key = str(line.get("id") or new_id().hex)[:60]
    return PriceLine(key, text, amount, str(line.get("milestone") or "")[:200])


def _named(lines: list[dict[str, Any]], document: ScopeDocument) -> list[dict[str, Any]]:
    """Add the milestones' titles, so that the frozen order can be read alone."""
    titles = {milestone.id: milestone.title for milestone in document.milestones}
    return [{**line, "milestone_title": titles.get(line["milestone"], "")} for line in lines]


def _figures(document: ScopeDocument) -> dict[str, Any]:
    return {
        "price_minor": document.price_minor,
        "ends_on": max((milestone.due_on for milestone in document.milestones), default=""),
        "milestones": [
            {"id": m.id, "title": m.title, "due_on": m.due_on, "amount_minor": m.amount_minor}
            for m in document.milestones
        ],
    }
