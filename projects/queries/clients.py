"""What pages ask about clients."""

from django.db.models import Count, Min, Q, QuerySet, Sum

from projects.access import Actor
from projects.models import Client, Milestone
from projects.prepared import Prepared

OPEN_WORK = Q(engagements__status__in=["draft", "active", "on_hold"])


def clients_of(actor: Actor | None, *, text: str = "", archived: bool = False) -> QuerySet[Client]:
    """List clients with the number of their open engagements and the next due date."""
    found: QuerySet[Client] = Client.objects.visible_to(actor).filter(archived_at__isnull=not archived)
    if text:
        found = found.filter(Q(name__icontains=text) | Q(contacts__name__icontains=text)).distinct()
    open_milestone = OPEN_WORK & Q(engagements__milestones__status__in=Milestone.OPEN)
    return found.annotate(
        open_engagements=Count("engagements", filter=OPEN_WORK, distinct=True),
        next_due=Min("engagements__milestones__due_on", filter=open_milestone),
    )


@Prepared
def first_clients(actor: Actor, *, archived: bool, order: tuple[str, ...], limit: int) -> QuerySet[Client]:
    """List the first of all clients."""
    return clients_of(actor, archived=archived).order_by(*order)[:limit]


def owed_by(client: Client) -> list[dict[str, object]]:
    """Sum what is invoiced and not paid, by currency."""
    rows = Milestone.objects.filter(engagement__client=client, status=Milestone.Status.INVOICED)
    sums = rows.order_by().values("engagement__currency").annotate(minor=Sum("fee_minor"))
    return [{"currency": row["engagement__currency"], "minor": row["minor"]} for row in sums]
