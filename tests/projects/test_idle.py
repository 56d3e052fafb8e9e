"""A browser that is left alone is signed out; one that is used stays, for twelve hours at most."""

import time

import pytest
import time_machine
from django.contrib.sessions.models import Session

from projects.models import AuditEntry

pytestmark = pytest.mark.django_db
PASSWORD = "correct-horse-battery"
START = 1_790_000_000


@pytest.fixture
def clock():
    with time_machine.travel(START, tick=False) as clock:
        yield clock


@pytest.fixture
def entered(client, alice, clock):
    client.post("/accounts/login/", {"login": "alice@example.com", "password": PASSWORD})
    return client


def is_in(client):
    return client.get("/settings/").status_code == 200


def test_who_does_nothing_is_signed_out(entered, clock, settings):
    clock.move_to(START + settings.SESSION_IDLE_MINUTES * 60 - 1)
    assert is_in(entered)
    clock.shift(settings.SESSION_IDLE_MINUTES * 60 + 1)
    assert entered.get("/settings/")["Location"].startswith("/accounts/login/?next=/settings/")
    assert not is_in(entered)
    assert AuditEntry.objects.filter(action="sign-out.done").count() == 1


def test_the_operator_sets_how_long(entered, clock, settings):
    settings.SESSION_IDLE_MINUTES = 10
    for _ in range(3):
        clock.shift(9 * 60)
        assert is_in(entered)
    clock.shift(11 * 60)
    assert not is_in(entered)


def test_a_page_that_asks_by_itself_keeps_nobody_in(entered, clock, settings):
    settings.SESSION_IDLE_MINUTES = 10
    clock.shift(9 * 60)
    entered.get("/jobs/", headers={"X-Poll": "1", "HX-Request": "true"})
    clock.shift(2 * 60)
    assert not is_in(entered)


def test_nobody_stays_for_ever(entered, clock):
    for _ in range(11):
        clock.shift(3600)
        assert is_in(entered)
    clock.shift(3601)
    assert not is_in(entered)


def test_the_session_is_written_now_and_then_only(entered, clock):
    clock.shift(4 * 60)
    before = Session.objects.get().session_data
    is_in(entered)
    assert Session.objects.get().session_data == before
    clock.shift(2 * 60)
    is_in(entered)
    assert Session.objects.get().session_data != before


def test_a_session_from_before_is_counted_from_now_on(signed_in, settings):
    session = signed_in.session
    del session["presence"]
    session.save()
    assert is_in(signed_in)
    with time_machine.travel(time.time() + settings.SESSION_IDLE_MINUTES * 60 + 60):
        assert not is_in(signed_in)
