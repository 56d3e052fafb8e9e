"""Pages of change orders: logged in one line, marked, priced, sent, withdrawn."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from projects.errors import DomainError
from projects.forms.amounts import read_amount, typed_amount
from projects.forms.change_orders import PriceForm, RequestForm
from projects.forms.shares import ShareLinkForm
from projects.models import ChangeOrder, ScopeVersion
from projects.queries.shares import answer_to
from projects.scoping.documents import ScopeDocument
from projects.services import change_orders
from projects.views.documents import send_form
from projects.views.engagements import find_engagement
from projects.views.share_links import share_context
from projects.web import ActorRequest, member, render_page, writer

DAYS = 30  # a link to a change order works so long unless another time is chosen


@require_http_methods(["GET", "POST"])
@writer
def change_order_new(request: ActorRequest, engagement_id: UUID) -> HttpResponse:
    """Note in one line what somebody asked for."""
    engagement = find_engagement(request, engagement_id)
    form = RequestForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            order = change_orders.log_request(engagement=engagement, by=request.actor, **form.cleaned_data)
        except DomainError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"Noted: “{order.wish}”.")
            return redirect(reverse("projects:engagement", args=[engagement.pk]) + "#requests")
    back = reverse("projects:engagement", args=[engagement.pk])
    context = {"form": form, "engagement": engagement, "back": back, "crumbs": [(engagement.title, back)]}
    return render_page(request, "scopes/request_form.html", context, status=422 if form.is_bound else 200)


@require_GET
@member
def change_order_page(request: ActorRequest, change_order_id: UUID) -> HttpResponse:
    """Show one change: to be priced, or as the client sees it."""
    return _page(request, find_order(request, change_order_id))


@require_POST
@writer
def change_order_price(request: ActorRequest, change_order_id: UUID) -> HttpResponse:
    """Save what a change is and costs."""
    order = find_order(request, change_order_id)
    form = PriceForm(request.POST, instance=order, currency=order.engagement.currency)
    if form.is_valid():
        order.refresh_from_db()
        try:
            saved = change_orders.price_order(order=order, by=request.actor, **form.cleaned_data)
        except DomainError as error:
            form.add_error(None, str(error))
        else:
            gaps = " ".join(change_orders.missing_of(saved))
            then = "Look at what it does to the contract, then send it."
            messages.success(request, f"Saved. {f'Before it can be sent: {gaps}' if gaps else then}")
            return redirect("projects:change-order", order.pk)
    return _page(request, order, form=form, status=422)


@require_POST
@writer
def change_order_mark(request: ActorRequest, change_order_id: UUID) -> HttpResponse:
    """Say whether a request is in or out of scope."""
    order = find_order(request, change_order_id)
    fit = request.POST.get("fit", "")
    try:
        change_orders.mark_request(order=order, fit=fit if fit in ChangeOrder.Fit.values else "", by=request.actor)
    except DomainError as error:
        messages.error(request, str(error))
    if fit == ChangeOrder.Fit.OUTSIDE:
        return redirect("projects:change-order", order.pk)
    return redirect(reverse("projects:engagement", args=[order.engagement_id]) + "#requests")


@require_POST
@writer
def change_order_done(request: ActorRequest, change_order_id: UUID) -> HttpResponse:
    """Say that an in-scope request is done, or open it again."""
    order = find_order(request, change_order_id)
    try:
        change_orders.finish_request(order=order, by=request.actor, done=request.POST.get("done") != "no")
    except DomainError as error:
        messages.error(request, str(error))
    return redirect(reverse("projects:engagement", args=[order.engagement_id]) + "#requests")


@require_POST
@writer
def change_order_withdraw(request: ActorRequest, change_order_id: UUID) -> HttpResponse:
    """Take a change back."""
    order = find_order(request, change_order_id)
    try:
        change_orders.withdraw_order(order=order, by=request.actor, reason=request.POST.get("reason", ""))
    except DomainError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, "Withdrawn.")
    return redirect("projects:change-order", order.pk)


@require_POST
@writer
def change_order_approve(request: ActorRequest, change_order_id: UUID) -> HttpResponse:
    """Record an approval that came by other means, at the amounts that were agreed."""
    order = find_order(request, change_order_id)
    try:
        typed = [(line["id"], request.POST.get(f"agreed_{line['id']}", "")) for line in order.lines]
        currency = order.engagement.currency
        amounts = {key: read_amount(text, currency, may_be_negative=True) for key, text in typed if text.strip()}
        reason = request.POST.get("reason", "")[:500]
        change_orders.record_approval(order=order, by=request.actor, reason=reason, amounts=amounts)
    except DomainError as error:
        messages.error(request, str(error))
    except ValidationError as error:
        messages.error(request, f"Not recorded. {error.message}")
    else:
        messages.success(request, "Approved. The next version of the scope holds.")
    return redirect("projects:change-order", order.pk)


def find_order(request: ActorRequest, change_order_id: UUID) -> ChangeOrder:
    """Return a change of the actor's workspace, else 404."""
    rows = ChangeOrder.objects.visible_to(request.actor).select_related("engagement__client__workspace", "result")
    order: ChangeOrder = get_object_or_404(rows, pk=change_order_id)
    return order


