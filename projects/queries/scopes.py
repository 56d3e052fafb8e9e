"""What pages ask about scopes: which holds, what it will take, what is missing, what changed."""

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

from django.db.models import QuerySet
from django.utils import timezone

from projects.access import Actor
from projects.addresses import address
from projects.attention import DUE, OVERDUE, SILENT, TO_DO, Need
from projects.models import ChangeOrder, Decision, Engagement, ScopeVersion
from projects.prepared import Prepared
from projects.queries.shares import answer_to, answers_to
from projects.scoping.documents import Gap, ScopeDocument
from projects.scoping.errors import ScopingError
from projects.scoping.items import WorkItem

if TYPE_CHECKING:
    from projects.scoping.estimates import Estimate

SEED = 20  # the same work items give the same estimate
EXPIRES_SOON = 5  # days
CLIENT_IS_SLOW = 7  # days
LISTED = 50


def scope_of(engagement: Engagement) -> ScopeVersion | None:
    """Find the version that matters now: the open one, else the one that was sent, else the signed one."""
    rows = [row for row in engagement.scopes.all() if row.status != ScopeVersion.Status.SUPERSEDED]
    order = [ScopeVersion.Status.DRAFT, ScopeVersion.Status.SENT, ScopeVersion.Status.SIGNED]
    return min(rows, key=lambda row: order.index(ScopeVersion.Status(row.status)), default=None)


def estimate_of(scope: ScopeVersion) -> "Estimate | None":
    """Estimate the work of a version from its complete items; None while there is none."""
    items = work_items(scope.work)
    if not items:
        return None
    from projects.scoping.estimates import estimate  # noqa: PLC0415  # brings numpy, which drawing alone needs

    fee = ScopeDocument.from_dict(scope.shown).price_minor
    return estimate(items, seed=SEED, rate_minor=scope.rate_minor, fee_minor=fee or None)


def work_items(work: Iterable[dict[str, str]]) -> list[WorkItem]:
    """Take the items whose three points are there and in order."""
    found = []
    for item in work:
        if all(item[name] for name in ("low", "likely", "high")):
            try:
                found.append(
                    WorkItem(item["title"], Decimal(item["low"]), Decimal(item["likely"]), Decimal(item["high"]))
                )
            except ScopingError:
                continue
    return found


def findings_of(scope: ScopeVersion) -> list[Gap]:
    """List what keeps a draft from being sent, and what is odd about its estimate, each with its place."""
    findings = ScopeDocument.from_dict(scope.shown).gaps()
    for number, item in enumerate(scope.work, start=1):
        points = [Decimal(item[name]) for name in ("low", "likely", "high") if item[name]]
        if points != sorted(points):
            title = item["title"] or f"item {number}"
            text = f"Estimate of “{title}”: low, likely and high are not in this order."
            findings.append(Gap(text, "work", item["id"], "low"))
    return findings


def requests_of(engagement: Engagement) -> list[ChangeOrder]:
    """List what was asked for, what waits first."""
    rows = list(engagement.change_orders.all())
    for row in rows:
        row.engagement = engagement
    return sorted(rows, key=lambda row: row.status not in ChangeOrder.WAITING or row.done_at is not None)


def scope_needs(actor: Actor) -> Iterable[Need]:
    """Say which scopes and changes wait, and for whom."""
    yield from _scopes_waiting(actor)
    yield from _changes_waiting(actor)


def _scopes_waiting(actor: Actor) -> Iterable[Need]:
    scopes = _open_scopes(actor)
    answers = answers_to([scope for scope in scopes if not scope.is_draft], actor=actor)
    for scope in scopes:
        yield scope_need(scope, answers.get(scope.pk))


def needs_in(actor: Actor, engagement: Engagement) -> Iterable[Need]:
    """Say what waits in the scope and the changes of one engagement."""
    scope = scope_of(engagement)
    if scope is not None and scope.status in (ScopeVersion.Status.DRAFT, ScopeVersion.Status.SENT):
        yield scope_need(scope, answer_to(scope, actor=actor))
    yield from (
        change_need(order)
        for order in requests_of(engagement)
        if order.status in ChangeOrder.WAITING and not order.done_at
    )


