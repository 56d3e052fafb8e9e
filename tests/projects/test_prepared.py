"""Prepared queries answer as the querysets that they are made of, whoever asks and in whatever order."""

import uuid
from datetime import date, timedelta

import pytest
from django.db.models import Count, Q, QuerySet

from projects.access import Actor
from projects.models import Engagement, Milestone
from projects.prepared import Prepared, know
from tests.factories import projects as make

pytestmark = pytest.mark.django_db


@Prepared
def due(actor: Actor, until: date, *, order: str = "title") -> QuerySet[Milestone]:
    """List what is due, with what a page shows beside it."""
    rows = Milestone.objects.visible_to(actor).filter(due_on__lte=until).select_related("engagement__client")
    return rows.annotate(others=Count("engagement__milestones")).order_by(order)


@Prepared
def titles(engagement: uuid.UUID) -> QuerySet[Milestone, str]:
    """List titles alone."""
    return Milestone.objects.filter(engagement=engagement).order_by("title").values_list("title", flat=True)


@Prepared
def sums(actor: Actor) -> QuerySet[Milestone, dict]:
    """Count by status."""
    rows = Milestone.objects.visible_to(actor).order_by("status").values("status")
    return rows.annotate(open=Count("pk", filter=Q(accepted_at=None)))


@Prepared
def named(actor: Actor, *titles: str) -> QuerySet[Milestone]:
    """List those of some names."""
    return Milestone.objects.visible_to(actor).filter(title__in=titles).order_by("due_on")


def rows_of(actor, *days):
    engagement = make.make_engagement(workspace=actor.workspace)
    return [
        make.make_milestone(engagement=engagement, title=f"In {day} days", due_on=date(2026, 11, 1) + timedelta(day))
        for day in days
    ]


def test_the_rows_are_the_querysets_own(actor, stranger, django_assert_num_queries):
    until = date(2026, 11, 8)
    mine, theirs = rows_of(actor, 1, 5, 9), rows_of(stranger, 2)
    for _ in range(2):  # prepared by the first
        with django_assert_num_queries(2):
            assert due(actor, until) == mine[:2] == list(due.build(actor, until))
        assert due(stranger, until) == theirs
        assert due(actor, date(2026, 12, 1)) == mine
        assert due(actor, until, order="-title") == mine[1::-1]
    with django_assert_num_queries(1):
        row = due(actor, until)[0]
        assert (row.engagement.client.name, row.others) == (mine[0].engagement.client.name, 3)
    assert row.__dict__.keys() == due.build(actor, until)[0].__dict__.keys()


def test_values_come_as_from_the_queryset(actor, stranger):
    mine, theirs = rows_of(actor, 1, 5)[0].engagement, rows_of(stranger, 2)[0].engagement
    for engagement in (mine, theirs, mine):
        assert titles(engagement.pk) == list(titles.build(engagement.pk)) != []
        assert titles(uuid.uuid4()) == []
    assert sums(actor) == [{"status": "planned", "open": 2}] == list(sums.build(actor))
    assert sums(stranger) == [{"status": "planned", "open": 1}]


def test_a_set_may_hold_any_number_of_values(actor, stranger):
    mine = rows_of(actor, *range(20))
    rows_of(stranger, *range(20))
    for count in (1, 3, 8, 9, 20, 3, 0):
        assert named(actor, *(row.title for row in mine[:count])) == mine[:count]


def test_a_value_that_is_missing_is_refused(actor):
    with pytest.raises(ValueError, match="until is None"):
        due(actor, None)


def test_known_rows_are_not_read_again(actor, django_assert_num_queries):
    engagement = Engagement.objects.get(pk=rows_of(actor, 1, 5)[0].engagement_id)
    know(engagement, milestones=list(Milestone.objects.filter(engagement=engagement, title="In 1 days")))
    with django_assert_num_queries(0):
        (found,) = engagement.milestones.all()
        assert found.engagement is engagement
    with django_assert_num_queries(1):
        assert engagement.milestones.filter(title="In 5 days").get().engagement_id == engagement.pk
