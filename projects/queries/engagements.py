"""What pages ask about engagements: money from their milestones, and what waits for whom."""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet, Sum
from django.utils import timezone

from projects.access import Actor
from projects.addresses import address
from projects.attention import DUE, OVERDUE, SILENT, TO_DO, Need
from projects.models import ChangeOrder, Engagement, Milestone, ScopeVersion
from projects.prepared import Prepared, know

SOON = timedelta(days=14)
MOST_DRAFTS = 10
UNFINISHED = ("draft", "active", "on_hold")
DECIDED = Q(milestones__status__in=Milestone.ACCEPTED_OR_LATER)
COUNTED = ~Q(milestones__status="cancelled") & Q(milestones__isnull=False)


def engagements_of(actor: Actor | None, *, text: str = "", status: str = "") -> QuerySet[Engagement]:
    """List engagements with their fee, how many promises are kept, and the next due date."""
    found: QuerySet[Engagement] = Engagement.objects.visible_to(actor).select_related("client")
    if text:
        found = found.filter(Q(title__icontains=text) | Q(client__name__icontains=text))
    found = found.filter(status=status) if status else found.exclude(status="archived")
    return found.annotate(
        fee=Sum("milestones__fee_minor", filter=COUNTED, default=0),
        promised=Count("milestones", filter=COUNTED),
        kept=Count("milestones", filter=DECIDED),
        next_due=Min("milestones__due_on", filter=Q(milestones__status__in=Milestone.OPEN)),
    )


@Prepared
def first_engagements(actor: Actor, *, status: str, order: tuple[str, ...], limit: int) -> QuerySet[Engagement]:
    """List the first of all engagements."""
    return engagements_of(actor, status=status).order_by(*order)[:limit]


def engagements_by_status(actor: Actor) -> dict[str, int]:
    """Count the actor's engagements in every status that has any."""
    return dict(_counts(actor))


@Prepared
def _counts(actor: Actor) -> QuerySet[Any, tuple[str, int]]:
    counts: QuerySet[Any, Any] = Engagement.objects.visible_to(actor).order_by().values_list("status")
    return counts.annotate(Count("pk"))


@Prepared
def engagement_by_id(actor: Actor, engagement: UUID) -> QuerySet[Engagement]:
    """Find an engagement with its client."""
    found: QuerySet[Engagement] = Engagement.objects.visible_to(actor).filter(pk=engagement)
    return found.select_related("client")


@Prepared
def milestone_by_id(actor: Actor, milestone: UUID) -> QuerySet[Milestone]:
    """Find a milestone with its engagement and client."""
    found: QuerySet[Milestone] = Milestone.objects.visible_to(actor).filter(pk=milestone)
    return found.select_related("engagement__client")


def know_papers(engagement: Engagement) -> None:
    """Let an engagement know its milestones, scopes and change orders, which all parts of its page ask for."""
    know(
        engagement,
        milestones=_milestones(engagement.pk),
        scopes=_scopes(engagement.pk),
        change_orders=_change_orders(engagement.pk),
    )


@Prepared
def _milestones(engagement: UUID) -> QuerySet[Milestone]:
    found: QuerySet[Milestone] = Milestone.objects.filter(engagement=engagement)
    return found


@Prepared
def _scopes(engagement: UUID) -> QuerySet[ScopeVersion]:
    found: QuerySet[ScopeVersion] = ScopeVersion.objects.filter(engagement=engagement)
    return found


@Prepared
def _change_orders(engagement: UUID) -> QuerySet[ChangeOrder]:
    found: QuerySet[ChangeOrder] = ChangeOrder.objects.filter(engagement=engagement)
    return found


def open_work(actor: Actor) -> list[Engagement]:
    """List the engagements that are not over, each with the milestones that are not billed, as ``ahead``."""
    work = _work(actor)
    ahead: dict[Any, list[Milestone]] = {engagement.pk: [] for engagement in work}
    for row in _ahead(actor):
        ahead.get(row.engagement_id, []).append(row)
    for engagement in work:
        engagement.ahead = ahead[engagement.pk]  # type: ignore[attr-defined]
        for row in ahead[engagement.pk]:
            row.engagement = engagement
    return work


@Prepared
def _work(actor: Actor) -> QuerySet[Engagement]:
    found: QuerySet[Engagement] = Engagement.objects.visible_to(actor).filter(status__in=UNFINISHED)
    scopes = ScopeVersion.objects.filter(engagement=OuterRef("pk")).exclude(status="superseded")
    return found.select_related("client").annotate(has_scope=Exists(scopes))


@Prepared
def _ahead(actor: Actor) -> QuerySet[Milestone]:
    found: QuerySet[Milestone] = Milestone.objects.visible_to(actor).filter(engagement__status__in=UNFINISHED)
    return found.filter(status__in=[*Milestone.OPEN, Milestone.Status.ACCEPTED])


