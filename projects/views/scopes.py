"""Pages of scopes: begun, edited in place, sent, countersigned, compared."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from projects.errors import DomainError
from projects.forms.amounts import read_amount, typed_amount, written_amount
from projects.forms.scopes import CountersignForm, typed_item, typed_steps, typed_terms
from projects.forms.shares import ShareLinkForm
from projects.models import ScopeVersion
from projects.queries.scopes import estimate_of, findings_of, scope_of
from projects.queries.shares import answer_to
from projects.scoping.diff import FieldChange, ScopeDiff, diff_documents
from projects.scoping.documents import SECTIONS, ScopeDocument
from projects.scoping.errors import ScopingError
from projects.scoping.payments import payment_plan
from projects.scoping.starters import payment_patterns, starters
from projects.services import scope_drafts, scopes
from projects.views.documents import send_form
from projects.views.engagements import find_engagement
from projects.views.share_links import share_context
from projects.views.shared_scopes import ScopeRoom
from projects.web import ActorRequest, member, render_page, writer

DAYS = 30  # a link to a scope works so long unless another time is chosen
HINTS = {
    "objectives": "What the client wants to be able to do or know.",
    "in_scope": "What is done.",
    "out_of_scope": "What is not done, though somebody might expect it.",
    "assumptions": "What the price rests on: each with its check, and what happens if it is false.",
    "deliverables": "What is handed over.",
    "milestones": "Promises with a date and a price; paid when accepted.",
    "acceptance": "How each milestone is judged. A clause with a protocol also names its rows.",
}
ONE = {
    "objectives": "an objective",
    "in_scope": "an item",
    "out_of_scope": "an exclusion",
    "assumptions": "an assumption",
    "deliverables": "a deliverable",
    "milestones": "a milestone",
    "acceptance": "a clause",
}
FIELD_NAMES = {
    "amount_minor": "price",
    "due_on": "due",
    "if_false": "if false",
    "review_days": "review window in days",
    "deposit_percent": "deposit in per cent",
}


@require_http_methods(["GET", "POST"])
@writer
def scope_start(request: ActorRequest, engagement_id: UUID) -> HttpResponse:
    """Offer the starting points; POST begins the scope from one."""
    engagement = find_engagement(request, engagement_id)
    if request.method == "POST":
        try:
            starter = request.POST.get("starter", "")[:60]
            scope = scope_drafts.start_scope(engagement=engagement, by=request.actor, starter=starter)
        except DomainError as error:
            messages.error(request, str(error))
            return redirect("projects:scope-start", engagement.pk)
        return redirect("projects:scope", scope.pk)
    if present := scope_of(engagement):
        return redirect("projects:scope", present.pk)
    crumbs = [("Engagements", reverse("projects:engagement-list"))]
    crumbs += [(engagement.title, reverse("projects:engagement", args=[engagement.pk]))]
    context = {"engagement": engagement, "starters": starters(), "crumbs": crumbs}
    return render_page(request, "scopes/scope_start.html", context)


@require_GET
@member
def scope_page(request: ActorRequest, scope_id: UUID) -> HttpResponse:
    """Show a version: the draft to edit, or what was sent exactly as the client sees it."""
    scope = find_scope(request, scope_id)
    if scope.is_draft and request.actor.may_write:
        return render_page(request, "scopes/scope_edit.html", editor_context(request, scope))
    return render_page(request, "scopes/scope_page.html", _page_context(request, scope))


@require_POST
@writer
def scope_edit(request: ActorRequest, scope_id: UUID) -> HttpResponse:
    """Take one change of the draft; the page is told what it means for hours, price and findings."""
    scope = find_scope(request, scope_id)
    do, trouble, focus = request.POST.get("do", ""), "", ""
    try:
        focus = _change(request, scope, do)
    except ScopingError as error:
        trouble = str(error).removeprefix(f"{error.field}: ")  # the place is shown, not named
    except DomainError as error:
        trouble = str(error)
    except forms.ValidationError as error:
        trouble = str(error.message)
    if not getattr(request, "htmx", None):
        if trouble:
            messages.error(request, f"Not saved. {trouble}")
        return redirect(reverse("projects:scope", args=[scope.pk]) + (f"#{focus}" if focus else ""))
    fresh = find_scope(request, scope_id)
    context = editor_context(request, fresh) | {"trouble": trouble, "saved": not trouble, "focus": focus, "oob": True}
    part = "margin" if do in ("set", "terms", "rate") or trouble else "editor"
    return render_page(request, "scopes/scope_edit.html", context, partial=part, status=422 if trouble else 200)


def _change(request: ActorRequest, scope: ScopeVersion, do: str) -> str:
    """Carry out one change, and say which item the eye should go to."""
    typed, by = request.POST, request.actor
    section, item = typed.get("section", ""), typed.get("item", "")
    currency = scope.engagement.currency
    if do == "add":
        return scope_drafts.add_item(scope=scope, section=section, by=by)
    if do == "set":
        fields = typed_item(section, typed.dict(), currency)
        scope_drafts.set_item(scope=scope, section=section, item=item, by=by, **fields)
    elif do in ("up", "down"):
        steps = -1 if do == "up" else 1
        scope_drafts.move_item(scope=scope, section=section, item=item, steps=steps, by=by)
        return item
    elif do == "move":
        steps = typed_steps(typed.get("steps", ""))
        scope_drafts.move_item(scope=scope, section=section, item=item, steps=steps, by=by)
    elif do == "remove":
        scope_drafts.remove_item(scope=scope, section=section, item=item, by=by)
    elif do == "undo":
        scope_drafts.undo(scope=scope, by=by)
    elif do == "rate":
        rate = typed.get("rate", "")
        scope_drafts.set_rate(scope=scope, rate_minor=read_amount(rate, currency) or None, by=by)
    elif do == "terms":
        scope_drafts.set_terms(scope=scope, by=by, **typed_terms(typed.dict()))
    else:
        raise Http404
    return ""


@require_POST
@writer
def scope_countersign(request: ActorRequest, scope_id: UUID) -> HttpResponse:
    """Sign after the client."""
    scope = find_scope(request, scope_id)
    form = CountersignForm(request.POST)
    if not form.is_valid():
        context = _page_context(request, scope) | {"countersign_form": form}
        return render_page(request, "scopes/scope_page.html", context, status=422)
    try:
        scopes.countersign_scope(scope=scope, name=form.cleaned_data["name"], by=request.actor)
    except DomainError as error:
        messages.error(request, str(error))
        return redirect("projects:scope", scope.pk)
    messages.success(request, "Signed by both sides. The milestones are made and the engagement is active.")
    return redirect("projects:engagement", scope.engagement_id)


@require_POST
@writer
def scope_revise(request: ActorRequest, scope_id: UUID) -> HttpResponse:
    """Withdraw what was sent, and go on with a copy."""
    scope = find_scope(request, scope_id)
    try:
        fresh = scopes.revise_scope(scope=scope, by=request.actor)
    except DomainError as error:
        messages.error(request, str(error))
        return redirect("projects:scope", scope.pk)
    messages.success(request, f"Version {fresh.number} is a draft. Version {scope.number} can no longer be signed.")
    return redirect("projects:scope", fresh.pk)


@require_GET
@member
def scope_changes(request: ActorRequest, scope_id: UUID) -> HttpResponse:
    """Show what a version changed against the one before, or against another one."""
    scope = find_scope(request, scope_id)
    others = [one for one in scope.engagement.scopes.all() if one.pk != scope.pk]
    wished = request.GET.get("from", "")
    earlier = [one for one in others if one.number < scope.number]
    before = next((one for one in others if str(one.number) == wished), earlier[0] if earlier else None)
    context: dict[str, Any] = {"scope": scope, "before": before, "others": others, "crumbs": crumbs_of(scope)}
    if before is not None:
        diff = diff_documents(before.shown, scope.shown)
        context |= {"summary": diff.summary(), "sections": told_changes(diff, scope.engagement.currency)}
    return render_page(request, "scopes/scope_changes.html", context)


def find_scope(request: ActorRequest, scope_id: UUID) -> ScopeVersion:
    """Return a version of the actor's workspace, else 404."""
    rows = ScopeVersion.objects.visible_to(request.actor).select_related("engagement__client__workspace")
    scope: ScopeVersion = get_object_or_404(rows, pk=scope_id)
    return scope


