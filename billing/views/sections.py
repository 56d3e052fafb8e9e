"""The menu that all pages of spend share."""

from typing import Any

from django.http import HttpResponse
from django.urls import reverse

from projects.web import ActorRequest, render_page

SECTIONS = (
    ("Explore", "billing:spend", "spend"),
    ("Bills", "billing:bill-list", "bills"),
    ("Rules", "billing:rule-list", "rules"),
    ("Budgets", "billing:budget-list", "budgets"),
    ("Machine time", "billing:spend-compute", "compute"),
)
FORM_METHODS = ["GET", "HEAD", "POST"]
UNUSABLE = 422


def show(
    request: ActorRequest,
    section: str,
    template: str,
    context: dict[str, Any],
    *,
    partial: str | None = None,
    status: int = 200,
) -> HttpResponse:
    """Render a page of spend with its menu."""
    sections = [{"label": label, "url": reverse(to), "current": part == section} for label, to, part in SECTIONS]
    return render_page(
        request, f"billing/{template}.html", {"sections": sections, **context}, partial=partial, status=status
    )


def show_form(
    request: ActorRequest, section: str, form: Any, *, title: str, back: str, lede: str = "", **more: Any
) -> HttpResponse:
    """Render a plain form on a page of its own."""
    context = {
        "form": form,
        "title": title,
        "back": back,
        "lede": lede,
        "crumbs": [("Spend", reverse("billing:spend"))],
        **more,
    }
    return show(request, section, "plain_form", context, status=UNUSABLE if form.is_bound else 200)
