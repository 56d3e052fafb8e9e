"""Filters, search and order that live in the address of a list."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest

PER_PAGE = 25
FIRST = PER_PAGE + 1
LONGEST_SEARCH = 80


def chips(
    request: HttpRequest,
    name: str,
    choices: Iterable[tuple[str, str]],
    counts: Mapping[str, int] | None = None,
    everything: str = "All",
) -> list[dict[str, Any]]:
    """Offer the values of one filter as chips; the first takes the filter away, counted zeros are left out."""
    now = request.GET.get(name, "")
    offered = [("", everything), *(pair for pair in choices if counts is None or counts.get(pair[0]) or pair[0] == now)]
    return [
        {
            "label": label,
            "url": with_query(request, **{name: value}),
            "active": now == value,
            "count": (counts or {}).get(value) if value else None,
        }
        for value, label in offered
    ]


def with_query(request: HttpRequest, **changes: str) -> str:
    """Return the address of the same list with some filters changed, from its first page on."""
    query = request.GET.copy()
    query.pop("page", None)
    for name, value in changes.items():
        if value:
            query[name] = value
        else:
            query.pop(name, None)
    return f"?{query.urlencode()}"


def chosen(request: HttpRequest, name: str, known: Iterable[str]) -> str:
    """Read a filter; a value that nobody offered counts as none."""
    value = request.GET.get(name, "")
    return value if value in known else ""


def search_words(request: HttpRequest) -> str:
    """Read what is searched for."""
    return request.GET.get("q", "").replace("\0", "").strip()[:LONGEST_SEARCH]


def order_of(request: HttpRequest, orders: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return the order that the address names; the first order is the usual one."""
    wished = request.GET.get("sort", "")
    return orders[wished] if wished in orders else next(iter(orders.values()))


def sorted_rows(request: HttpRequest, rows: QuerySet, orders: Mapping[str, tuple[str, ...]]) -> QuerySet:
    """Bring rows into the order that the address names."""
    return rows.order_by(*order_of(request, orders))


def page_of(
    request: HttpRequest,
    rows: Any,
    size: int = PER_PAGE,
    *,
    first: Callable[[], list[Any]] | None = None,
) -> Page:
    """Return the page that the address names, the nearest one if there is no such page.

    One row more than fits says whether the first page is all: only a longer list is counted. Where ``first`` reads
    these with a prepared query, ``rows`` may be what builds them, and is asked only when they do not suffice.
    """
    wished = request.GET.get("page", "1")
    if wished == "1" and first is not None and len(found := first()) <= size:
        return Page(found, 1, Paginator(found, size))
    rows = rows() if callable(rows) else rows
    if wished != "1":
        return Paginator(rows, size).get_page(wished)
    found = list(rows[: size + 1])
    return Page(found[:size], 1, Paginator(found if len(found) <= size else rows, size))
