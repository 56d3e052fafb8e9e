"""What the second storey adds to pages of the ground: costs beside the fee, and actions of the palette."""

from collections.abc import Iterable

from django.urls import reverse
from django.utils import timezone

from billing.queries.bills import bytes_kept, known_files
from billing.queries.budgets import (
    BudgetState,
    budget_needs,
    budgets_for_engagement,
    budgets_for_milestone,
    state_of,
)
from billing.queries.costs import Outlay
from billing.storage import BILLS
from projects.access import Actor
from projects.attention import register_needs
from projects.models import Engagement, Milestone
from projects.palette import Entry, register_actions
from projects.parts import Part, register_part
from projects.quota import register_files
from projects.strays import register_shelf


def engagement_part(actor: Actor, engagement: Engagement) -> Part:
    """Show what an engagement has cost."""
    lines = f"{reverse('billing:spend')}?engagement={engagement.pk}"
    fee = sum(row.fee_minor for row in engagement.milestones.all() if row.status != Milestone.Status.CANCELLED)
    outlay = Outlay(engagement)
    return Part(
        "billing/cost_part.html",
        {
            "cost": outlay.summary,
            "fee_minor": fee,
            "fee_currency": engagement.currency,
            "budgets": _budgets(outlay),
            "lines": lines,
            "target": f"engagement:{engagement.pk}",
            "may_set": actor.may_write,
        },
    )


def milestone_part(actor: Actor, milestone: Milestone) -> Part:
    """Show what a milestone has cost."""
    outlay = Outlay(milestone.engagement, milestone)
    return Part(
        "billing/cost_part.html",
        {
            "cost": outlay.summary,
            "fee_minor": milestone.fee_minor,
            "fee_currency": milestone.engagement.currency,
            "budgets": _budgets(outlay),
            "target": f"milestone:{milestone.pk}",
            "may_set": actor.may_write,
        },
    )


def _budgets(outlay: Outlay) -> list[BudgetState]:
    today = timezone.now().date()
    milestone = outlay.milestone
    found = budgets_for_milestone(milestone.pk) if milestone else budgets_for_engagement(outlay.engagement.pk)
    return [state_of(budget, today=today, outlay=outlay) for budget in found]


def _actions(actor: Actor, words: str, limit: int) -> Iterable[Entry]:
    yield Entry("Go to spend", reverse("billing:spend"), icon="coins", words="cloud cost explorer")
    yield Entry("Go to rules of spend", reverse("billing:rule-list"), icon="filter", words="allocation attribution")
    yield Entry("Go to budgets", reverse("billing:budget-list"), icon="target", words="alerts limit")
    yield Entry("Go to machine time", reverse("billing:spend-compute"), icon="cpu", words="rates compute gpu hours")
    if actor.may_write:
        yield Entry("Upload a bill", reverse("billing:bill-new"), icon="upload", words="import cloud invoice focus aws")
        yield Entry("New rule of spend", reverse("billing:rule-new"), icon="plus", words="add allocation")
        yield Entry("New budget", reverse("billing:budget-new"), icon="plus", words="add limit alert")


def register_all() -> None:
    """Add the parts, needs and actions; called once when the application starts."""
    register_part(page="engagement", name="spend", build=engagement_part, place="side", order=40)
    register_part(page="milestone", name="spend", build=milestone_part, place="side", order=40)
    register_files("bills", bytes_kept)
    register_shelf(BILLS, known_files)
    register_needs("budgets", budget_needs)
    register_actions("spend", _actions)
