"""The contract ledger from the rows: the same figures for the page, the report and the API."""

from collections.abc import Iterable, Iterator
from typing import Any

from projects.models import ChangeOrder, Engagement, Milestone, ScopeVersion
from projects.scoping.ledger import (
    Accepted,
    Approved,
    Declined,
    Event,
    Invoiced,
    Paid,
    Priced,
    Requested,
    Sent,
    Signed,
    Withdrawn,
    ledger_of,
)


def ledger_of_engagement(engagement: Engagement, milestones: Iterable[Milestone] | None = None) -> dict[str, Any]:
    """Say where an engagement's money stands, in minor units; ``pending`` is shown and counted nowhere.

    Until a scope is signed the fees of the milestones stand for the original price. ``outside`` is what
    the milestones sum up to beyond what is agreed, ``creep`` the share of approved changes in per cent.
    """
    rows = list(engagement.milestones.all() if milestones is None else milestones)
    counted = [row for row in rows if row.status != Milestone.Status.CANCELLED]
    fees = sum(row.fee_minor for row in counted)
    first = signed_first(engagement)
    orders = engagement.change_orders.all()
    ledger = ledger_of(_history(first, fees, orders, counted), currency=engagement.currency)
    return ledger.to_dict() | {
        "is_signed": first is not None,
        "outside": fees - ledger.revised if first else 0,
    }


def signed_first(engagement: Engagement) -> ScopeVersion | None:
    """Find the version that was signed as the original scope; None while nothing is signed."""
    signed = [row for row in engagement.scopes.all() if row.signed_at and row.body and not row.body["change"]]
    return min(signed, key=lambda row: row.number, default=None)


def _history(
    first: ScopeVersion | None, fees: int, orders: Iterable[ChangeOrder], milestones: list[Milestone]
) -> Iterator[Event]:
    price = first.body["price_minor"] if first and first.body else fees
    yield Signed(price)
    for order in orders:
        yield from _events_of(order)
    for row in milestones:
        if row.status in Milestone.ACCEPTED_OR_LATER:
            yield Accepted(row.fee_minor)
        if row.status in ("invoiced", "paid"):
            yield Invoiced(row.fee_minor)
        if row.status == Milestone.Status.PAID:
            yield Paid(row.fee_minor)


def _events_of(order: ChangeOrder) -> Iterator[Event]:
    """Retell a change order; one that ran out waits no more."""
    key, status = str(order.pk), order.status
    yield Requested(key)
    if order.lines or order.sent_at or status == ChangeOrder.Status.PRICED:
        yield Priced(key, tuple(line["amount_minor"] for line in order.lines))
    if order.sent_at is not None:
        yield Sent(key)
    if status == ChangeOrder.Status.APPROVED:
        yield Approved(key, order.agreed_minor)
    elif status == ChangeOrder.Status.DECLINED:
        yield Declined(key)
    elif status == ChangeOrder.Status.WITHDRAWN or order.is_expired:
        yield Withdrawn(key)
