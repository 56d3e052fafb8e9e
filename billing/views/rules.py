"""Rules: who bears which charge, with a live preview of what moves."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from billing import dispatch
from billing.allocation import Condition, RuleError
from billing.forms.rules import RuleForms
from billing.models import SpendRule
from billing.queries.narrowing import UNALLOCATED, Question
from billing.queries.rules import allocating, preview_rule, rules_of
from billing.queries.spend import currencies_of, explore
from billing.views.sections import FORM_METHODS, UNUSABLE, show
from projects.errors import DomainError
from projects.web import ActorRequest, member, render_page, writer


@require_GET
@member
def rule_list(request: ActorRequest) -> HttpResponse:
    """Show the rules in their order, and the money that none of them takes, first."""
    found = explore(request.actor, Question(by="engagement"))
    context = {
        "rules": rules_of(request.actor),
        "found": found,
        "has_any": bool(found.currencies),
        "unallocated_rows": found.unallocated_rows,
        "unallocated_key": UNALLOCATED,
        "allocating": allocating(request.actor),
    }
    return show(request, "rules", "rule_list", context)


@require_http_methods(FORM_METHODS)
@writer
def rule_new(request: ActorRequest) -> HttpResponse:
    """Write a rule; one that starts from a line has its first condition filled in."""
    return _form(request, None)


@require_http_methods(FORM_METHODS)
@writer
def rule_edit(request: ActorRequest, spend_rule_id: UUID) -> HttpResponse:
    """Change a rule."""
    return _form(request, _rule(request, spend_rule_id))


@require_POST
@writer
def rule_preview(request: ActorRequest) -> HttpResponse:
    """Say how many lines and how much money a rule, as it is typed, would move."""
    own = _own_rule(request)
    typed = request.POST.copy()
    typed.pop("more", None)  # htmx sends the button that has the focus, though nobody pressed it
    forms = RuleForms(typed, actor=request.actor, rule=own)
    error, found = "", None
    if not forms.conditions.is_valid():
        errors = [text for row in forms.conditions for texts in row.errors.values() for text in texts]
        error = str(errors[0]) if errors else "The conditions are not complete yet."
    else:
        try:
            conditions = [Condition.from_dict(saved) for saved in forms.condition_dicts]
            found = preview_rule(
                request.actor.workspace, conditions=conditions, rule=own, name=request.POST.get("name", "")[:120]
            )
        except RuleError as problem:
            error = str(problem)
    context = {"preview": found, "error": error, "has_lines": bool(currencies_of(request.actor))}
    return render_page(request, "billing/rule_preview.html", context)


@require_POST
@writer
def rule_move(request: ActorRequest, spend_rule_id: UUID) -> HttpResponse:
    """Move a rule up or down."""
    steps = -1 if request.POST.get("way") == "up" else 1
    dispatch.move_rule(rule=_rule(request, spend_rule_id), by=request.actor, steps=steps)
    return redirect("billing:rule-list")


@require_POST
@writer
def rule_delete(request: ActorRequest, spend_rule_id: UUID) -> HttpResponse:
    """Delete a rule."""
    rule = _rule(request, spend_rule_id)
    dispatch.delete_rule(rule=rule, by=request.actor)
    messages.success(request, f"“{rule.name}” is deleted; its lines went to the next rule that holds.")
    return redirect("billing:rule-list")


def _form(request: ActorRequest, rule: SpendRule | None) -> HttpResponse:
    start = None
    if rule is None and request.GET.get("field"):
        names = ("field", "key", "word", "value")
        start = {name: request.GET.get(name, "")[:300].replace("\0", "") for name in names}
    forms = RuleForms(request.POST or None, actor=request.actor, rule=rule, start=start)
    adds_row = bool(request.POST.get("more"))
    if request.method == "POST" and not adds_row and forms.is_valid():
        fields = {
            "name": forms.form.cleaned_data["name"],
            "conditions": forms.condition_dicts,
            "targets": forms.targets,
        }
        try:
            if rule is None:
                dispatch.create_rule(by=request.actor, **fields)
            else:
                dispatch.update_rule(rule=rule, by=request.actor, **fields)
        except DomainError as error:
            forms.error = str(error)
        else:
            messages.success(request, f"“{fields['name']}” is saved, and the lines follow it.")
            return redirect("billing:rule-list")
    context = {
        "forms": forms,
        "rule": rule,
        "title": "Edit rule" if rule else "New rule",
        "crumbs": [("Spend", reverse("billing:spend")), ("Rules", reverse("billing:rule-list"))],
        "back": reverse("billing:rule-list"),
    }
    refused = request.method == "POST" and not adds_row
    return show(request, "rules", "rule_form", context, status=UNUSABLE if refused else 200)


def _rule(request: ActorRequest, spend_rule_id: UUID) -> SpendRule:
    rule: SpendRule = get_object_or_404(rules_of(request.actor), pk=spend_rule_id)
    return rule


def _own_rule(request: ActorRequest) -> SpendRule | None:
    try:
        key = UUID(request.POST.get("rule", ""))
    except ValueError:
        return None
    rule: SpendRule | None = rules_of(request.actor).filter(pk=key).first()
    return rule
