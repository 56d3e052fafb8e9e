"""The one next step of an engagement, from writing its scope to the last payment; read from its rows."""

from collections.abc import Sequence
from datetime import timedelta

from django.utils import timezone

from projects.access import Actor
from projects.addresses import address
from projects.models import ChangeOrder, Decision, Engagement, Milestone, ScopeVersion
from projects.parts import Step, step_of
from projects.queries.scopes import scope_of
from projects.queries.shares import answer_to

AT_WORK = (Milestone.Status.PLANNED, Milestone.Status.IN_PROGRESS)


def next_step(actor: Actor, engagement: Engagement, milestones: Sequence[Milestone]) -> Step | None:
    """Say what is next, and whose turn it is; None where nothing is left to do.

    ``milestones`` are the engagement's own in their order, each knowing its engagement.
    """
    if engagement.status == Engagement.Status.ON_HOLD:
        return Step("On hold: nothing is expected before it is active again.")
    if engagement.status not in (Engagement.Status.DRAFT, Engagement.Status.ACTIVE):
        return None
    return (
        _of_scope(actor, engagement, has_milestones=bool(milestones))
        or _of_requests(engagement)
        or _of_milestones(actor, milestones)
    )


def _of_scope(actor: Actor, engagement: Engagement, *, has_milestones: bool) -> Step | None:
    scope = scope_of(engagement)
    if scope is None:
        if has_milestones and engagement.status == Engagement.Status.ACTIVE:
            return None
        start = address("projects:scope-start", engagement.pk)
        return Step("Write the scope: what is in, what is not, by when and for how much.", "Write the scope", start)
    url = address("projects:scope", scope.pk)
    if scope.is_draft:
        return Step(f"Finish version {scope.number} of the scope, and send it to {engagement.client}.", "Go on", url)
    return None if scope.status == ScopeVersion.Status.SIGNED else _of_sent_scope(actor, scope, url)


def _of_sent_scope(actor: Actor, scope: ScopeVersion, url: str) -> Step:
    answer = answer_to(scope, actor=actor)
    if answer is None:
        text = f"{scope.engagement.client} reads the scope. You see it here when it is signed."
        return Step(text, "Open the scope", url, who="client")
    if answer.answer == Decision.Answer.SIGNED:
        return Step(f"{answer.name} signed the scope: countersign it, and it holds.", "Countersign", url)
    return Step(f"{answer.name} asks for changes in the scope: revise it as a new version.", "Revise", url)


def _of_requests(engagement: Engagement) -> Step | None:
    for order in engagement.change_orders.all():
        url = address("projects:change-order", order.pk)
        if order.state == ChangeOrder.Status.PRICED:
            return Step(f"“{order.wish}” is priced: send it as a change order.", "Send it", url)
        if order.state in (ChangeOrder.Status.REQUESTED, "unpriced"):
            question = "is outside the scope: price it." if order.fit else "was asked for: in or out of scope?"
            return Step(f"“{order.wish}” {question}", "Price it" if order.fit else "Decide", url)
    return None


def _of_milestones(actor: Actor, milestones: Sequence[Milestone]) -> Step | None:
    """Answer what was sent back, bill what was accepted, work on what comes first; then wait."""
    if row := _first(milestones, Milestone.Status.CHANGES_REQUESTED):
        text = f"{row.engagement.client} asked for changes on “{row}”: answer, and submit it again."
        return Step(text, "Open", _page(row))
    if row := _first(milestones, Milestone.Status.ACCEPTED):
        text = f"“{row}” is accepted: write its invoice, and note the number."
        return Step(text, "Note the invoice", _page(row) + "#invoice")
    if row := _first(milestones, *AT_WORK):
        return step_of("milestone", actor, row) or _of_work(row)
    return _of_waiting(milestones)


def _of_waiting(milestones: Sequence[Milestone]) -> Step | None:
    """Say whose answer or money is awaited, or that nothing is left but to complete."""
    if row := _first(milestones, Milestone.Status.SUBMITTED):
        return Step(f"{row.engagement.client} reviews “{row}”. {_due(row)}", "Open", _page(row), who="client")
    if row := _first(milestones, Milestone.Status.INVOICED):
        return Step(f"“{row}” is invoiced: mark it as paid when the money is there.", "Open", _page(row), who="client")
    if _first(milestones, Milestone.Status.PAID):
        return Step("Every promise is kept and paid: complete the engagement.")
    return None


def _first(milestones: Sequence[Milestone], *statuses: str) -> Milestone | None:
    return next((row for row in milestones if row.status in statuses), None)


def _of_work(row: Milestone) -> Step:
    by = f", due {row.due_on:%-d %B}" if row.due_on else ""
    if row.status == Milestone.Status.PLANNED:
        return Step(f"Start work on “{row}”{by}.", "Open", _page(row))
    return Step(f"Submit “{row}” when it is done{by}.", "Open", _page(row))


def _due(row: Milestone) -> str:
    days = row.engagement.review_days
    if not days or row.submitted_at is None:
        return "No day is agreed for the answer."
    last = timezone.localdate(row.submitted_at) + timedelta(days=days)
    return f"The answer is due by {last:%-d %B}; then silence accepts."


def _page(row: Milestone) -> str:
    return address("projects:milestone", row.pk)
