"""The explorer: where the money went, down to the line, and out as a file."""

from datetime import date
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_GET

from billing.forecast import MonthForecast
from billing.forms.spend import read_question
from billing.models import BillImport, Charge
from billing.queries.lines import FORMATS, as_line, find_lines, written
from billing.queries.narrowing import ITEM_COLUMNS, TITLES, UNALLOCATED, Question
from billing.queries.rules import reasons_for
from billing.queries.spend import OTHER, SERIES, Exploration, Group, current_forecast, explore, tag_keys_of
from billing.views.sections import show
from projects.filters import with_query
from projects.models import Engagement
from projects.web import ActorRequest, member

TAGS_OFFERED = 6
PER_PAGE = 50
NARROWED_BY = {**TITLES, "resource": "Resource", "sku": "SKU"}


@require_GET
@member
def spend(request: ActorRequest) -> HttpResponse:
    """Show months by a dimension, with filters in the address; unallocated money stands first."""
    question = read_question(request.GET)
    found = explore(request.actor, question)
    has_any = bool(found.currencies)
    context = {
        "found": found,
        "groups": [_row(request, found, group) for group in found.groups[:100]],
        "more_groups": max(len(found.groups) - 100, 0),
        "title_of_dimension": _title(question.by),
        "dimensions": _dimensions(request, found) if has_any else [],
        "filters": _filters(request, question),
        "narrowing": [(name, NARROWED_BY[name], question.where.get(name, "")) for name in ITEM_COLUMNS],
        "chart_rows": _chart_rows(found),
        "forecast": _forecast(request, found),
        "has_any": has_any,
        **_on_their_way(request),
        "query": request.GET.urlencode(),
        "basis": question.basis,
        "bases": _choices(request, "basis", [("", "Billed"), ("effective", "Effective")]),
        "currency_chips": _choices(request, "currency", [(code, code) for code in found.currencies], found.currency),
        "unallocated_lines": "?" + urlencode({"engagement": UNALLOCATED, "currency": found.currency}),
    }
    return show(request, "spend", "spend", context)