def _page(
    request: ActorRequest, order: ChangeOrder, *, form: PriceForm | None = None, status: int = 200
) -> HttpResponse:
    engagement = order.engagement
    waits = order.status in ("requested", "priced") and order.fit != ChangeOrder.Fit.INSIDE
    context: dict[str, Any] = {
        "order": order,
        "body": order.body or {},
        "currency": engagement.currency,
        "decision": answer_to(order, actor=request.actor),
        "may_price": waits and request.actor.may_write and engagement.status not in ("cancelled", "archived"),
        "crumbs": [
            (engagement.client.name, reverse("projects:client", args=[engagement.client_id])),
            (engagement.title, reverse("projects:engagement", args=[engagement.pk])),
        ],
    }
    if order.state == "sent" and request.actor.may_write:
        context["agreed"] = [
            line | {"typed": typed_amount(line["amount_minor"], order.engagement.currency) or "0"}
            for line in order.lines
        ]
    if order.body:
        context |= share_context(request, order) | {"send_form": ShareLinkForm(initial={"days": DAYS})}
    if context["may_price"]:
        context |= _pricing(order, form)
    return render_page(request, "scopes/change_order_page.html", context, status=status)


def _pricing(order: ChangeOrder, form: PriceForm | None) -> dict[str, Any]:
    """Give what the pricing form shows: the milestones to choose from, and what the change does."""
    engagement = order.engagement
    scope = engagement.scopes.filter(status=ScopeVersion.Status.SIGNED).first()
    choices: list[tuple[str, str]] = []
    effect, trouble = None, ""
    if scope is not None:
        before = ScopeDocument.from_dict(scope.shown)
        still = change_orders.open_items(scope)
        choices = [(one.id, one.title) for one in before.milestones if one.id in still]
        if order.status == ChangeOrder.Status.PRICED:
            try:
                after = change_orders.changed_document(order, scope)
                effect = {"before": figures(before), "after": figures(after)}
            except DomainError as error:
                trouble = str(error)
    return {
        "form": form or PriceForm(instance=order, currency=engagement.currency, initial=_first_words(order)),
        "milestone_choices": [("", "A new milestone"), *choices],
        "scope": scope,
        "effect": effect,
        "trouble": trouble,
        "missing": change_orders.missing_of(order) if order.status == ChangeOrder.Status.PRICED else [],
        "total": change_orders.total_of(order),
        "send_form": send_form(engagement.client, days=DAYS),
    }


def figures(document: ScopeDocument) -> dict[str, Any]:
    """Say what a contract costs and when it ends."""
    ends = max((milestone.due_on for milestone in document.milestones), default="")
    return {"price_minor": document.price_minor, "ends_on": ends}


def _first_words(order: ChangeOrder) -> dict[str, Any]:
    return {} if order.what else {"what": order.wish}