def crumbs_of(scope: ScopeVersion) -> list[tuple[str, str]]:
    """Say the way up from a version."""
    return [
        (scope.engagement.client.name, reverse("projects:client", args=[scope.engagement.client_id])),
        (scope.engagement.title, reverse("projects:engagement", args=[scope.engagement_id])),
    ]


def editor_context(request: ActorRequest, scope: ScopeVersion) -> dict[str, Any]:
    """Give what the editor and its margin show."""
    document, currency = scope.document, scope.engagement.currency
    estimate = estimate_of(scope)
    parsed = ScopeDocument.from_dict(document)
    rows = []
    if estimate is not None:
        hours = (estimate.hours.p50, estimate.hours.p80, estimate.hours.p95)
        prices = estimate.price_minor or (None, None, None)
        rows = list(zip(("P50", "P80", "P95"), hours, prices, strict=True))
    return {
        "scope": scope,
        "document": parsed,
        "currency": currency,
        "sections": [_editor_section(name, document, currency) for name in SECTIONS],
        "milestone_choices": [("", "the whole contract")]
        + [(one["id"], one["title"] or "Untitled milestone") for one in document["milestones"]],
        "rate": typed_amount(scope.rate_minor, currency),
        "estimate": estimate,
        "estimate_rows": rows,
        "loss": None if estimate is None or estimate.chance_of_loss is None else round(estimate.chance_of_loss * 100),
        "findings": findings_of(scope),
        "plan": payment_plan(parsed),
        "patterns": payment_patterns(),
        "last_change": scope.undo[-1]["what"] if scope.undo else "",
        "send_form": send_form(scope.engagement.client, days=DAYS),
        "edit_address": reverse("projects:scope-edit", args=[scope.pk]),
        "crumbs": crumbs_of(scope),
        "versions": scope.engagement.scopes.count(),
    }


