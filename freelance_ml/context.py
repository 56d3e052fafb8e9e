"""What every page's shell needs."""

from contextlib import suppress
from dataclasses import dataclass
from functools import cache

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import SimpleLazyObject


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """A line of the menu; ``nouns`` are the beginnings of the address names that belong to it."""

    label: str
    address: str
    icon: str
    nouns: tuple[str, ...]


# At most nine, in this order. A line shows as soon as its address exists.
MENU = (
    MenuEntry("Dashboard", "dashboard", "layout-dashboard", ("dashboard",)),
    MenuEntry("Clients", "projects:client-list", "users", ("client", "contact")),
    MenuEntry(
        "Engagements",
        "projects:engagement-list",
        "briefcase",
        (
            "engagement",
            "milestone",
            "protocol",
            "prediction",
            "training",
            "model",
            "run",
            "scope",
            "change-order",
            "report",
        ),
    ),
    MenuEntry("Data", "evaluations:dataset-list", "database", ("dataset", "upload")),
    MenuEntry("Jobs", "projects:job-list", "cpu", ("job",)),
    MenuEntry("Time", "billing:time-list", "clock", ("time",)),
    MenuEntry("Spend", "billing:spend", "coins", ("spend", "bill", "budget", "rule")),
    MenuEntry("Invoices", "billing:invoice-list", "file-invoice", ("invoice",)),
    MenuEntry("Settings", "projects:settings", "settings", ("settings", "account_", "mfa_", "usersessions")),
)


def menu(request: HttpRequest) -> list[dict[str, object]]:
    """List the entries, marking the one that the page belongs to."""
    match = request.resolver_match
    name = (match.url_name or "") if match else ""
    return [
        {"label": entry.label, "url": url, "icon": entry.icon, "current": name.startswith(entry.nouns)}
        for entry, url in lines()
    ]


@cache
def lines() -> list[tuple[MenuEntry, str]]:
    """Find the addresses of the menu; they are the same in every request."""
    found = []
    for entry in MENU:
        with suppress(NoReverseMatch):
            found.append((entry, reverse(entry.address)))
    return found


def shell(request: HttpRequest) -> dict[str, object]:
    """Give the templates the actor, the menu and the workspaces; what a template leaves out costs nothing."""
    user = getattr(request, "user", None)
    signed_in = bool(user and user.is_authenticated)
    return {
        "actor": getattr(request, "actor", None),
        "theme": user.theme if user and signed_in else "system",
        "menu": SimpleLazyObject(lambda: menu(request)),
        "memberships": getattr(request, "memberships", []),
    }
