"""What is frozen cannot change, not even past the services: the database refuses."""

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from evaluations.models import EvaluationRun, Look, Protocol, Report
from tests.factories.evaluations import make_verdict


@pytest.fixture
def run(actor):
    return make_verdict(actor=actor)


@pytest.fixture
def report(run):
    return Report.objects.create(
        milestone=run.protocol.milestone, number=1, run=run, body={"a": 1}, digest="d", signature="s", key_id="k"
    )


def refused(rows, **changes):
    """Try a change behind everybody's back; it must not go through."""
    with pytest.raises((IntegrityError, DatabaseError)), transaction.atomic():
        rows.update(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"body": {}},
        {"digest": "0" * 64},
        {"reason": "other"},
        {"number": 9},
        {"dataset_version": None},
        {"frozen_at": timezone.now()},
        {"state": "draft", "frozen_at": None},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_frozen_protocol_stays(run, changes):
    rows = Protocol.objects.filter(pk=run.protocol_id)
    refused(rows, **changes)
    rows.update(state=Protocol.State.SUPERSEDED)
    refused(rows, **changes)


def test_what_happens_to_a_frozen_protocol_is_still_written(run):
    protocol = Protocol.objects.get(pk=run.protocol_id)
    protocol.looks_closed_at = timezone.now()
    protocol.save()
    protocol.refresh_from_db()
    assert protocol.looks_closed_at is not None


def test_a_draft_is_free(run):
    draft = Protocol.objects.create(milestone=run.protocol.milestone, number=2)
    draft.body = {"target": "left"}
    draft.save()
    draft.delete()


@pytest.mark.parametrize(
    "changes",
    [{"result": {}}, {"digest": "0" * 64}, {"verdict": "fail"}, {"finished_at": None, "verdict": ""}],
    ids=lambda changes: next(iter(changes)),
)
def test_a_finished_evaluation_stays(run, changes):
    refused(EvaluationRun.objects.filter(pk=run.pk), **changes)


def test_the_ledger_of_looks_is_only_added_to(run):
    refused(Look.objects.all(), number=7)
    refused(Look.objects.all(), by_name="Nobody")
    with pytest.raises((IntegrityError, DatabaseError)), transaction.atomic():
        Look.objects.all().delete()
    if connection.vendor == "sqlite":
        with pytest.raises((IntegrityError, DatabaseError)), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("INSERT OR REPLACE INTO evaluations_look SELECT * FROM evaluations_look")
    assert Look.objects.get().by_name == "Alice"


@pytest.mark.parametrize("changes", [{"body": {}}, {"digest": "x"}, {"signature": "x"}, {"number": 3}], ids=str)
def test_a_report_stays(report, changes):
    refused(Report.objects.filter(pk=report.pk), **changes)


def test_a_report_is_still_sent(report):
    report.sent_at = timezone.now()
    report.save()
    report.refresh_from_db()
    assert report.sent_at
