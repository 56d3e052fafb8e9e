"""Machine time and its rates."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from billing.forms.compute import ComputeForm, RateForm
from billing.models import ComputeEntry, Rate
from billing.queries.compute import entries_of, rates_of
from billing.services import compute, rates
from billing.views.sections import FORM_METHODS, show, show_form
from projects.errors import DomainError
from projects.filters import chips, chosen, page_of
from projects.web import ActorRequest, member, writer

SCOPES = [("unassigned", "For nobody yet"), ("unpriced", "Without a price")]


@require_GET
@member
def spend_compute(request: ActorRequest) -> HttpResponse:
    """List the machine time of all jobs, and the rates that price it."""
    scope = chosen(request, "show", [name for name, _ in SCOPES])
    entries = entries_of(request.actor)
    if scope == "unassigned":
        entries = entries.filter(engagement=None)
    elif scope == "unpriced":
        entries = entries.filter(cost_nano=None)
    context = {
        "page": page_of(request, entries),
        "rates": rates_of(request.actor),
        "chips": chips(request, "show", SCOPES),
        "scope": scope,
        "today": timezone.now().date(),
    }
    return show(request, "compute", "compute_list", context)


@require_http_methods(FORM_METHODS)
@writer
def compute_new(request: ActorRequest) -> HttpResponse:
    """Book machine time by hand."""
    form = ComputeForm(request.POST or None, actor=request.actor)
    if request.method == "POST" and form.is_valid():
        try:
            entry = compute.add_compute(by=request.actor, **form.terms)
        except DomainError as error:
            form.add_error(None, str(error))
        else:
            return _done(request, f"“{entry}” is booked.")
    lede = "For machines that no job here has used, such as a rented GPU."
    return _page(request, form, "Book machine time", lede=lede)


@require_http_methods(FORM_METHODS)
@writer
def compute_edit(request: ActorRequest, compute_entry_id: UUID) -> HttpResponse:
    """Correct a booking."""
    entry: ComputeEntry = get_object_or_404(entries_of(request.actor), pk=compute_entry_id)
    form = ComputeForm(request.POST or None, actor=request.actor, entry=entry)
    if request.method == "POST" and form.is_valid():
        try:
            compute.correct_compute(entry=entry, by=request.actor, **form.terms)
        except DomainError as error:
            form.add_error(None, str(error))
        else:
            return _done(request, "Corrected.")
    by_hand = entry.source.startswith("hand:")
    delete = reverse("billing:spend-compute-delete", args=[entry.pk]) if by_hand else ""
    return _page(request, form, "Correct machine time", delete=delete)


@require_POST
@writer
def compute_delete(request: ActorRequest, compute_entry_id: UUID) -> HttpResponse:
    """Delete a booking that was made by hand."""
    entry = get_object_or_404(entries_of(request.actor), pk=compute_entry_id)
    try:
        compute.delete_compute(entry=entry, by=request.actor)
    except DomainError as error:
        messages.error(request, str(error))
        return redirect("billing:spend-compute")
    return _done(request, "The booking is deleted.")


@require_http_methods(FORM_METHODS)
@writer
def rate_new(request: ActorRequest) -> HttpResponse:
    """Set a price per hour."""
    first = timezone.now().date().replace(day=1)
    initial = {"currency": request.actor.workspace.currency, "valid_from": first}
    return _rate_form(request, RateForm(request.POST or None, initial=initial), None)


@require_http_methods(FORM_METHODS)
@writer
def rate_edit(request: ActorRequest, rate_id: UUID) -> HttpResponse:
    """Change a price per hour."""
    rate: Rate = get_object_or_404(rates_of(request.actor), pk=rate_id)
    return _rate_form(request, RateForm(request.POST or None, instance=rate), rate)


@require_POST
@writer
def rate_delete(request: ActorRequest, rate_id: UUID) -> HttpResponse:
    """Delete a price per hour."""
    rate = get_object_or_404(rates_of(request.actor), pk=rate_id)
    rates.delete_rate(rate=rate, by=request.actor)
    return _done(request, "The rate is deleted, and machine time is priced anew.")


def _rate_form(request: ActorRequest, form: RateForm, rate: Rate | None) -> HttpResponse:
    if request.method == "POST" and form.is_valid():
        try:
            rates.save_rate(by=request.actor, rate=rate, **form.terms)
        except DomainError as error:
            form.add_error(None, str(error))
        else:
            return _done(request, "The rate is saved, and machine time is priced by it.")
    delete = reverse("billing:spend-rate-delete", args=[rate.pk]) if rate else ""
    lede = "To change a price from a day on, end the old rate on that day and add a new one."
    return _page(request, form, "Change rate" if rate else "New rate", delete=delete, lede=lede)


def _done(request: ActorRequest, said: str) -> HttpResponse:
    messages.success(request, said)
    return redirect("billing:spend-compute")


def _page(request: ActorRequest, form: Any, title: str, *, delete: str = "", lede: str = "") -> HttpResponse:
    back = reverse("billing:spend-compute")
    return show_form(request, "compute", form, title=title, back=back, delete=delete, lede=lede)
