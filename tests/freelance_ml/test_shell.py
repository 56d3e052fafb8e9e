import gzip
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from freelance_ml.context import MENU
from projects.attention import Need, needs_of
from projects.models import Job
from projects.palette import Entry, find, fits
from projects.queries.shares import questions_waiting
from projects.services.comments import add_comment
from projects.shares import label_of
from tests.factories import projects as make
from tests.factories import scopes as stage
from tests.factories.jobs import make_job
from tests.projects import page_rules
from tests.projects.test_job_pages import failed

POLL = {"HX-Request": "true", "X-Poll": "1"}


# --- dashboard ----------------------------------------------------------------------------------
def test_a_new_workspace_is_shown_the_first_step(signed_in):
    page_rules.opens(signed_in, "dashboard", contains=["Start with a client", reverse("projects:client-new")])


def test_the_dashboard_lists_what_needs_me_the_worst_first(signed_in, actor):
    engagement = make.make_engagement(workspace=actor.workspace, status="active")
    make.make_milestone(engagement=engagement, title="Late one", due_on="2020-01-01", fee_minor=5000)
    failed(make_job(by=actor, title="Read claims"))
    text = page_rules.opens(signed_in, "dashboard", contains=["50.00", "Late one"])
    assert text.index("“Read claims” failed") < text.index("“Late one” is overdue")


def test_running_jobs_are_asked_for_until_none_runs(signed_in, actor):
    job = make_job(by=actor, title="Train")
    text = page_rules.opens(signed_in, "dashboard", contains=["Train", "every 3s"])
    assert signed_in.get("/", headers=POLL).status_code == 200
    Job.objects.filter(pk=job.pk).delete()
    last = signed_in.get("/", headers=POLL)
    assert last.status_code == 286
    assert b"<html" not in last.content
    assert text


def test_the_dashboard_shows_nothing_of_others(client, stranger, actor):
    make.make_milestone(workspace=actor.workspace, title="Secret plan")
    make_job(by=actor, title="Secret job")
    client.force_login(stranger.user)
    assert "Secret" not in client.get("/").content.decode()
    assert needs_of(stranger) == []


def test_the_dashboard_asks_to_sign_in_and_is_only_read(signed_in, client):
    page_rules.refuses(signed_in, "post", "dashboard")
    page_rules.sends_to_sign_in(client, "dashboard")


def test_the_dashboard_is_cheap(signed_in, actor, django_assert_max_num_queries):
    for _ in range(6):
        engagement = make.make_engagement(workspace=actor.workspace, status="active")
        make.make_milestone(engagement=engagement)
        failed(make_job(by=actor))
        make_job(by=actor)
    with django_assert_max_num_queries(14):  # two of them for who asks, eight ask each app what needs somebody now
        signed_in.get("/")


def test_a_clients_question_stands_beside_the_signature_until_it_is_answered(signed_in, actor, stranger):
    scope = stage.make_sent(actor=actor)
    visit = stage.visit_of(scope, "scope", actor)
    add_comment(subject=label_of(scope), text="Is the webshop in?", by=visit.actor, name="Carla", link=visit.link)
    stage.client_signs(scope, actor)
    told = [need for need in needs_of(actor) if need.url.startswith(reverse("projects:scope", args=[scope.pk]))]
    assert [need.action for need in told] == ["Answer", "Sign"]
    assert "Is the webshop in?" in signed_in.get("/").content.decode()
    assert needs_of(stranger) == []
    add_comment(subject=label_of(scope), text="It is.", by=actor)
    assert [need.action for need in needs_of(actor) if need.who == "you"] == ["Sign"]


def test_many_questions_ask_the_database_no_more_than_one(actor):
    counts = []
    for _ in range(3):
        scope = stage.make_sent(actor=actor)
        visit = stage.visit_of(scope, "scope", actor)
        add_comment(subject=label_of(scope), text="Is it in?", by=visit.actor, name="Carla", link=visit.link)
        with CaptureQueriesContext(connection) as asked:
            told = list(questions_waiting(actor))
        counts.append((len(told), len(asked)))
    assert counts == [(1, 1), (2, 1), (3, 1)]


def test_needs_say_what_to_do():
    need = Need("It failed", "The file is empty.", "/x/", "See why")
    assert (need.who, need.harm) == ("you", 10)


# --- shell --------------------------------------------------------------------------------------
def test_the_menu_has_at_most_nine_entries_in_order(signed_in):
    assert len(MENU) <= 9
    text = page_rules.opens(signed_in, "projects:client-list")
    shown = [entry.label for entry in MENU if f"</svg>{entry.label}</a></li>" in text]
    assert shown == [entry.label for entry in MENU if entry.label in shown]
    assert {"Dashboard", "Clients", "Engagements", "Jobs"} <= set(shown)
    assert f'href="{reverse("projects:client-list")}" aria-current="page"' in text


@pytest.mark.parametrize("theme", ["light", "dark", "system"])
def test_a_theme_is_kept_and_shown_without_a_flash(signed_in, alice, theme):
    response = signed_in.post(reverse("theme"), {"theme": theme, "next": "/jobs/"})
    assert response["Location"] == "/jobs/"
    alice.refresh_from_db()
    assert alice.theme == theme
    opening = signed_in.get("/jobs/").content.decode().split("<head>")[0]
    assert (f'data-bs-theme="{theme}"' in opening) == (theme != "system")


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "javascript:alert(1)", ""])
def test_a_theme_never_leads_to_another_site(signed_in, elsewhere):
    assert signed_in.post(reverse("theme"), {"theme": "dark", "next": elsewhere})["Location"] == "/"