def scope_need(scope: ScopeVersion, decision: Decision | None) -> Need:
    """Say what a version that does not hold yet waits for, and whose turn it is."""
    url, client = address("projects:scope", scope.pk), scope.engagement.client
    if scope.is_draft:
        why = f"For {client}; it has not been sent."
        return Need(f"Scope of “{scope.engagement}” is a draft", why, url, "Go on", icon="file-text")
    if decision is None:
        days = (timezone.now() - (scope.sent_at or scope.created_at)).days
        return Need(
            text=f"{client} reads the scope of “{scope.engagement}”",
            why=f"Sent {days} days ago." if days > 1 else "Sent just now.",
            url=url,
            action="Open",
            harm=SILENT if days >= CLIENT_IS_SLOW else TO_DO - 5,
            icon="hourglass",
            who="client",
            at=scope.sent_at,
        )
    if decision.answer == Decision.Answer.SIGNED:
        why = f"{decision.name} signed it; your signature makes it hold."
        text = f"Countersign the scope of “{scope.engagement}”"
        return Need(text, why, url, "Sign", DUE + 2, "pencil", "accent", at=decision.created_at)
    why = f"{decision.name} asks for changes before signing."
    text = f"Revise the scope of “{scope.engagement}”"
    return Need(text, why, url, "Revise", DUE + 2, "message", "unsure", at=decision.created_at)


@Prepared
def _open_scopes(actor: Actor) -> QuerySet[ScopeVersion]:
    rows: QuerySet[ScopeVersion] = ScopeVersion.objects.visible_to(actor).filter(status__in=["draft", "sent"])
    return rows.select_related("engagement__client").defer("work", "undo")[:LISTED]


@Prepared
def _open_changes(actor: Actor) -> QuerySet[ChangeOrder]:
    rows: QuerySet[ChangeOrder] = ChangeOrder.objects.visible_to(actor)
    rows = rows.filter(status__in=ChangeOrder.WAITING, done_at=None)
    return rows.select_related("engagement__client")[:LISTED]


def _changes_waiting(actor: Actor) -> Iterable[Need]:
    return map(change_need, _open_changes(actor))


def change_need(order: ChangeOrder) -> Need:
    """Say what a request or a change waits for, and whose turn it is."""
    url, client = address("projects:change-order", order.pk), order.engagement.client
    asked = f"{order.asked_by or client} asked for it"
    if order.status == ChangeOrder.Status.SENT:
        return _sent_change(order, url)
    if order.state == ChangeOrder.Status.PRICED:
        return Need(f"“{order.wish}” is priced and not sent", f"For {client}.", url, "Send", icon="send")
    if order.fit == ChangeOrder.Fit.INSIDE:
        why = f"{asked}, and it is in scope."
        return Need(f"Do “{order.wish}”", why, url, "Open", TO_DO - 1, "message", at=order.asked_on)
    if order.fit == ChangeOrder.Fit.OUTSIDE:
        why = f"{asked}, and it is out of scope."
        return Need(f"“{order.wish}” has no price yet", why, url, "Price it", TO_DO + 2, "message", at=order.asked_on)
    why = f"{asked}. In or out of scope, and at what price?"
    return Need(f"“{order.wish}” has no answer", why, url, "Answer", TO_DO + 2, "message", at=order.asked_on)


def _sent_change(order: ChangeOrder, url: str) -> Need:
    left = (order.expires_on - timezone.localdate()).days if order.expires_on else None
    if left is not None and left < 0:
        why = "Nobody answered in time. Withdraw it, or price it anew."
        return Need(f"{order} has expired", why, url, "Open", OVERDUE - 5, "clock", "bad", at=order.expires_on)
    soon = left is not None and left <= EXPIRES_SOON
    last = f"Valid until {order.expires_on:%-d %B}." if order.expires_on else ""
    return Need(
        text=f"{order} waits for {order.engagement.client}",
        why=f"It expires soon. {last}" if soon else last,
        url=url,
        action="Open",
        harm=SILENT if soon else TO_DO - 5,
        icon="hourglass",
        tone="unsure" if soon else "plain",
        who="client",
        at=order.expires_on,
    )
