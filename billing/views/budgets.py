"""Budgets: how much is used, where it will end."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from billing.forms.budgets import BudgetForm
from billing.models import Budget, BudgetAlert
from billing.queries.budgets import budgets_of, state_of
from billing.services import budgets
from billing.views.sections import FORM_METHODS, show, show_form
from projects.errors import DomainError
from projects.web import ActorRequest, member, writer


@require_GET
@member
def budget_list(request: ActorRequest) -> HttpResponse:
    """Show every budget with what is used and what is expected."""
    today = timezone.now().date()
    alerts = BudgetAlert.objects.visible_to(request.actor).select_related("budget__engagement", "budget__milestone")
    context = {
        "states": [state_of(budget, today=today) for budget in budgets_of(request.actor)],
        "alerts": alerts[:20],
    }
    return show(request, "budgets", "budget_list", context)


@require_http_methods(FORM_METHODS)
@writer
def budget_new(request: ActorRequest) -> HttpResponse:
    """Set a budget."""
    initial = {"target": request.GET.get("for", "")[:80]}
    if request.GET.get("currency"):
        initial["currency"] = request.GET["currency"][:3]
    form = BudgetForm(request.POST or None, actor=request.actor, initial=initial)
    return _saved(request, form, None) or _page(request, form, "New budget")


@require_http_methods(FORM_METHODS)
@writer
def budget_edit(request: ActorRequest, budget_id: UUID) -> HttpResponse:
    """Change a budget."""
    budget = _budget(request, budget_id)
    form = BudgetForm(request.POST or None, actor=request.actor, budget=budget)
    delete = reverse("billing:budget-delete", args=[budget.pk])
    return _saved(request, form, budget) or _page(
        request, form, f"Budget of {budget.milestone or budget.engagement}", delete
    )


@require_POST
@writer
def budget_delete(request: ActorRequest, budget_id: UUID) -> HttpResponse:
    """Delete a budget."""
    budgets.delete_budget(budget=_budget(request, budget_id), by=request.actor)
    messages.success(request, "The budget is deleted.")
    return redirect("billing:budget-list")


def _saved(request: ActorRequest, form: BudgetForm, budget: Budget | None) -> HttpResponse | None:
    if request.method != "POST" or not form.is_valid():
        return None
    try:
        saved = budgets.save_budget(by=request.actor, budget=budget, **form.terms)
    except DomainError as error:
        form.add_error(None, str(error))
        return None
    messages.success(request, f"The budget of “{saved.milestone or saved.engagement}” is {saved.money.format()}.")
    return redirect("billing:budget-list")


def _page(request: ActorRequest, form: BudgetForm, title: str, delete: str = "") -> HttpResponse:
    lede = "You are told at 50, 80 and 100 %, of what is used and of what is expected by the month’s end."
    back = reverse("billing:budget-list")
    return show_form(request, "budgets", form, title=title, back=back, lede=lede, delete=delete)


def _budget(request: ActorRequest, budget_id: UUID) -> Budget:
    budget: Budget = get_object_or_404(budgets_of(request.actor), pk=budget_id)
    return budget
