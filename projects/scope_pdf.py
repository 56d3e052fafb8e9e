"""Scopes and change orders as PDF, set by Typst in milliseconds with the fonts that it carries."""

import json
from typing import Any

import typst
from django.conf import settings

from projects.currencies import EXPONENTS
from projects.models import ChangeOrder, Decision, ScopeVersion
from projects.scoping.documents import SECTIONS, ScopeDocument
from projects.scoping.payments import payment_plan

TEMPLATES = settings.BASE_DIR / "templates" / "pdf"


def scope_pdf(scope: ScopeVersion, decision: Decision | None = None) -> bytes:
    """Set a version; with a signature, the last page is its certificate.

    The same version and signature give the same bytes: nothing of the moment of setting goes in.
    """
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
            {"title": one.title, "due_on": one.due_on, "amount_minor": one.amount_minor, "deposit": one.is_deposit}
            for one in payment_plan(document)
        ],
        "change": body.get("change"),
        "countersigned": (
            {"name": scope.countersigned_name, "at": scope.signed_at.isoformat(timespec="seconds")}
            if scope.signed_at and scope.countersigned_name
            else None
        ),
    }
    return _set("scope.typ", data, digest=scope.digest, currency=document.currency, decision=decision)


def change_order_pdf(order: ChangeOrder, decision: Decision | None = None) -> bytes:
    """Set a change order that was sent; with an answer, its certificate stands below."""
    body = order.body or {}
    return _set("change_order.typ", {"body": body}, digest=order.digest, currency=body["currency"], decision=decision)


def _set(template: str, data: dict[str, Any], *, digest: str, currency: str, decision: Decision | None) -> bytes:
    answer = None
    if decision is not None:
        answer = {**decision.evidence(), "said": decision.get_answer_display(), "sha256": decision.evidence_digest}
    values = data | {
        "digest": digest,
        "currency": currency,
        "places": EXPONENTS.get(currency, 2),
        "site": settings.SITE_URL,
        "decision": answer,
    }
    made: bytes = typst.compile(
        (TEMPLATES / template).read_bytes(),
        format="pdf",
        sys_inputs={"data": json.dumps(values)},
        ignore_system_fonts=True,
    )
    return made
