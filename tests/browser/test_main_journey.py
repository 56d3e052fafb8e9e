"""The main job in a real browser: data, protocol, training, verdict, report; the client accepts on a phone."""

import re

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from evaluations.models import EvaluationRun, Protocol, TrainingRun
from projects.models import Job, Milestone
from tests.browser.conftest import Person
from tests.factories.evaluations import make_version
from tests.factories.jobs import work_off


@pytest.fixture
def milestone(world):
    """A milestone in progress, with the client's table already read."""
    make_version(actor=world)
    found = Milestone.objects.get(title="Data audit")
    Milestone.objects.filter(pk=found.pk).update(status="in_progress")
    return found


def finish_jobs(page):
    """Carry out what the pages have queued, as the workers would.

    Meanwhile the page's questions are held back: the tests' SQLite lives in memory, where a reader does not wait.
    """
    held = []

    def hold(question):
        held.append(question)

    page.route("**/*", hold)
    page.wait_for_timeout(500)  # those on their way are answered
    for job in Job.objects.filter(state="queued").order_by("created_at"):
        done = work_off(job)
        assert done.state == "done", done.error_message
    for question in held:
        question.continue_()
    page.unroute("**/*")


def confirm(page):
    page.locator("#confirm [data-answer=yes]").click()


def test_from_data_to_acceptance(alice_at, new_visit, site, milestone):
    page = alice_at.open(reverse("projects:milestone", args=[milestone.pk]))

    # the promise is written with its consequences beside it, and frozen
    page.get_by_role("button", name="Write the protocol").click()
    page.wait_for_url(re.compile("/protocols/"))  # with its scripts, which send what is chosen
    page.get_by_label("Data", exact=True).select_option(index=1)
    expect(page.get_by_label("Column to predict")).to_have_value("left")
    expect(page.get_by_label("The class to find")).to_have_value("yes")
    page.get_by_text("Columns left out").click()
    page.locator("#id_left_out_0").check()
    page.get_by_label("Share set aside, in %").fill("40")
    page.get_by_label(re.compile("^Promise$")).fill("0.65")
    page.get_by_label(re.compile("^You expect")).fill("0.8")
    expect(page.get_by_text("These rows can decide it.")).to_be_visible()
    expect(page.locator("#outlook")).to_contain_text("about 240")
    expect(page.locator("#outlook [data-chart] svg").first).to_be_attached()
    page.get_by_role("button", name="Add a promise").click()
    expect(page.get_by_text("Promise 2", exact=True)).to_be_visible()
    page.get_by_role("button", name="Remove promise 2").click()
    expect(page.get_by_text("Promise 2", exact=True)).to_have_count(0)
    assert alice_at.violations() == []

    # what saves itself presses no button that only has the focus
    with page.expect_response(lambda answer: answer.request.method == "POST") as saved:
        page.get_by_label(re.compile("^You expect")).fill("0.81")
        page.get_by_role("button", name="Freeze").focus()
    assert saved.value.url.endswith("/edit/")
    page.get_by_role("button", name="Freeze").click()
    confirm(page)
    expect(page.get_by_text("Setting the acceptance rows aside")).to_be_visible()
    finish_jobs(page)
    protocol = Protocol.objects.get()
    expect(page.get_by_text(protocol.digest[:16])).to_be_visible(timeout=15_000)
    assert alice_at.violations() == []

    # training
    page.get_by_role("link", name="Train models").click()
    page.get_by_label("Linear model", exact=True).check()
    page.get_by_label("Seconds for the search").fill("20")
    page.get_by_role("button", name="Train").click()
    expect(page.get_by_text("You may leave this page")).to_be_visible()
    finish_jobs(page)
    expect(page.get_by_text("Proposed: Linear model.")).to_be_visible(timeout=15_000)
    assert TrainingRun.objects.get().models.count() == 2
    assert alice_at.violations() == []

    # one look at the sealed rows
    page.get_by_role("link", name="Open the model").click()
    page.get_by_role("button", name="Evaluate").click()
    expect(page.locator("#confirm-text")).to_contain_text("look 1 of 3")
    confirm(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Look 1")
    finish_jobs(page)
    expect(page.get_by_text("Every promise was shown.").first).to_be_visible(timeout=15_000)
    assert EvaluationRun.objects.get().verdict == "pass"
    assert alice_at.violations() == []

    # the report, sent by link
    page.goto(site + reverse("projects:milestone", args=[milestone.pk]))
    page.get_by_role("button", name="Make the report").click()
    finish_jobs(page)
    page.reload()
    page.get_by_role("button", name="Send to the client").click()
    address = page.locator("[data-copy]").first.get_attribute("data-copy")
    path = re.sub(r"^https?://[^/]+", "", address)

    # the client, on a phone, without an account
    phone = new_visit(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    client = Person(phone.new_page(), site)
    theirs = client.page
    theirs.goto(site + path)
    if theirs.get_by_role("button", name=re.compile("Open|Continue")).count():
        theirs.get_by_role("button", name=re.compile("Open|Continue")).first.click()
    expect(theirs.get_by_role("heading", level=1)).to_have_text("Data audit")
    expect(theirs.get_by_text("The promise was kept.")).to_be_visible()
    assert client.sideways() <= 0
    assert client.violations() == []

    # a tap on Send is never lost: what is missing is said beside the fields
    send = theirs.get_by_role("button", name="Send your answer")
    send.tap()
    expect(theirs.locator("#answer .field-error").first).to_be_in_viewport()
    assert client.violations() == []
    theirs.get_by_label("Accept", exact=False).first.check()
    theirs.get_by_label(re.compile("name", re.IGNORECASE)).first.fill("Carla Client")
    theirs.get_by_label(re.compile("e-mail", re.IGNORECASE)).first.fill("carla@client.example")
    theirs.locator("input[name=agreed]").check()
    send.tap()
    expect(theirs.get_by_text(re.compile("Accepted by|Accepted")).first).to_be_visible()
    milestone.refresh_from_db()
    assert milestone.status == Milestone.Status.ACCEPTED
    assert client.trouble == []
