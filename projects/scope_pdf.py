"""Scopes and change orders as PDF."""

from typing import Any

from projects.currencies import EXPONENTS
from projects.models import ChangeOrder, Decision, ScopeVersion
from projects.papers import set_paper
from projects.scoping.documents import SECTIONS, ScopeDocument
from projects.scoping.payments import payment_plan


def scope_pdf(scope: ScopeVersion, decision: Decision | None = None) -> bytes:
    """Set a version; with a signature, the last page is its certificate."""
    document = ScopeDocument.from_dict(scope.shown)
    body = scope.body or {}
    data: dict[str, Any] = {
        "title": document.title or str(scope.engagement),
        "from": body.get("from") or scope.engagement.client.workspace.name,
        "to": body.get("to") or scope.engagement.client.name,
        "number": scope.number,
        "purchase_order": scope.engagement.purchase_order,
        "made_at": body.get("made_at", "")[:10],
        "document": document.to_dict(),
        "headings": {name: heading for name, (heading, _, _needed) in SECTIONS.items()},
        "price_minor": document.price_minor,
        "plan": [
            {"title": one.title, "when": one.when, "amount_minor": one.amount_minor}
            for one in payment_plan(document, body)
        ],
        "change": body.get("change"),
        "countersigned": (
            {"name": scope.countersigned_name, "at": scope.signed_at.isoformat(timespec="seconds")}
            if scope.signed_at and scope.countersigned_name
            else None
        ),
        "digest": scope.digest,
        **_money(document.currency),
    }
    return set_paper("scope.typ", data, decision=decision)


def change_order_pdf(order: ChangeOrder, decision: Decision | None = None) -> bytes:
    """Set a change order that was sent; with an answer, its certificate stands below."""
    body = order.body or {}
    data = {"body": body, "digest": order.digest, **_money(body["currency"])}
    return set_paper("change_order.typ", data, decision=decision)


def _money(currency: str) -> dict[str, Any]:
    return {"currency": currency, "places": EXPONENTS.get(currency, 2)}
