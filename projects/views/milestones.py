"""Pages of milestones, and their rows inside the page of an engagement."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from projects.addresses import address
from projects.errors import DomainError
from projects.forms.milestones import InvoiceForm, MilestoneForm
from projects.models import Engagement, Milestone
from projects.parts import parts_for
from projects.queries.activity import activity_of
from projects.queries.engagements import milestone_by_id, need_of
from projects.services import milestones
from projects.views.engagements import engagement_context, find_engagement
from projects.web import ActorRequest, found, member, render_page, writer

# What may be done by hand from each status, the usual step first: (status, verb, what is asked).
STEPS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "planned": (("in_progress", "Start work", ""), ("cancelled", "Cancel it", "Why is it cancelled?")),
    "in_progress": (("submitted", "Submit", ""), ("cancelled", "Cancel it", "Why is it cancelled?")),
    "submitted": (
        ("accepted", "Record acceptance", "How did the client accept: by e-mail, in a call, when?"),
        ("changes_requested", "Changes requested", "What does the client ask for?"),
        ("in_progress", "Take back", "Why is it taken back?"),
    ),
    "changes_requested": (
        ("in_progress", "Take up work", ""),
        ("submitted", "Submit again", ""),
        ("cancelled", "Cancel it", "Why is it cancelled?"),
    ),
    "accepted": (),  # its invoice is noted on the page, with number and day
    "invoiced": (("paid", "Mark as paid", ""),),
    "paid": (),
    "cancelled": (("planned", "Plan it again", ""),),
}


@require_GET
@member
def milestone_page(request: ActorRequest, milestone_id: UUID) -> HttpResponse:
    """Show a promise: is it kept, and what is next."""
    return _page(request, _milestone(request, milestone_id))


@require_POST
@writer
def milestone_invoice(request: ActorRequest, milestone_id: UUID) -> HttpResponse:
    """Note the invoice of an accepted milestone."""
    milestone = _milestone(request, milestone_id)
    form = InvoiceForm(request.POST)
    if form.is_valid():
        try:
            milestones.mark_invoiced(milestone=milestone, by=request.actor, **form.cleaned_data)
        except DomainError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, f"“{milestone}” is invoiced.")
        return redirect("projects:milestone", milestone.pk)
    return _page(request, milestone, invoice_form=form, status=422)


def _page(
    request: ActorRequest, milestone: Milestone, *, invoice_form: InvoiceForm | None = None, status: int = 200
) -> HttpResponse:
    engagement = milestone.engagement
    running = engagement.status in (Engagement.Status.ACTIVE, Engagement.Status.ON_HOLD)
    may_change = _may_change(request, milestone)
    steps = STEPS[milestone.status] if may_change else ()
    parts = parts_for("milestone", "main", request.actor, milestone)
    step = next((part.step for part in parts if part.step), None)  # it has the one primary button, if there is one
    if engagement.status in (Engagement.Status.CANCELLED, Engagement.Status.ARCHIVED):
        step = None
    beside = step.other.to if step and step.other else ""
    to_bill = may_change and milestone.status == Milestone.Status.ACCEPTED
    context = {
        "milestone": milestone,
        "engagement": engagement,
        "need": need_of(milestone, today=timezone.localdate()) if running and not to_bill else None,
        "step": step,
        "way": next((part.way for part in parts if part.way), ()),
        "status_step": steps[0] if steps and not step else None,
        "other_steps": [one for one in steps if one[0] != beside] if step else steps[1:],
        "may_edit": bool(steps) and milestone.status not in Milestone.ACCEPTED_OR_LATER,
        "invoice_form": (invoice_form or InvoiceForm(initial={"on": timezone.localdate()})) if to_bill else None,
        "activity": activity_of(request.actor, [milestone]),
        "parts": parts,
        "side_parts": parts_for("milestone", "side", request.actor, milestone),
        "crumbs": [
            (engagement.client.name, address("projects:client", engagement.client_id)),
            (engagement.title, address("projects:engagement", engagement.pk)),
        ],
    }
    return render_page(request, "projects/milestone_page.html", context, status=status)


@require_http_methods(["GET", "POST"])
@writer
def milestone_new(request: ActorRequest, engagement_id: UUID) -> HttpResponse:
    """Add a promise to an engagement, in place."""
    engagement = find_engagement(request, engagement_id)
    form = MilestoneForm(request.POST or None, currency=engagement.currency)
    if request.method == "POST" and form.is_valid():
        try:
            made = milestones.create_milestone(engagement=engagement, by=request.actor, **form.terms)
        except DomainError as error:
            form.add_error(None, str(error))
        else:
            return _changed(request, engagement, made)
    return _form(request, form, engagement, None)


@require_http_methods(["GET", "POST"])
@writer
def milestone_edit(request: ActorRequest, milestone_id: UUID) -> HttpResponse:
    """Change a milestone's terms, in place."""
    milestone = _milestone(request, milestone_id)
    form = MilestoneForm(request.POST or None, instance=milestone, currency=milestone.engagement.currency)
    if request.method == "POST" and form.is_valid():
        try:
            milestones.update_milestone(milestone=milestone, by=request.actor, **form.terms)
        except DomainError as error:
            form.add_error(None, str(error))
        else:
            return _changed(request, milestone.engagement, milestone)
    return _form(request, form, milestone.engagement, milestone)


