"""Sample clients, engagements and milestones."""

from datetime import timedelta

from django.utils import timezone

from projects.access import Actor
from projects.models import Client, Engagement, Milestone
from projects.services.clients import add_contact, create_client
from projects.services.engagements import create_engagement
from projects.services.milestones import create_milestone

CLIENT = "Nordlicht Mobilfunk"
ENGAGEMENT = "Churn model for prepaid customers"
# title, days from today
MILESTONES = [
    ("Data audit and evaluation protocol", 10),
    ("Baseline against the current rule", 24),
    ("Model that passes the gates", 45),
    ("Hand-over with report and monitoring", 60),
]


def add_work(actor: Actor) -> None:
    """Add a client with a contact, an engagement and its milestones."""
    client = Client.objects.visible_to(actor).filter(name=CLIENT).first()
    if client is None:
        client = create_client(by=actor, name=CLIENT)
        add_contact(client=client, by=actor, name="Maren Holt", email="maren.holt@nordlicht.example")
    engagement = Engagement.objects.visible_to(actor).filter(client=client, title=ENGAGEMENT).first()
    if engagement is None:
        engagement = create_engagement(client=client, by=actor, title=ENGAGEMENT)
    present = set(Milestone.objects.visible_to(actor).filter(engagement=engagement).values_list("title", flat=True))
    today = timezone.localdate()
    for title, days in MILESTONES:
        if title not in present:
            create_milestone(engagement=engagement, by=actor, title=title, due_on=today + timedelta(days=days))
