"""Guessing stops: in the database, counted before it is judged, for accounts and addresses alike."""

import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta

import pytest
import time_machine
from allauth.mfa.totp.internal.auth import TOTP
from django.test import RequestFactory
from django.utils import timezone

from projects.middleware import client_address
from projects.models import AuditEntry, Guard
from projects.services.guards import Limit, TooManyTriesError, count_try, forget_quiet, give_back, network_of
from tests.factories import projects as make
from tests.servers import fresh_database
from tests.sites import open_form, running_site, set_up_alice, visit

LIMIT = Limit("test", 3, timedelta(minutes=5))


def tries(count, *, subject="alice", limit=LIMIT):
    heard = 0
    for _ in range(count):
        try:
            count_try(limit, subject=subject)
            heard += 1
        except TooManyTriesError:
            pass
    return heard


@pytest.mark.django_db
def test_the_limit_holds_for_each_subject():
    assert tries(10) == 3
    assert tries(10, subject="bob") == 3
    assert tries(1, subject=" Alice ") == 0


@pytest.mark.django_db
def test_it_opens_again_after_a_quiet_stretch_and_says_when():
    with time_machine.travel("2026-11-20T12:00:00Z", tick=False) as clock:
        assert tries(3) == 3
        clock.shift(timedelta(minutes=2))
        with pytest.raises(TooManyTriesError, match="in 3 minutes") as refused:
            count_try(LIMIT, subject="alice")
        assert refused.value.retry_after == 180
        clock.shift(timedelta(minutes=3))
        assert tries(10) == 3


@pytest.mark.django_db
def test_no_stretch_of_five_minutes_holds_more_than_the_limit():
    heard = []
    with time_machine.travel("2026-11-20T12:00:00Z", tick=False) as clock:
        for _ in range(120):
            if tries(1):
                heard.append(timezone.now())
            clock.shift(timedelta(seconds=17))
    for start in heard:
        assert sum(start <= moment < start + LIMIT.within for moment in heard) <= LIMIT.tries


@pytest.mark.django_db
def test_a_right_guess_takes_only_itself_back():
    tries(2)
    give_back(LIMIT, subject="alice")
    assert tries(10) == 2


@pytest.mark.django_db
def test_quiet_counters_are_forgotten():
    with time_machine.travel("2026-11-20T12:00:00Z", tick=False) as clock:
        tries(1)
        assert forget_quiet() == 0
        clock.shift(timedelta(minutes=6))
        assert forget_quiet() == 1
    assert not Guard.objects.exists()


def test_networks():
    assert network_of("203.0.113.9") == "203.0.113.9"
    assert network_of("2001:db8:1:2:3:4:5:6") == network_of("2001:db8:1:2::9") == "2001:db8:1:2::/64"
    assert network_of("::ffff:203.0.113.9") == "203.0.113.9"
    assert network_of(None) == "unknown"


@pytest.mark.parametrize(
    ("proxies", "peer", "forwarded", "found"),
    [
        ([], "198.51.100.7", "203.0.113.9", "198.51.100.7"),
        (["10.0.0.1"], "198.51.100.7", "203.0.113.9", "198.51.100.7"),
        (["10.0.0.1"], "10.0.0.1", "6.6.6.6, 203.0.113.9", "203.0.113.9"),
        (["10.0.0.0/8"], "10.0.0.1", "6.6.6.6, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        (["10.0.0.1"], "10.0.0.1", "", "10.0.0.1"),
        (["10.0.0.1"], "10.0.0.1", "<script>", ""),
    ],
)
def test_only_our_own_proxies_are_believed(settings, proxies, peer, forwarded, found):
    settings.TRUSTED_PROXIES = proxies
    request = RequestFactory().get("/", REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR=forwarded)
    assert client_address(request) == found


@pytest.mark.django_db
def test_signing_in_stops_at_the_tenth_wrong_guess(client, alice):
    for guess in range(10):
        response = client.post("/accounts/login/", {"login": "alice@example.com", "password": f"guess {guess}"})
        assert "not correct" in response.content.decode()
    answer = client.post("/accounts/login/", {"login": "ALICE@example.com", "password": "correct-horse-battery"})
    assert "Too many tries" in answer.content.decode()
    assert "in 5 minutes" in answer.content.decode()
    assert AuditEntry.objects.filter(action="sign-in.failed").count() == 10
    with time_machine.travel(timezone.now() + timedelta(minutes=6)):
        answer = client.post("/accounts/login/", {"login": "alice@example.com", "password": "correct-horse-battery"})
    assert answer.status_code == 302


@pytest.mark.django_db
def test_a_known_and_an_unknown_account_answer_alike(client, alice):
    def answer(address):
        page = client.post("/accounts/login/", {"login": address, "password": "wrong"}).content.decode()
        return re.sub(r"\b[A-Za-z0-9]{64}\b", "", page).replace(address, "")

    assert answer("alice@example.com") == answer("nobody@example.com")
    assert AuditEntry.objects.filter(action="sign-in.failed").count() == 2


@pytest.mark.django_db
def test_one_address_cannot_try_many_accounts(client):
    pages = [
        client.post(
            "/accounts/login/",
            {"login": f"person{number}@example.com", "password": "wrong"},
            HTTP_X_FORWARDED_FOR=f"203.0.113.{number}",  # nobody believes it
        ).content.decode()
        for number in range(42)
    ]
    assert ["Too many tries" in page for page in pages] == [False] * 40 + [True] * 2


@pytest.fixture
def server(tmp_path, empty_database):
    """A real server of two processes, on the kind of database that the suite runs on."""
    with ExitStack() as stack:
        given = os.environ.get("DATABASE_URL", "")
        url = stack.enter_context(fresh_database(given)) if given else ""
        port = stack.enter_context(running_site(tmp_path, empty_database=empty_database, database_url=url))
        set_up_alice(port)
        yield port


@pytest.mark.faults
def test_no_header_says_where_in_the_site_a_page_stands(server):
    assert visit(server, "GET", "/health")[0].status == 200
    assert visit(server, "GET", "/x/health", headers={"SCRIPT_NAME": "/x"})[0].status == 404


@pytest.mark.faults
def test_of_a_hundred_parallel_guesses_ten_are_judged(server):
    headers, token = open_form(server, "/accounts/login/")

    def guess(number):
        fields = {**token, "login": "alice@example.com", "password": f"guess {number}"}
        where = {**headers, "X-Forwarded-For": f"203.0.113.{number}"}
        return visit(server, "POST", "/accounts/login/", fields=fields, headers=where)[1]

    began = time.monotonic()
    with ThreadPoolExecutor(25) as pool:
        pages = list(pool.map(guess, range(100)))
    judged = sum("not correct" in page for page in pages)
    refused = sum("Too many tries" in page for page in pages)
    assert time.monotonic() - began < 300, "the stretch was over before the test was"
    assert (judged, refused) == (10, 90)


@pytest.mark.django_db
def test_the_second_factor_is_counted_too(client):
    user = make.make_actor().user
    TOTP.activate(user, "JBSWY3DPEHPK3PXP")
    client.post("/accounts/login/", {"login": user.email, "password": "correct-horse-battery"})
    pages = [client.post("/accounts/2fa/authenticate/", {"code": "000000"}).content.decode() for _ in range(12)]
    assert ["Too many tries" in page for page in pages] == [False] * 10 + [True] * 2
