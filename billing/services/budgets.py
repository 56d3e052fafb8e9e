"""Changes to budgets, and the alerts when they run out."""

from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from billing.bills.amounts import plain_text
from billing.currencies import EXPONENTS
from billing.forecast import budget_alerts
from billing.models import Budget, BudgetAlert
from billing.money import Money
from billing.queries.budgets import BudgetState, budgets_in, state_of
from projects.access import Actor, Role
from projects.errors import DomainError
from projects.models import Engagement, Membership, Milestone
from projects.models.people import Workspace
from projects.services.audit import hold_trail, record
from projects.services.mail import queue_mail

FIELDS = ("span", "amount_minor", "currency")


class BudgetError(DomainError):
    """Raised when a budget cannot be meant."""

    code = "bad-budget"
    template = "{message}"


@transaction.atomic
def save_budget(
    *,
    by: Actor,
    budget: Budget | None = None,
    engagement: Engagement | None = None,
    milestone: Milestone | None = None,
    **fields: Any,
) -> Budget:
    """Set a budget, or change its amount; thresholds that are reached are told at once.

    Raises BudgetError, MoneyError.
    """
    by.must_write()
    Workspace.objects.select_for_update().get(pk=by.workspace.pk)  # of two alike at once the second is refused
    if budget is not None:
        saved: Budget = Budget.objects.visible_to(by).select_for_update(of=("self",)).get(pk=budget.pk)
    else:
        if engagement is None:
            raise BudgetError(message="A budget belongs to an engagement. Choose one.")
        mine = Engagement.objects.visible_to(by).get(pk=engagement.pk)
        if milestone is not None and milestone.engagement_id != mine.pk:
            raise BudgetError(message="The milestone is of another engagement. Choose one that belongs to it.")
        saved = Budget(engagement=mine, milestone=milestone)
    for name, value in fields.items():
        if name not in FIELDS:
            message = f"A budget has no {name}."
            raise TypeError(message)
        setattr(saved, name, value)
    if Money(saved.amount_minor, saved.currency).minor <= 0:
        raise BudgetError(message="A budget is above zero. Give an amount.")
    twins = Budget.objects.filter(
        engagement=saved.engagement, milestone=saved.milestone, span=saved.span, currency=saved.currency
    )
    if twins.exclude(pk=saved.pk).exists():
        raise BudgetError(message="There is such a budget already. Change that one.")
    saved.save()
    saved.alerts.all().delete()  # the limit is another one now
    record(by=by, action="budget.saved", target=saved, detail={"amount_minor": saved.amount_minor})
    check_budgets(workspace=by.workspace)
    return saved


@transaction.atomic
def delete_budget(*, budget: Budget, by: Actor) -> None:
    """Delete a budget and its alerts."""
    by.must_write()
    Budget.objects.visible_to(by).filter(pk=budget.pk).delete()
    record(by=by, action="budget.deleted", target=budget)


@transaction.atomic
def check_budgets(*, workspace: Workspace, engagement: Engagement | None = None) -> list[BudgetAlert]:
    """Tell every threshold that is reached and was not told yet, in the page and by mail, once each."""
    hold_trail(workspace)  # two that look at once tell nothing twice
    today = timezone.now().date()
    told: list[BudgetAlert] = []
    budgets = budgets_in(workspace)
    if engagement is not None:
        budgets = budgets.filter(engagement=engagement)
    for budget in budgets:
        state = state_of(budget, today=today)
        known = set(budget.alerts.filter(month=state.month).values_list("basis", "threshold"))
        reached = budget_alerts(budget=budget.amount, actual=state.actual, expected=state.expected, told=known)
        fresh = [
            BudgetAlert(
                budget=budget,
                month=state.month,
                basis=alert.basis,
                threshold=alert.threshold,
                amount=plain_text(alert.amount),
            )
            for alert in reached
        ]
        BudgetAlert.objects.bulk_create(fresh)
        if fresh:
            _write_to_owners(state, fresh)
        told += fresh
    return told


def _written(amount: Decimal, currency: str) -> str:
    """Write an amount with the places of its currency; a provider's own credits are no currency of ISO 4217."""
    return Money.rounded(amount, currency).format() if currency in EXPONENTS else f"{amount:,.2f} {currency}"


def _write_to_owners(state: BudgetState, fresh: list[BudgetAlert]) -> None:
    """Send one letter for all thresholds that were reached at once; it names the highest."""
    budget, worst = state.budget, max(fresh, key=lambda alert: (alert.basis == "actual", alert.threshold))
    what = budget.milestone or budget.engagement
    workspace = budget.engagement.client.workspace
    used = Money.rounded(state.actual, budget.currency).format()
    lines = [f"“{what}” has used {used} of its budget of {budget.money.format()} ({state.percent} %)."]
    if state.expected is not None:
        lines.append(f"Expected at the end of the month: {Money.rounded(state.expected, budget.currency).format()}.")
    if state.uncounted:
        others = ", ".join(_written(amount, currency) for currency, amount in state.uncounted)
        lines.append(f"Not counted, as it is in another currency: {others}.")
    lines.append(f"{settings.SITE_URL}{reverse('billing:budget-list')}")
    reached = "is reached" if worst.basis == "actual" else "will be reached this month"
    subject = f"{worst.threshold} % of the budget of “{what}” {reached}"
    for owner in Membership.objects.filter(workspace=workspace, role=Role.OWNER).select_related("user"):
        queue_mail(
            workspace=workspace,
            to=owner.user.email,
            subject=subject,
            body="\n\n".join(lines),
            key=f"budget:{worst.pk}:{owner.user_id}",
        )