def test_unknown_themes_are_ignored(signed_in, alice):
    signed_in.post(reverse("theme"), {"theme": "pink"})
    alice.refresh_from_db()
    assert alice.theme == "system"


def test_a_person_of_two_workspaces_changes_between_them(signed_in, alice):
    other = make.make_membership(user=alice, workspace=make.make_workspace(name="Side projects")).workspace
    assert "Side projects" in signed_in.get("/").content.decode()
    signed_in.post(reverse("workspace"), {"workspace": str(other.pk)})
    assert signed_in.get("/").context["actor"].workspace == other


def test_nobody_enters_a_workspace_of_others(signed_in, actor, stranger):
    signed_in.post(reverse("workspace"), {"workspace": str(stranger.workspace.pk)})
    assert signed_in.get("/").context["actor"].workspace == actor.workspace


@pytest.mark.parametrize("name", ["theme", "workspace"])
def test_choices_ask_to_sign_in_and_are_only_posted(signed_in, client, name):
    page_rules.refuses(signed_in, "get", name)
    page_rules.sends_to_sign_in(client, name, method="post")


def test_times_are_shown_in_the_workspaces_zone(signed_in, actor):
    now = datetime(2026, 7, 1, 22, 30, tzinfo=UTC)
    failed(make_job(by=actor, title="Read claims"))
    Job.objects.update(created_at=now, finished_at=now, started_at=now)
    type(actor.workspace).objects.update(time_zone="Asia/Tokyo")
    address = reverse("projects:job", args=[Job.objects.get().pk])
    assert "2 Jul, 07:30" in signed_in.get(address).content.decode().replace("2 Jul 2026", "2 Jul")
    type(actor.workspace).objects.update(time_zone="Mars/Olympus")
    assert "22:30" in signed_in.get(address).content.decode()


# --- palette ------------------------------------------------------------------------------------
def test_the_palette_finds_rows_of_every_kind_by_name(signed_in, actor):
    client = make.make_client(workspace=actor.workspace, name="Churney & Co")
    engagement = make.make_engagement(client=client, title="Churn model")
    make.make_milestone(engagement=engagement, title="Churn baseline")
    make_job(by=actor, title="Train churn")
    text = signed_in.get(reverse("palette"), {"q": "churn"}).content.decode()
    for words in ("Churney &amp; Co", "Churn model", "Churn baseline", "Train churn"):
        assert words in text
    assert text.count('role="option"') == 5  # the engagement's scope is found by its name, too


def test_the_palette_offers_actions_at_once_and_says_when_nothing_fits(signed_in):
    assert "New client" in signed_in.get(reverse("palette")).content.decode()
    assert "Nothing is called" in signed_in.get(reverse("palette"), {"q": "zzzz"}).content.decode()


def test_the_palette_finds_nothing_of_others(client, stranger, actor):
    make.make_client(workspace=actor.workspace, name="Churney")
    client.force_login(stranger.user)
    assert "Churney" not in client.get(reverse("palette"), {"q": "churn"}).content.decode()


def test_a_reviewer_is_offered_no_change(reviewer):
    labels = [entry.label for group in find(reviewer, "new") for entry in group.entries]
    assert "New client" not in labels


def test_words_fit_by_their_beginnings():
    entry = Entry("New client", "/", words="add customer")
    assert fits(entry, "cli new")
    assert fits(entry, "CUST")
    assert not fits(entry, "lient")


def test_the_palette_asks_to_sign_in_and_is_only_read(signed_in, client):
    page_rules.refuses(signed_in, "post", "palette")
    page_rules.sends_to_sign_in(client, "palette")


# --- when something is wrong --------------------------------------------------------------------
def test_a_page_that_is_not_there_helps(signed_in):
    response = signed_in.get("/nowhere/")
    assert response.status_code == 404
    assert "To the dashboard" in response.content.decode()


def test_a_reviewer_is_told_why(client, reviewer):
    client.force_login(reviewer.user)
    response = client.get(reverse("projects:client-new"))
    assert response.status_code == 403
    assert "you are a reviewer" in response.content.decode()


def test_a_stale_form_asks_to_be_sent_again(alice):
    browser = Browser(enforce_csrf_checks=True)
    browser.force_login(alice)
    response = browser.post(reverse("projects:client-new"), {"name": "Acme"})
    assert response.status_code == 403
    assert "Please send it again" in response.content.decode()


def test_an_error_of_ours_shows_no_inside(signed_in, monkeypatch, settings):
    def broken(actor):
        message = "an-inner-matter"
        raise RuntimeError(message)

    monkeypatch.setattr("freelance_ml.views.dashboard_of", broken)
    signed_in.raise_request_exception = False
    response = signed_in.get("/")
    assert response.status_code == 500
    assert "Something broke on our side" in response.content.decode()
    assert "inner-matter" not in response.content.decode()


# --- weight -------------------------------------------------------------------------------------
def test_a_page_with_all_it_loads_stays_light(signed_in):
    page = signed_in.get(reverse("projects:client-list")).content
    assets = re.findall(rb'(?:src|href)="/static/([^"]+)"', page)
    assert len(assets) <= 6
    sizes = {name: len(gzip.compress(_asset(name.decode()), 9)) for name in assets}
    assert len(gzip.compress(page)) + sum(sizes.values()) < 200 * 1024, sizes


def _asset(name):
    found = finders.find(name)
    assert found, f"{name} is not served"
    return Path(found).read_bytes()
