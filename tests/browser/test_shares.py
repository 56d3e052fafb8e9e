"""The client's phone and the freelancer's page of links; the page of the API under the strict policy."""

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from projects import shares
from projects.models import Comment, Milestone, ShareLink
from projects.services.shares import create_share_link
from tests.browser.conftest import Person
from tests.projects.shared_note import NOTE


@pytest.fixture
def note():
    shares.register(NOTE)
    yield NOTE
    shares.forget(NOTE.name)


@pytest.fixture
def client_on_a_phone(new_visit, site):
    """Carla, who has no account."""
    context = new_visit(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    person = Person(context.new_page(), site)
    yield person
    assert person.trouble == []


def test_a_client_comes_in_by_link_and_passcode_and_asks(client_on_a_phone, world, note):
    made = create_share_link(subject=Milestone.objects.first(), purpose=note, by=world, passcode="swordfish")
    page = client_on_a_phone.open(reverse("projects:share-door", args=[made.token]))
    assert client_on_a_phone.violations() == []
    assert client_on_a_phone.sideways() <= 0
    page.get_by_label("Passcode").fill("sesame-street")
    page.get_by_role("button", name="Open the document").click()
    expect(page.get_by_role("alert")).to_contain_text("does not fit")
    page.get_by_label("Passcode").fill("swordfish")
    page.get_by_role("button", name="Open the document").click()
    expect(page).to_have_url(client_on_a_phone.site + reverse("projects:share-room", args=[made.link.pk]))

    page = client_on_a_phone.open(reverse("projects:share-part", args=[made.link.pk, "ask/"]))
    assert client_on_a_phone.violations() == []
    assert client_on_a_phone.sideways() <= 0
    page.get_by_label("Your question or remark").fill("What about March?")
    page.get_by_label("Your name").fill("Carla")
    page.get_by_label("Your e-mail").fill("carla@client.example")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("The promise")).to_be_visible()
    assert Comment.objects.get().text == "What about March?"


def test_a_dead_link_says_so_kindly(client_on_a_phone, world, note):
    page = client_on_a_phone.page
    assert page.goto(client_on_a_phone.site + "/s/shr_nothing/").status == 404
    expect(page.get_by_role("heading", level=1)).to_have_text("This link does not work")
    assert client_on_a_phone.violations() == []


def test_a_link_is_made_in_the_page_and_revoked(alice_at, world, note):
    milestone = Milestone.objects.first()
    page = alice_at.open(reverse("projects:share-links", args=[note.name, milestone.pk]))
    page.get_by_label("For whom").fill("Carla")
    page.get_by_role("button", name="Make a link").click()
    expect(page.get_by_role("button", name="Copy link")).to_be_visible()
    assert alice_at.violations() == []
    assert ShareLink.objects.get().recipient_name == "Carla"
    page.get_by_role("button", name="Revoke").click()
    page.wait_for_url("**/milestones/**")  # its document
    page = alice_at.open(reverse("projects:share-links", args=[note.name, milestone.pk]))
    expect(page.get_by_text("Revoked")).to_be_visible()
    page.get_by_label("Your answer or remark").fill("March is in the test rows.")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("March is in the test rows.").first).to_be_visible()


def test_the_page_of_the_api_works_under_the_strict_policy(alice_at):
    page = alice_at.open(reverse("api-docs"))
    expect(page.get_by_text("/api/v1/audit-entries/", exact=True).first).to_be_visible(timeout=15_000)