def engagement_needs(work: Iterable[Engagement]) -> Iterator[Need]:
    """Say what waits in open work: in all that runs, and the newest drafts, unless their scope says it."""
    today = timezone.localdate()
    drafts = [one for one in work if one.status == Engagement.Status.DRAFT and not one.has_scope]  # type: ignore[attr-defined]
    for engagement in work:
        if engagement.status != Engagement.Status.DRAFT:
            yield from filter(None, (need_of(row, today=today) for row in engagement.ahead))  # type: ignore[attr-defined]
    yield from (draft_need(engagement) for engagement in drafts[:MOST_DRAFTS])


def draft_need(engagement: Engagement) -> Need:
    """Say that a draft waits to be agreed on."""
    return Need(
        text=f"“{engagement.title}” is still a draft",
        why=f"Make it active once {engagement.client} has agreed.",
        url=address("projects:engagement", engagement.pk),
        action="Open",
        icon="briefcase",
    )


def need_of(milestone: Milestone, *, today: date) -> Need | None:
    """Say what a milestone waits for, and whose turn it is; None when nothing is to be done yet."""
    url = address("projects:milestone", milestone.pk)
    client, title, due = milestone.engagement.client, milestone.title, milestone.due_on
    if milestone.status == Milestone.Status.CHANGES_REQUESTED:
        why = f"{client} asked for changes; answer and submit it again."
        return Need(f"Changes requested on “{title}”", why, url, "Answer", SILENT + 5, "message", "unsure", at=due)
    if milestone.status == Milestone.Status.SUBMITTED:
        return _silent(milestone, url, today)
    if milestone.status == Milestone.Status.ACCEPTED:
        why = f"{client} accepted it. Write the invoice, and note its number."
        text, invoice = f"“{title}” can be invoiced", f"{url}#invoice"
        return Need(text, why, invoice, "Note the invoice", TO_DO + 5, "receipt", "accent", at=due)
    if milestone.status in (Milestone.Status.PLANNED, Milestone.Status.IN_PROGRESS) and due:
        if due < today:
            why = f"{_days(today - due)} late. Submit it, or agree on a new date with {client}."
            return Need(f"“{title}” is overdue", why, url, "Open", OVERDUE, "alert-triangle", "bad", at=due)
        if due - today <= SOON:
            begun = milestone.status == Milestone.Status.IN_PROGRESS
            why = f"For {client}; work {'is going on' if begun else 'has not started'}."
            return Need(f"“{title}” is due soon", why, url, "Open", DUE, "calendar", at=due)
    return None


def _silent(milestone: Milestone, url: str, today: date) -> Need:
    client, days = milestone.engagement.client, milestone.engagement.review_days
    since = timezone.localdate(milestone.submitted_at) if milestone.submitted_at else today
    if days:
        ends = since + timedelta(days=days)
        left = (ends - today).days
        end = f"Silence counts as acceptance in {_days(timedelta(left))}." if left > 0 else "The review window is over."
    else:
        end = "Remind them if it takes long."
    return Need(
        text=f"{client} reviews “{milestone.title}”",
        why=f"Submitted {_days(today - since)} ago. {end}" if since < today else f"Submitted today. {end}",
        url=url,
        action="Open",
        harm=SILENT if (today - since).days >= 7 else TO_DO - 5,  # noqa: PLR2004  a week of silence
        icon="hourglass",
        who="client",
        at=since,
    )


def _days(length: timedelta) -> str:
    return "1 day" if length.days == 1 else f"{length.days} days"


def coming_milestones(work: Iterable[Engagement], *, weeks: int = 8) -> list[Milestone]:
    """List the open milestones of open work that are due within some weeks; overdue ones too."""
    until = timezone.localdate() + timedelta(weeks=weeks)
    rows = [row for engagement in work for row in engagement.ahead]  # type: ignore[attr-defined]  # read by open_work
    due = [row for row in rows if row.status in Milestone.OPEN and row.due_on and row.due_on <= until]
    return sorted(due, key=lambda row: (row.due_on, row.pk))


def money_in_sight(actor: Actor) -> list[dict[str, Any]]:
    """Sum what is accepted and un-billed, billed and unpaid, and still to be earned, by currency."""
    return [{**row, "currency": row["engagement__currency"]} for row in _money(actor)]


@Prepared
def _money(actor: Actor) -> QuerySet[Any, dict[str, Any]]:
    rows = Milestone.objects.visible_to(actor).exclude(engagement__status__in=["cancelled", "archived"])
    sums: QuerySet[Any, Any] = (
        rows.order_by()
        .values("engagement__currency")
        .annotate(
            unbilled=Sum("fee_minor", filter=Q(status="accepted"), default=0),
            outstanding=Sum("fee_minor", filter=Q(status="invoiced"), default=0),
            open=Sum("fee_minor", filter=Q(status__in=Milestone.OPEN), default=0),
            paid=Sum("fee_minor", filter=Q(status="paid"), default=0),
        )
        .order_by("engagement__currency")
    )
    return sums
