"""What the client and the freelancer do at the same moment ends as if one had come after the other."""

import threading

import pytest
from django.db import connection

from evaluations.services import protocols, reports
from freelance_ml.reports import dispatch
from projects.services import change_orders
from tests.billing.test_races import at_once
from tests.factories import scopes as stage
from tests.freelance_ml.reports.test_reports import ANSWER

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _only_where_two_write(transactional_db):
    if connection.vendor == "sqlite":
        pytest.skip("the tests' SQLite lives in memory and lets in one writer at a time; PostgreSQL shows it")


def test_a_protocol_is_begun_while_the_client_approves_a_change(actor, monkeypatch):
    signed = stage.make_signed(actor=actor)
    order = stage.make_sent_order(signed.engagement, actor, milestones=("m1",))
    milestone = signed.engagement.milestones.first()
    placing, place = threading.Event(), change_orders.place_milestones

    def place_late(**fields):
        placing.set()
        threading.Event().wait(0.5)
        return place(**fields)

    monkeypatch.setattr(change_orders, "place_milestones", place_late)

    def begin():
        placing.wait(10)
        protocols.draft_protocol(milestone=milestone, by=actor)

    found = at_once(lambda: stage.client_answers(order, actor), begin)
    assert not [one for one in found if isinstance(one, type)]
    assert milestone.protocols.count() == 1
    assert signed.engagement.scopes.get(status="signed").number == 2


def test_a_client_accepts_while_the_report_is_sent_once_more(actor, milestone, report, monkeypatch):
    sent = dispatch.send_to_client(report=report, by=actor).row
    visit = stage.visit_of(sent, "report", actor)
    sending, submit = threading.Event(), reports.set_milestone_status

    def submit_late(**fields):
        sending.set()
        threading.Event().wait(0.5)
        return submit(**fields)

    monkeypatch.setattr(reports, "set_milestone_status", submit_late)

    def accept():
        sending.wait(10)
        dispatch.answer_report(visit=visit, report=sent, fields=ANSWER, consent="I agree.")

    found = at_once(lambda: dispatch.send_to_client(report=report, by=actor), accept)
    assert not [one for one in found if isinstance(one, type)]
    milestone.refresh_from_db()
    assert milestone.status == "accepted"
