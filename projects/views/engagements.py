"""Pages of engagements."""

from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from projects.addresses import address
from projects.errors import DomainError
from projects.filters import FIRST, chips, chosen, order_of, page_of, search_words
from projects.forms.engagements import EngagementForm
from projects.models import Client, Engagement, Milestone
from projects.parts import parts_for
from projects.queries.activity import activity_of
from projects.queries.engagements import (
    UNFINISHED,
    draft_need,
    engagement_by_id,
    engagements_by_status,
    engagements_of,
    first_engagements,
    know_papers,
    need_of,
)
from projects.queries.ledgers import ledger_of_engagement
from projects.queries.scopes import needs_in
from projects.queries.steps import next_step
from projects.services import engagements
from projects.web import ActorRequest, found, member, render_page, writer

ORDERS = {
    "-created": ("-created_at", "pk"),
    "title": ("title", "pk"),
    "-title": ("-title", "pk"),
    "client": ("client__name", "title"),
    "due": ("next_due", "title"),
    "-fee": ("-fee", "title"),
}
# The one next step first; the others stand in the menu.
STEPS: dict[str, tuple[tuple[str, str], ...]] = {
    "draft": (("active", "Make active"), ("cancelled", "Cancel it")),
    "active": (("completed", "Complete"), ("on_hold", "Put on hold"), ("cancelled", "Cancel it")),
    "on_hold": (("active", "Make active again"), ("completed", "Complete"), ("cancelled", "Cancel it")),
    "completed": (("archived", "Archive"), ("active", "Make active again")),
    "cancelled": (("archived", "Archive"),),
    "archived": (),
}


@require_GET
@member
def engagement_list(request: ActorRequest) -> HttpResponse:
    """List the workspace's engagements; htmx gets the table alone."""
    status, words = chosen(request, "status", Engagement.Status.values), search_words(request)
    order = order_of(request, ORDERS)
    first = partial(first_engagements, request.actor, status=status, order=order, limit=FIRST)
    rows = partial(engagements_of, request.actor, text=words, status=status)
    counts = engagements_by_status(request.actor)
    context = {
        "page": page_of(request, lambda: rows().order_by(*order), first=None if words else first),
        "words": words,
        "status": status,
        "chips": chips(request, "status", Engagement.Status.choices, counts, everything="Current"),
    }
    return render_page(request, "projects/engagement_list.html", context, partial="rows")


@require_http_methods(["GET", "POST"])
@writer
def engagement_new(request: ActorRequest) -> HttpResponse:
    """Start an engagement as a draft."""
    initial = {"currency": request.actor.workspace.currency, "client": request.GET.get("client", "")}
    form = EngagementForm(request.POST or None, actor=request.actor, initial=initial)
    if request.method == "POST" and form.is_valid():
        engagement = engagements.create_engagement(by=request.actor, **form.cleaned_data)
        messages.success(request, f"“{engagement}” is a draft. Write its scope next.")
        return redirect("projects:engagement", engagement.pk)
    clients = Client.objects.visible_to(request.actor).filter(archived_at=None).exists()
    crumbs = [("Engagements", reverse("projects:engagement-list"))]
    back = reverse("projects:engagement-list")
    return _form_page(request, form, title="New engagement", back=back, crumbs=crumbs, has_clients=clients)


@require_GET
@member
def engagement_page(request: ActorRequest, engagement_id: UUID) -> HttpResponse:
    """Show where a contract stands."""
    engagement = find_engagement(request, engagement_id)
    return render_page(request, "projects/engagement_page.html", engagement_context(request, engagement))


@require_http_methods(["GET", "POST"])
@writer
def engagement_edit(request: ActorRequest, engagement_id: UUID) -> HttpResponse:
    """Change an engagement's particulars."""
    engagement = find_engagement(request, engagement_id)
    title = engagement.title
    form = EngagementForm(request.POST or None, actor=request.actor, instance=engagement)
    if request.method == "POST" and form.is_valid():
        try:
            engagements.update_engagement(engagement=engagement, by=request.actor, **form.cleaned_data)
        except DomainError as error:
            form.add_error("currency" if error.code == "currency-fixed" else None, str(error))
        else:
            messages.success(request, "Saved.")
            return redirect("projects:engagement", engagement.pk)
    back = address("projects:engagement", engagement.pk)
    crumbs = [("Engagements", reverse("projects:engagement-list")), (title, back)]
    return _form_page(request, form, title="Edit engagement", back=back, crumbs=crumbs)


@require_POST
@writer
def engagement_status(request: ActorRequest, engagement_id: UUID) -> HttpResponse:
    """Bring an engagement into another status."""
    engagement = find_engagement(request, engagement_id)
    to, reason = request.POST.get("to", ""), request.POST.get("reason", "")[:500]
    try:
        changed = engagements.set_engagement_status(engagement=engagement, to=to, by=request.actor, reason=reason)
    except DomainError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"“{changed}” is {changed.get_status_display().lower()}.")
    return redirect("projects:engagement", engagement.pk)


def find_engagement(request: ActorRequest, engagement_id: UUID) -> Engagement:
    """Return an engagement of the actor's workspace, else 404."""
    return found(engagement_by_id(request.actor, engagement_id))


def engagement_context(request: ActorRequest, engagement: Engagement, changed: object = None) -> dict[str, Any]:
    """Gather what the page of an engagement shows; ``changed`` is the milestone that glows."""
    know_papers(engagement)
    milestones: Sequence[Milestone] = list(engagement.milestones.all())
    today = timezone.localdate()
    running = engagement.status in (Engagement.Status.ACTIVE, Engagement.Status.ON_HOLD)
    needs = [need for row in milestones if running and (need := need_of(row, today=today))]
    needs += needs_in(request.actor, engagement) if engagement.status in UNFINISHED else []
    if engagement.status == Engagement.Status.DRAFT and milestones and not needs:
        needs = [draft_need(engagement)]
    steps = STEPS[engagement.status]
    scopes, changes = engagement.scopes.all(), engagement.change_orders.all()
    return {
        "engagement": engagement,
        "milestones": milestones,
        "ledger": ledger_of_engagement(engagement, milestones),
        "needs": sorted(needs, key=lambda need: -need.harm),
        "activity": activity_of(request.actor, [engagement, *milestones, *scopes, *changes], limit=8),
        "step": next_step(request.actor, engagement, milestones),
        "status_step": steps[0] if steps and (milestones or engagement.status != "draft") else None,
        "other_steps": steps[1:] if milestones or engagement.status != "draft" else steps,
        "may_change": request.actor.may_write and engagement.status not in ("cancelled", "archived"),
        "changed": changed,
        "first_parts": parts_for("engagement", "first", request.actor, engagement),
        "parts": parts_for("engagement", "main", request.actor, engagement),
        "side_parts": parts_for("engagement", "side", request.actor, engagement),
        "crumbs": [
            ("Engagements", reverse("projects:engagement-list")),
            (engagement.client.name, address("projects:client", engagement.client_id)),
        ],
    }


def _form_page(
    request: ActorRequest,
    form: EngagementForm,
    *,
    title: str,
    back: str,
    crumbs: list[tuple[str, str]],
    has_clients: bool = True,
) -> HttpResponse:
    context = {
        "form": form,
        "title": title,
        "back": back,
        "crumbs": crumbs,
        "has_clients": has_clients,
    }
    return render_page(request, "projects/engagement_form.html", context, status=422 if form.is_bound else 200)
