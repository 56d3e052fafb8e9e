"""What scopes add to other pages: their part of an engagement, what waits, names to find, purposes of links."""

from django.urls import reverse

from projects import palette, shares
from projects.access import Actor
from projects.attention import register_needs
from projects.models import ChangeOrder, Engagement, ScopeVersion
from projects.palette import Entry
from projects.parts import Part, register_part
from projects.queries.activity import add_sentences
from projects.queries.scopes import requests_of, scope_needs, scope_of
from projects.queries.shares import answer_to, questions_waiting

SCOPE = shares.Purpose(
    name="scope",
    title="Scope",
    model="projects.scopeversion",
    page="projects:scope",
    room="projects.views.shared_scopes.ScopeRoom",
)
CHANGE_ORDER = shares.Purpose(
    name="change-order",
    title="Change order",
    model="projects.changeorder",
    page="projects:change-order",
    room="projects.views.shared_change_orders.ChangeOrderRoom",
)
SENTENCES = {
    "scope.started": "Scope begun",
    "scope.edited": "{label} edited",
    "scope.rate_changed": "Cost of an hour in {label} changed",
    "scope.sent": "{label} sent to the client",
    "scope.client_signed": "{label} signed by the client",
    "scope.client_changes_requested": "Changes asked for before signing",
    "scope.signed": "{label} holds",
    "scope.revised": "{label} begun from the one before",
    "scope.superseded": "{label} superseded",
    "change.requested": "Asked for: “{label}”",
    "change.marked": "“{label}” marked in or out of scope",
    "change.done": "“{label}” done",
    "change.reopened": "“{label}” is open again",
    "change.priced": "“{label}” priced",
    "change.sent": "{label} sent to the client",
    "change.approved": "{label} approved",
    "change.declined": "{label} declined",
    "change.withdrawn": "{label} withdrawn",
}


def scope_part(actor: Actor, engagement: Engagement) -> Part:
    """Show an engagement's scope and what was asked for since."""
    scope = scope_of(engagement)
    return Part(
        "scopes/_engagement_part.html",
        {
            "engagement": engagement,
            "scope": scope,
            "signature": answer_to(scope, actor=actor) if scope and scope.status == "sent" else None,
            "requests": requests_of(engagement),
            "may_change": actor.may_write and engagement.status not in ("cancelled", "archived"),
            "is_over": engagement.status in ("completed", "cancelled", "archived"),
        },
    )


def scopes_by_name(actor: Actor, words: str, most: int) -> list[Entry]:
    """Find scopes by their engagement's name."""
    rows = ScopeVersion.objects.visible_to(actor).select_related("engagement")
    rows = rows.filter(engagement__title__icontains=words).exclude(status="superseded")
    return [Entry(str(row), reverse("projects:scope", args=[row.pk]), icon="file-text") for row in rows[:most]]


def changes_by_name(actor: Actor, words: str, most: int) -> list[Entry]:
    """Find change orders by what was asked for."""
    rows = ChangeOrder.objects.visible_to(actor).filter(wish__icontains=words)
    return [
        Entry(str(row), reverse("projects:change-order", args=[row.pk]), row.state_label, icon="switch-horizontal")
        for row in rows[:most]
    ]


def scope_actions(actor: Actor, words: str, most: int) -> list[Entry]:
    """Offer to write the scope of an engagement that has none."""
    if not actor.may_write:
        return []
    rows = Engagement.objects.visible_to(actor).filter(scopes__isnull=True, status__in=["draft", "active"])[:most]
    return [
        Entry(f"Write the scope of {row}", reverse("projects:scope-start", args=[row.pk]), icon="file-text")
        for row in rows
    ]


def register_all() -> None:
    """Add the parts, needs, names, sentences and the purposes of links."""
    register_part(page="engagement", name="scope", build=scope_part, place="first")
    register_needs("scopes", scope_needs)
    register_needs("questions", questions_waiting)
    palette.register_source("Scopes", scopes_by_name)
    palette.register_source("Change orders", changes_by_name)
    palette.register_actions("scopes", scope_actions)
    add_sentences(SENTENCES)
    shares.register(SCOPE)
    shares.register(CHANGE_ORDER)
