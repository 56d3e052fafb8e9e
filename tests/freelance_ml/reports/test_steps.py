"""What a promise needs next, as its evidence and its report say it to the pages of the ground."""

import re

import pytest
from django.urls import reverse

from evaluations.queries.steps import of_data
from evaluations.services.protocols import draft_protocol
from freelance_ml.reports import dispatch
from projects.models import Engagement, Milestone
from projects.parts import step_of
from projects.services.milestones import set_milestone_status
from tests.factories.evaluations import make_verdict, make_version
from tests.factories.projects import make_engagement, make_milestone


@pytest.fixture
def milestone(workspace):
    engagement = make_engagement(workspace=workspace, status=Engagement.Status.ACTIVE)
    return make_milestone(engagement=engagement, title="Churn model", status="in_progress")


def test_while_nothing_is_shown_submitting_is_no_primary_step(signed_in, actor, milestone):
    make_verdict(actor=actor, milestone=milestone, threshold=0.99)
    assert step_of("milestone", actor, milestone).action == "Train further"
    page = signed_in.get(reverse("projects:milestone", args=[milestone.pk])).content.decode()
    primary = re.findall(r'class="btn btn-primary"[^>]*>(?:<svg.*?</svg>)?([^<]*)<', page)
    assert primary == ["Train further"]
    assert re.search(r'name="to" value="submitted">Submit<', page)  # still possible, under More


def test_an_inconclusive_promise_without_looks_leads_to_more_rows(signed_in, actor, milestone):
    run = make_verdict(actor=actor, milestone=milestone, threshold=0.88, looks=1)
    assert run.verdict == "inconclusive"
    assert "More rows would decide it" in step_of("milestone", actor, milestone).text
    page = signed_in.get(reverse("projects:milestone", args=[milestone.pk])).content.decode()
    primary = re.findall(r'class="btn btn-primary"[^>]*>(?:<svg.*?</svg>)?([^<]*)<', page)
    assert primary == ["New version of the protocol"]
    draft_protocol(milestone=milestone, by=actor)
    milestone = Milestone.objects.get(pk=milestone.pk)
    assert step_of("milestone", actor, milestone).action == "Go on and freeze"


def test_a_verdict_leads_to_its_report_and_the_report_to_the_client(signed_in, actor, milestone):
    make_verdict(actor=actor, milestone=milestone)
    assert step_of("milestone", actor, milestone).action == "Make the report"
    report = dispatch.make_report(milestone=milestone, by=actor)
    step = step_of("milestone", actor, milestone)
    assert (step.action, step.url) == ("Send the report", reverse("report", args=[report.pk]))
    engagement = signed_in.get(reverse("projects:engagement", args=[milestone.engagement_id])).content.decode()
    assert step.text in engagement
    dispatch.send_to_client(report=report, by=actor)
    milestone.refresh_from_db()
    assert step_of("milestone", actor, milestone) is None


def test_a_promise_without_a_protocol_asks_for_one(actor, milestone):
    assert step_of("milestone", actor, milestone).action == "Write the protocol"


@pytest.mark.parametrize(
    ("status", "button", "after"),
    [("planned", "Start work", "in_progress"), ("in_progress", "Submit without one", "submitted")],
)
def test_what_nothing_measures_goes_on_without_a_protocol(signed_in, milestone, status, button, after):
    row = make_milestone(engagement=milestone.engagement, title="Assessment", status=status, position=0)
    Milestone.objects.exclude(pk=row.pk).delete()
    for name, key in [("milestone", row.pk), ("engagement", row.engagement_id)]:
        page = signed_in.get(reverse(f"projects:{name}", args=[key])).content.decode()
        step = re.search(r'<section class="next-step".*?</section>', page, re.DOTALL)[0]
        assert "“Assessment”" in step
        assert "need no protocol" in step
        assert re.findall(r'btn-primary">([^<]*)<', step) == ["Write the protocol"]
        [(address, to)] = re.findall(rf'action="([^"]*)">(?:<input[^>]*>)*<button[^>]*value="(\w+)">{button}<', step)
    signed_in.post(address, {"to": to, "from": "page"})
    row.refresh_from_db()
    assert row.status == after


def test_what_was_submitted_without_a_protocol_waits_for_the_client_alone(signed_in, actor, milestone):
    set_milestone_status(milestone=milestone, to="submitted", by=actor)
    page = signed_in.get(reverse("projects:milestone", args=[milestone.pk])).content.decode()
    assert "Write the protocol" not in page
    assert "Record acceptance" in page


def test_data_leads_to_its_only_promise_and_lets_people_choose_among_several(actor, milestone):
    version = make_version(actor=actor)
    version.dataset.engagement = milestone.engagement
    assert of_data(version, target="left", used_by=None).action == "Write the protocol"
    make_milestone(engagement=milestone.engagement, title="Assessment")
    step = of_data(version, target="left", used_by=None)
    assert step.url == reverse("projects:engagement", args=[milestone.engagement_id]) + "#milestones"
    assert not step.posts