@require_POST
@writer
def milestone_status(request: ActorRequest, milestone_id: UUID) -> HttpResponse:
    """Bring a milestone into another status."""
    milestone = _milestone(request, milestone_id)
    to, reason = request.POST.get("to", ""), request.POST.get("reason", "")[:500]
    try:
        milestones.set_milestone_status(milestone=milestone, to=to, by=request.actor, reason=reason)
    except DomainError as error:
        messages.error(request, str(error))
    if request.POST.get("from") == "page":
        return redirect("projects:milestone", milestone.pk)
    return _changed(request, milestone.engagement, milestone)


@require_POST
@writer
def milestone_move(request: ActorRequest, milestone_id: UUID) -> HttpResponse:
    """Move a milestone up or down in its engagement."""
    milestone = _milestone(request, milestone_id)
    steps = -1 if request.POST.get("way") == "up" else 1
    try:
        milestones.move_milestone(milestone=milestone, by=request.actor, steps=steps)
    except DomainError as error:
        messages.error(request, str(error))
    return _changed(request, milestone.engagement, milestone)


def _milestone(request: ActorRequest, milestone_id: UUID) -> Milestone:
    return found(milestone_by_id(request.actor, milestone_id))


def _may_change(request: ActorRequest, milestone: Milestone) -> bool:
    return request.actor.may_write and milestone.engagement.status not in ("cancelled", "archived")


def _changed(request: ActorRequest, engagement: Engagement, milestone: Milestone) -> HttpResponse:
    """Go back to the engagement; htmx gets everything on its page that may have changed."""
    if not request.htmx:
        return redirect("projects:engagement", engagement.pk)
    context = engagement_context(request, engagement, changed=milestone.pk) | {"oob": True}
    response = render_page(request, "projects/engagement_page.html", context, partial="body")
    response["HX-Retarget"], response["HX-Reswap"] = "#engagement", "outerHTML"
    return response


def _form(
    request: ActorRequest, form: MilestoneForm, engagement: Engagement, milestone: Milestone | None
) -> HttpResponse:
    back = address("projects:engagement", engagement.pk)
    here = ("projects:milestone-edit", milestone.pk) if milestone else ("projects:milestone-new", engagement.pk)
    context = {
        "form": form,
        "engagement": engagement,
        "milestone": milestone,
        "action": reverse(here[0], args=[here[1]]),
        "back": back,
        "crumbs": [(engagement.client.name, ""), (engagement.title, back)][1:],
    }
    status = 422 if form.is_bound else 200
    return render_page(request, "projects/milestone_form.html", context, partial="form", status=status)
