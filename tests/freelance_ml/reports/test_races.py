"""What the client and the freelancer do at the same moment ends as if one had come after the other."""

import threading

import pytest
from django.db import connection

from evaluations.services import reports
from freelance_ml.reports import dispatch
from tests.billing.test_races import at_once
from tests.factories.scopes import visit_of
from tests.freelance_ml.reports.test_reports import ANSWER

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_client_accepts_while_the_report_is_sent_once_more(actor, milestone, report, monkeypatch):
    if connection.vendor == "sqlite":
        pytest.skip("the tests' SQLite lives in memory and lets in one writer at a time; PostgreSQL shows it")
    sent = dispatch.send_to_client(report=report, by=actor).row
    visit = visit_of(sent, "report", actor)
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
