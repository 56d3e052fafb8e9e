"""Changes to hourly rates, and the bookings that follow them."""

from decimal import Decimal
from typing import Any

from django.db import transaction

from billing.models import Rate
from billing.pricing import RateCard
from billing.queries.compute import as_rate
from billing.services.budgets import check_budgets
from billing.services.compute import price_again
from projects.access import Actor
from projects.models.people import Workspace
from projects.services.audit import record

FIELDS = ("kind", "machine", "price", "currency", "valid_from", "valid_until")


@transaction.atomic
def save_rate(*, by: Actor, rate: Rate | None = None, **fields: Any) -> Rate:
    """Add a rate, or change one; machine time is priced anew, and budgets follow. Raises PricingError, MoneyError."""
    by.must_write()
    Workspace.objects.select_for_update().get(pk=by.workspace.pk)  # of two that contradict each other one is refused
    saved: Rate = (
        Rate.objects.visible_to(by).select_for_update().get(pk=rate.pk) if rate else Rate(workspace=by.workspace)
    )
    for name, value in fields.items():
        if name not in FIELDS:
            message = f"A rate has no {name}."
            raise TypeError(message)
        setattr(saved, name, f"{value:f}" if isinstance(value, Decimal) else value)
    others = Rate.objects.visible_to(by).exclude(pk=saved.pk)
    RateCard([as_rate(row) for row in (saved, *others)])  # refuses rates that contradict each other
    saved.save()
    price_again(workspace=by.workspace)
    record(by=by, action="rate.saved", target=saved, detail={"price": saved.price, "currency": saved.currency})
    check_budgets(workspace=by.workspace)
    return saved


@transaction.atomic
def delete_rate(*, rate: Rate, by: Actor) -> None:
    """Delete a rate; what was priced by it is priced by what is left."""
    by.must_write()
    Workspace.objects.select_for_update().get(pk=by.workspace.pk)
    Rate.objects.visible_to(by).filter(pk=rate.pk).delete()
    price_again(workspace=by.workspace)
    record(by=by, action="rate.deleted", target=rate)
    check_budgets(workspace=by.workspace)
