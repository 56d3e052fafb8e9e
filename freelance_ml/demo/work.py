"""Sample clients, engagements and milestones."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from freelance_ml.demo.saying import Say
from projects.access import Actor
from projects.models import Client, Engagement, Milestone
from projects.services.clients import add_contact, create_client
from projects.services.engagements import create_engagement, set_engagement_status
from projects.services.milestones import create_milestone, mark_invoiced, set_milestone_status

CLIENT = "Nordlicht Mobilfunk"
ENGAGEMENT = "Churn model for prepaid customers"
BASELINE = "Data audit and baseline"
MODEL = "Churn model that passes the gates"
NEW_CUSTOMERS = "Proof for customers in their first months"
HAND_OVER = "Hand-over with monitoring"

# name, country, contacts: name, e-mail, what they decide
CLIENTS: list[tuple[str, str, list[tuple[str, str, str]]]] = [
    (
        CLIENT,
        "DE",
        [
            ("Maren Holt", "maren.holt@nordlicht.example", "Accepts milestones"),
            ("Jonas Brandt", "jonas.brandt@nordlicht.example", "Answers questions about the data"),
        ],
    ),
    ("Hafenlogistik Kröger", "DE", [("Ilse Kröger", "ilse@kroeger.example", "Signs")]),
    ("Fjord Energi", "NO", [("Sindre Vik", "sindre.vik@fjord.example", "Accepts milestones")]),
    ("Atelier Lumière", "FR", [("Claire Moreau", "claire@lumiere.example", "Signs")]),
]

# client, title, statuses to walk through, fields (dates in days from today)
ENGAGEMENTS: list[tuple[str, str, list[str], dict[str, Any]]] = [
    (
        CLIENT,
        ENGAGEMENT,
        ["active"],
        {
            "summary": "Find the prepaid customers who are about to leave, early enough to make them an offer.",
            "purchase_order": "NM-2214",
            "starts_on": -40,
            "ends_on": 55,
            "review_days": 10,
        },
    ),
    (
        "Hafenlogistik Kröger",
        "Arrival times of containers",
        ["active", "on_hold"],
        {"summary": "Forecast when a container leaves the yard.", "billing": "time", "starts_on": -90, "ends_on": 30},
    ),
    (
        "Fjord Energi",
        "Sorting of support letters",
        ["active", "completed"],
        {"summary": "Letters go to the right desk.", "billing": "fixed", "starts_on": -200, "ends_on": -70},
    ),
    (
        "Atelier Lumière",
        "Search by picture",
        [],
        {"summary": "A first talk: find a lamp by a photograph of it.", "starts_on": 20, "ends_on": 80},
    ),
]

# engagement, title, days from today, fee in cents, promise, criteria, statuses to walk through
MILESTONES: list[tuple[str, str, int, int, str, str, list[str]]] = [
    (
        ENGAGEMENT,
        BASELINE,
        -21,
        240_000,
        "We know what the data can carry, and a simple model tells leavers from stayers clearly better than chance.",
        "ROC AUC of at least 0.70 on rows set aside, shown with 95 % confidence.",
        [],
    ),
    (
        ENGAGEMENT,
        MODEL,
        3,
        680_000,
        "The list of customers to call holds most of those who will leave, and its probabilities can be believed.",
        "ROC AUC of at least 0.75 and a calibration error of at most 0.10 on rows set aside, with 95 % confidence.",
        [],
    ),
    (
        ENGAGEMENT,
        NEW_CUSTOMERS,
        24,
        210_000,
        "The model also works for customers in their first three months.",
        "ROC AUC of at least 0.82 among new customers, shown with 95 % confidence.",
        [],
    ),
    (
        ENGAGEMENT,
        HAND_OVER,
        48,
        320_000,
        "Your team runs the model without us and notices when it grows old.",
        "A run on your machines in the presence of your team.",
        [],
    ),
    ("Arrival times of containers", "Yard data joined and checked", -60, 310_000, "", "", ["in_progress"]),
    ("Arrival times of containers", "Forecast within two hours", 25, 540_000, "", "", []),
    (
        "Sorting of support letters",
        "Labels and protocol",
        -150,
        180_000,
        "",
        "",
        ["in_progress", "submitted", "accepted", "invoiced", "paid"],
    ),
    (
        "Sorting of support letters",
        "Sorter in use",
        -75,
        520_000,
        "",
        "",
        ["in_progress", "submitted", "accepted", "invoiced"],
    ),
]


def add_work(actor: Actor, say: Say) -> None:
    """Add clients with contacts, their engagements and milestones; what has a known name is left alone."""
    for name, country, contacts in CLIENTS:
        if Client.objects.visible_to(actor).filter(name=name).exists():
            continue
        client = create_client(by=actor, name=name, country=country)
        for contact, email, role in contacts:
            add_contact(client=client, by=actor, name=contact, email=email, role=role)
    for row in ENGAGEMENTS:
        _add_engagement(actor, *row)


def the_engagement(actor: Actor) -> Engagement:
    """Return the engagement that the sample's evidence, scope and spend belong to."""
    found: Engagement = Engagement.objects.visible_to(actor).get(client__name=CLIENT, title=ENGAGEMENT)
    return found


def milestone_named(actor: Actor, title: str) -> Milestone:
    """Return a milestone of that engagement."""
    found: Milestone = Milestone.objects.visible_to(actor).get(engagement=the_engagement(actor), title=title)
    return found


def _add_engagement(actor: Actor, client: str, title: str, statuses: list[str], fields: dict[str, Any]) -> None:
    owner = Client.objects.visible_to(actor).get(name=client)
    if Engagement.objects.visible_to(actor).filter(client=owner, title=title).exists():
        return
    today = timezone.localdate()
    dates = {name: today + timedelta(days=fields[name]) for name in ("starts_on", "ends_on")}
    engagement = create_engagement(client=owner, by=actor, title=title, **{**fields, **dates})
    if statuses:
        set_engagement_status(engagement=engagement, to=statuses[0], by=actor)
    for _, name, days, fee, promise, criteria, steps in (row for row in MILESTONES if row[0] == title):
        due = today + timedelta(days=days)
        milestone = create_milestone(
            engagement=engagement,
            by=actor,
            title=name,
            due_on=due,
            fee_minor=fee,
            promise=promise,
            criteria=criteria,
        )
        for step in steps:
            if step == Milestone.Status.INVOICED:
                mark_invoiced(milestone=milestone, number=f"{due:%Y-%m}", on=due + timedelta(days=3), by=actor)
            else:
                set_milestone_status(milestone=milestone, to=step, by=actor)
    for status in statuses[1:]:
        set_engagement_status(engagement=engagement, to=status, by=actor)
