"""A milestone with a verdict, and its report."""

import re

import pytest

from freelance_ml.reports import dispatch
from projects.models import Engagement, Mail
from tests.factories.evaluations import make_verdict
from tests.factories.projects import make_client, make_contact, make_engagement, make_milestone


@pytest.fixture
def milestone(actor):
    client = make_client(workspace=actor.workspace, name="Kiosk GmbH")
    make_contact(client=client)
    engagement = make_engagement(client=client, status=Engagement.Status.ACTIVE, review_days=14)
    return make_milestone(
        engagement=engagement, title="Churn model", promise="Finds those who leave.", status="in_progress"
    )


@pytest.fixture
def run(actor, milestone):
    return make_verdict(actor=actor, milestone=milestone)


@pytest.fixture
def report(actor, milestone, run):
    return dispatch.make_report(milestone=milestone, by=actor)


@pytest.fixture
def room(report, actor, client):
    """A client's browser that came in through the link of the mail."""
    dispatch.send_to_client(report=report, by=actor, name="Carla", email="carla@client.example")
    door = re.search(r"https?://\S+(/s/\S+)", Mail.objects.get(to="carla@client.example").body).group(1)
    assert b"<button" in client.get(door).content
    return client, client.post(door).headers["Location"]