@require_GET
@member
def spend_lines(request: ActorRequest) -> HttpResponse:
    """List the lines that fit the filters, the latest first."""
    question = read_question(request.GET)
    found = find_lines(request.actor, question)
    total = found.total
    pages = max((total + PER_PAGE - 1) // PER_PAGE, 1)
    number = min(max(_number(request.GET.get("page", "1")), 1), pages)
    query = request.GET.copy()
    query.pop("page", None)
    context = {
        "lines": found.some(start=(number - 1) * PER_PAGE, size=PER_PAGE),
        "total": total,
        "number": number,
        "pages": pages,
        "earlier": _page_link(query, number - 1) if number > 1 else "",
        "later": _page_link(query, number + 1) if number < pages else "",
        "filters": _filters(request, question),
        "query": query.urlencode(),
        "months": _months(question),
    }
    return show(request, "spend", "spend_lines", context)


@require_GET
@member
def spend_line(request: ActorRequest, bill_import_id: UUID) -> HttpResponse:
    """Show one line whole, and rule by rule why it is where it is."""
    lines = Charge.objects.visible_to(request.actor).filter(source=bill_import_id).select_related("rule", "source")
    row = request.GET.get("row", "")
    line = get_object_or_404(lines, row=_number(row)) if row else lines.order_by("row").first()
    if line is None:
        raise Http404
    context = {
        "line": line,
        "reasons": reasons_for(line, request.actor.workspace),
        "tags": sorted((as_line(line).tags or {}).items()),
        "start": urlencode({"field": "service", "value": line.service}),
        "same_resource": urlencode({"resource": line.resource, "currency": line.currency}),
        "same_sku": urlencode({"sku": line.sku, "currency": line.currency}),
        "crumbs": [("Spend", reverse("billing:spend")), ("Lines", reverse("billing:spend-lines"))],
    }
    return show(request, "spend", "spend_line", context)


@require_GET
@member
def spend_export(request: ActorRequest) -> HttpResponseBase:
    """Send the lines that fit as CSV or FOCUS, as they are read from the database."""
    wished = request.GET.get("format", "csv")
    if wished not in FORMATS:
        raise Http404
    question = read_question(request.GET)
    response = StreamingHttpResponse(written(request.actor, question, wished), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="spend-{wished}.csv"'
    return response


def _on_their_way(request: ActorRequest) -> dict[str, int]:
    """Count the bills that wait to be committed, and those that a job reads or stores now."""
    states = list(BillImport.objects.visible_to(request.actor).order_by().values_list("state", flat=True))
    return {"waiting": states.count("ready"), "under_way": states.count("reading") + states.count("committing")}


def _row(request: ActorRequest, found: Exploration, group: Group) -> dict[str, Any]:
    """Add to a group where its name and its lines lead."""
    by = found.question.by
    narrowed = {by: group.key}
    query = request.GET.copy()
    query.pop("by", None)
    query[by] = group.key
    query["currency"] = found.currency
    further = "service" if by == "engagement" else "engagement"
    return {
        "group": group,
        "name": group.name or ("(no such tag)" if by.startswith("tag:") else "(not named)"),
        "share": f"{group.net / found.net * 100:.1f}".replace("-", "−") if found.net else None,
        "lines": "?" + query.urlencode(),
        "narrow": with_query(request, **narrowed, by=further) if group.key else "",
        "unallocated": group.key == UNALLOCATED,
    }


def _forecast(request: ActorRequest, found: Exploration) -> MonthForecast | None:
    """Forecast the month of the newest lines: all of them, so not where filters are set, and not years later."""
    if not found.currencies or found.question.where:
        return None
    return current_forecast(request.actor, found.currency)


def _dimensions(request: ActorRequest, found: Exploration) -> list[dict[str, Any]]:
    now = found.question.by
    offered = [(name, title) for name, title in TITLES.items() if name not in ("tag", "service_category", "category")]
    keys = tag_keys_of(request.actor, found.currency, found.months[-1]) if found.months else []
    tags = [(f"tag:{key}", f"Tag {key}") for key in keys[:TAGS_OFFERED]]
    if now not in dict(offered + tags):
        offered.append((now, _title(now)))
    return [
        {"label": label, "url": with_query(request, by=name), "active": name == now} for name, label in offered + tags
    ]


def _choices(request: ActorRequest, name: str, offered: list[tuple[str, str]], now: str | None = None) -> list[dict]:
    chosen = request.GET.get(name, "") if now is None else now
    return [
        {"label": label, "url": with_query(request, **{name: key}), "active": key == chosen} for key, label in offered
    ]


def _filters(request: ActorRequest, question: Question) -> list[dict[str, str]]:
    """Show what narrows the view, each with the address without it."""
    found = []
    for name, value in question.where.items():
        query = request.GET.copy()
        query.pop("page", None)
        query.pop(name, None)
        shown = _engagement_name(request, value) if name == "engagement" else value or "none"
        found.append({"label": f"{_title(name)}: {shown}", "url": f"?{query.urlencode()}"})
    for name, month in (("from", question.first), ("to", question.last)):
        if month:
            found.append({"label": f"{name.capitalize()} {month:%b %Y}", "url": with_query(request, **{name: ""})})
    return found


def _engagement_name(request: ActorRequest, value: str) -> str:
    if value in (UNALLOCATED, "overhead"):
        return {"overhead": "own overhead"}.get(value, value)
    try:
        key = UUID(value)
    except ValueError:
        return value
    mine = Engagement.objects.visible_to(request.actor).filter(pk=key)
    return str(mine.values_list("title", flat=True).first() or "unknown")


def _title(by: str) -> str:
    return f"Tag {by[4:]}" if by.startswith("tag:") else NARROWED_BY.get(by, by)


def _chart_rows(found: Exploration) -> list[dict[str, Any]]:
    """Give the chart its months; small groups are drawn as one."""
    named = {group.key for group in found.groups[:SERIES]}
    rows: dict[tuple[date, str], float] = {}
    for group in found.groups:
        name = (group.name or "(none)") if group.key in named else OTHER
        for month, cost in group.by_month.items():
            rows[month, name] = rows.get((month, name), 0.0) + float(cost)
    return [
        {"month": f"{month:%b %Y}", "name": name, "cost": round(cost, 4)}
        for (month, name), cost in sorted(rows.items(), key=lambda item: item[0][0])
    ]


def _months(question: Question) -> str:
    first, last = question.first, question.last
    return f"{first:%b %Y} to {last:%b %Y}" if first and last else ""


def _page_link(query: Any, number: int) -> str:
    changed = query.copy()
    changed["page"] = str(number)
    return f"?{changed.urlencode()}"


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0  # noqa: PLR2004  # what a row holds