def _editor_section(name: str, document: dict[str, Any], currency: str) -> dict[str, Any]:
    items = [
        item | ({"amount": typed_amount(item["amount_minor"], currency)} if "amount_minor" in item else {})
        for item in document[name]
    ]
    heading = SECTIONS[name][0]
    return {"name": name, "heading": heading, "hint": HINTS[name], "one": ONE[name], "rows": items}


def _page_context(request: ActorRequest, scope: ScopeVersion) -> dict[str, Any]:
    decision = answer_to(scope, actor=request.actor)
    name = request.actor.user.name if request.actor.user else ""
    return {
        **ScopeRoom().context(scope, decision),
        **share_context(request, scope),
        "send_form": ShareLinkForm(initial={"days": DAYS}),
        "countersign_form": CountersignForm(initial={"name": name}),
        "versions": list(scope.engagement.scopes.all()),
        "crumbs": crumbs_of(scope),
    }


def told_changes(diff: ScopeDiff, currency: str) -> list[dict[str, Any]]:
    """Sort the changes by section and write amounts and names for people."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for change in diff.fields:
        groups.setdefault("Terms", []).append({"kind": "changed", "title": "", "fields": [_told(change, currency)]})
    for item in diff.items:
        shown = item.after or item.before or {}
        fields = [_told(change, currency) for change in item.fields if change.field != "id"]
        if item.kind in ("added", "removed"):
            skipped = ("id", "title", "text")
            values = [(name, value) for name, value in shown.items() if value and name not in skipped]
            fields = [{"name": FIELD_NAMES.get(n, n), "value": _value(n, v, currency)} for n, v in values]
        entry = {
            "kind": item.kind,
            "moved": item.moved,
            "title": shown.get("title") or shown.get("text") or "Untitled",
            "fields": fields,
            "places": (item.place_before, item.place_after),
        }
        groups.setdefault(SECTIONS[item.section][0], []).append(entry)
    return [{"heading": heading, "changes": changes} for heading, changes in groups.items()]


def _told(change: FieldChange, currency: str) -> dict[str, Any]:
    name = FIELD_NAMES.get(change.field, change.field)
    if change.field == "amount_minor":
        before, after = (written_amount(value or 0, currency) for value in (change.before, change.after))
        return {"name": name, "before": before, "after": after}
    if change.field == "due_on":
        return {"name": name, "before": change.before or "open", "after": change.after or "open"}
    return {"name": name, "pieces": change.pieces}


def _value(name: str, value: Any, currency: str) -> str:
    return written_amount(value, currency) if name == "amount_minor" else str(value)
