"""Sample scopes: one signed with changes that came later, one that is still being written."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from freelance_ml.demo import work
from freelance_ml.demo.saying import Say
from projects.access import Actor
from projects.models import ChangeOrder, Engagement
from projects.services import change_orders, scope_drafts, scopes
from projects.services.shares import create_share_link, exchange_token, visitor_of
from projects.shares import Visit, purpose_of
from projects.views.shared_change_orders import ChangeOrderRoom
from projects.views.shared_scopes import ScopeRoom

SIGNER = ("Maren Holt", "maren.holt@nordlicht.example")
DRAFT = "Search by picture"
# section → its sentences
SENTENCES: dict[str, list[str]] = {
    "objectives": [
        "Call the prepaid customers who are about to leave before they do",
        "Know how sure the list is, on customers that nobody has tuned on",
    ],
    "in_scope": [
        "Audit of the customer table that is delivered",
        "A trivial answer, the rule of today and a linear model to compare with",
        "Up to three rounds of modelling on the agreed columns",
        "A run book and one hand-over day",
    ],
    "out_of_scope": [
        "A promise of saved revenue",
        "Screens and apps beyond the agreed list",
        "Cleaning beyond two days of work",
        "Bills of cloud providers, which are passed on at cost",
    ],
    "deliverables": [
        "Audit report of the data",
        "Frozen evaluation protocol and sealed rows",
        "Trained model with the code that trains it",
        "Evaluation report with gates and verdict",
    ],
}
ASSUMPTIONS = [
    (
        "At least 95 % of the labels are right",
        "Look at 200 rows together",
        "Relabelling becomes a milestone of its own",
    ),
    ("Every input is known when the call is made", "Fill in when each column is known", "The input is dropped"),
    ("Answers come within five working days", "Count the days from question to answer", "Dates move day for day"),
]
CLAUSES = [
    (work.BASELINE, "ROC AUC of at least 0.70 on rows set aside, shown with 95 % confidence"),
    (work.MODEL, "ROC AUC of at least 0.75 on rows set aside, shown with 95 % confidence"),
    (work.HAND_OVER, "A run on your machines in the presence of your team"),
]
# the piece of work, its low, likely and high hours
HOURS = [
    (work.BASELINE, "14", "20", "38"),
    (work.MODEL, "30", "48", "95"),
    (work.NEW_CUSTOMERS, "8", "14", "30"),
    (work.HAND_OVER, "12", "20", "34"),
]


def add_scopes(actor: Actor, say: Say) -> None:
    """Sign a scope for the sample's engagement, let changes follow, and leave another as a draft."""
    engagement = work.the_engagement(actor)
    if not engagement.scopes.exists():
        _sign(engagement, actor)
        _change(engagement, actor)
    draft = Engagement.objects.visible_to(actor).filter(title=DRAFT).first()
    if draft is not None and not draft.scopes.exists():
        scope_drafts.start_scope(engagement=draft, by=actor, starter="text")


def _sign(engagement: Engagement, actor: Actor) -> None:
    scope = scope_drafts.start_scope(engagement=engagement, by=actor)
    ids = {item["title"]: item["id"] for item in scope.document["milestones"]}
    document: dict[str, Any] = scope.document | {
        "deposit_percent": 30,
        "assumptions": [
            {"id": f"assumption-{n}", "text": text, "check": check, "if_false": otherwise}
            for n, (text, check, otherwise) in enumerate(ASSUMPTIONS, start=1)
        ],
        "acceptance": [
            {"id": f"clause-{n}", "text": text, "milestone": ids[title]}
            for n, (title, text) in enumerate(CLAUSES, start=1)
        ],
    }
    for section, texts in SENTENCES.items():
        document[section] = [{"id": f"{section}-{n}", "text": text} for n, text in enumerate(texts, start=1)]
    hours = [
        {"id": f"work-{n}", "title": title, "low": low, "likely": likely, "high": high}
        for n, (title, low, likely, high) in enumerate(HOURS, start=1)
    ]
    scope_drafts.set_rate(scope=scope, rate_minor=9_500, by=actor)
    scope_drafts.replace_draft(scope=scope, document=document, work=hours, by=actor)
    scope.refresh_from_db()
    sent = scopes.send_scope(scope=scope, by=actor)
    consent = ScopeRoom().consent(sent)
    scopes.answer_scope(visit=_visit(sent, actor), scope=sent, fields=_answer("signed"), consent=consent)
    scopes.countersign_scope(scope=sent, name=actor.name, by=actor)


def _change(engagement: Engagement, actor: Actor) -> None:
    """One request that is in scope, one change that was approved, one that waits."""
    change_orders.log_request(
        engagement=engagement, wish="May we see the list as a spreadsheet?", asked_by="Jonas Brandt", fit="in", by=actor
    )
    approved = _priced(
        engagement,
        actor,
        wish="Could the model also know the tariff changes?",
        what="The tariff changes of the last two years become inputs, with their own audit.",
        why="One table was agreed; this is a second source.",
        lines=[{"text": "Tariff changes as inputs", "amount_minor": 190_000}],
    )
    sent = change_orders.send_order(order=approved, by=actor)
    consent = ChangeOrderRoom().consent(sent)
    change_orders.answer_order(visit=_visit(sent, actor), order=sent, fields=_answer("approved"), consent=consent)
    waiting = _priced(
        engagement,
        actor,
        wish="A fourth round of modelling, if the third is close?",
        what="One more round of modelling of at most three days.",
        why="Three rounds were agreed.",
        lines=[{"text": "Fourth round of modelling", "amount_minor": 240_000}],
        days=5,
    )
    change_orders.send_order(order=waiting, by=actor)


def _priced(engagement: Engagement, actor: Actor, *, wish: str, **terms: Any) -> ChangeOrder:
    order = change_orders.log_request(engagement=engagement, wish=wish, asked_by=SIGNER[0], fit="out", by=actor)
    until = timezone.localdate() + timedelta(days=14)
    return change_orders.price_order(order=order, by=actor, expires_on=until, **terms)


def _visit(row: Any, actor: Actor) -> Visit:
    """Come in as the client does."""
    name, email = SIGNER
    made = create_share_link(subject=row, purpose=purpose_of(row), by=actor, recipient_name=name, recipient_email=email)
    session = exchange_token(token=made.token).session
    return Visit(link=made.link, session=session, actor=visitor_of(made.link), agent="Sample")


def _answer(value: str) -> dict[str, str]:
    name, email = SIGNER
    return {"answer": value, "name": name, "email": email, "message": ""}
