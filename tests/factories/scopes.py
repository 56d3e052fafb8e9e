"""Scopes and change orders, brought to where a test needs them through the services."""

from datetime import timedelta

from django.utils import timezone

from projects.models import Decision
from projects.services import change_orders, scope_drafts, scopes
from projects.services.shares import create_share_link, exchange_token, visitor_of
from projects.shares import Visit, purpose_named
from tests.factories import projects as make

EMAIL = "carla@client.example"


def document(**fields):
    """A complete scope of two milestones, 12,000.00 in all."""
    return {
        "title": "Churn model",
        "currency": "EUR",
        "objectives": [{"id": "o1", "text": "Call the customers who are about to leave"}],
        "in_scope": [{"id": "i1", "text": "Audit of the data"}, {"id": "i2", "text": "Three rounds of modelling"}],
        "out_of_scope": [{"id": "x1", "text": "Running the model in production"}],
        "assumptions": [
            {
                "id": "a1",
                "text": "Labels are right",
                "check": "200 rows by hand",
                "if_false": "The price is agreed anew",
            }
        ],
        "deliverables": [{"id": "d1", "text": "Model with its report"}],
        "milestones": [
            {
                "id": "m1",
                "title": "Data audit",
                "goal": "Know the data",
                "due_on": "2027-01-15",
                "amount_minor": 400000,
            },
            {"id": "m2", "title": "Model", "goal": "Recall of 0.80", "due_on": "2027-03-01", "amount_minor": 800000},
        ],
        "acceptance": [{"id": "c1", "text": "Recall is at least 0.80 on sealed rows", "milestone": "m2"}],
        "review_days": 10,
        "deposit_percent": 30,
        "notes": "",
    } | fields


def make_draft(*, actor, engagement=None, **fields):
    engagement = engagement or make.make_engagement(workspace=actor.workspace)
    scope = scope_drafts.start_scope(engagement=engagement, by=actor)
    return scope_drafts.replace_draft(scope=scope, document=document(**fields), by=actor)


def make_sent(**fields):
    return scopes.send_scope(scope=make_draft(**fields), by=fields["actor"])


def visit_of(row, purpose, actor):
    """The client's phone, let in by a link."""
    made = create_share_link(subject=row, purpose=purpose_named(purpose), by=actor, recipient_name="Carla")
    session = exchange_token(token=made.token).session
    return Visit(link=made.link, session=session, actor=visitor_of(made.link, address="203.0.113.9"), agent="Phone/1.0")


def answer(value, **fields):
    return {"answer": value, "name": "Carla Client", "email": EMAIL, "message": ""} | fields


def client_signs(scope, actor):
    visit = visit_of(scope, "scope", actor)
    return scopes.answer_scope(visit=visit, scope=scope, fields=answer(Decision.Answer.SIGNED), consent="I agree.")


def make_signed(**fields):
    scope = make_sent(**fields)
    client_signs(scope, fields["actor"])
    return scopes.countersign_scope(scope=scope, name="Alice", by=fields["actor"])


def make_priced(engagement, actor, *, amounts=(150000,), milestones=(), days=5, **fields):
    order = change_orders.log_request(engagement=engagement, wish="Also score the webshop", asked_by="Carla", by=actor)
    targets = [*milestones, *[""] * (len(amounts) - len(milestones))]
    lines = [
        {"text": f"Line {n}", "amount_minor": amount, "milestone": target}
        for n, (amount, target) in enumerate(zip(amounts, targets, strict=True), start=1)
    ]
    terms = {"what": "A second data source", "why": "Only one was agreed", "lines": lines, "days": days}
    terms["expires_on"] = timezone.localdate() + timedelta(days=14)
    return change_orders.price_order(order=order, by=actor, **terms | fields)


def make_sent_order(engagement, actor, **fields):
    return change_orders.send_order(order=make_priced(engagement, actor, **fields), by=actor)


def client_answers(order, actor, value=Decision.Answer.APPROVED, **fields):
    visit = visit_of(order, "change-order", actor)
    return change_orders.answer_order(visit=visit, order=order, fields=answer(value, **fields), consent="I agree.")
