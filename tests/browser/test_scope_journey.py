"""From a starting point to a ledger that moved: written, sent, signed on a phone, changed, approved."""

import re
from datetime import timedelta

import pytest
from django.conf import settings as project
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from projects.models import ChangeOrder, Client, ScopeVersion
from projects.services import scope_drafts
from tests.browser.conftest import Person
from tests.factories import projects as make
from tests.factories import scopes as stage


@pytest.fixture
def engagement(world):
    return make.make_engagement(client=Client.objects.get(), title="Churn at the webshop")


@pytest.fixture
def client_on_a_phone(new_visit, site, world):
    context = new_visit(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    person = Person(context.new_page(), site)
    yield person
    assert person.trouble == []


def come_in(person, address):
    """Open a link as it stands in the letter."""
    page = person.open(address.removeprefix(project.SITE_URL))
    page.get_by_role("button", name="Open the document").click()
    return page


def link_on(page):
    return page.locator("[data-copy]").first.get_attribute("data-copy")


def sign(page, what, button="Send your answer"):
    page.get_by_label(what).check()
    page.get_by_label("Your full name, as your signature").fill("Carla Client")
    page.locator("#answer").get_by_label("Your e-mail").fill("carla@client.example")
    page.get_by_label(re.compile("^I have read")).check()
    page.get_by_role("button", name=button).click()


def saved(page, act):
    """Do something that saves itself, and wait for the answer."""
    with page.expect_response(lambda answer: answer.url.endswith("/edit/") and answer.status == 200):
        act()


def fill_the_draft(scope, actor):
    """Fill what a person would type sentence by sentence."""

    scope.refresh_from_db()
    document = scope.document
    for section in ("objectives", "in_scope", "assumptions", "acceptance", "deliverables", "out_of_scope"):
        for item in document[section]:
            item.update({name: re.sub(r"\[[a-z][a-z ]*\]", "two", str(value)) if isinstance(value, str) else value
                         for name, value in item.items() if name != "id"})  # fmt: skip
    for place, item in enumerate(document["milestones"]):
        item["due_on"] = (timezone.localdate() + timedelta(weeks=2 * place + 2)).isoformat()
        item["amount_minor"] = 300000
    scope_drafts.replace_draft(scope=scope, document=document, by=actor)


def write_in_place(page):
    """It saves itself, comes back by undo, moves by keyboard."""
    first = page.get_by_label("Objectives 1")
    saved(page, lambda: first.fill("Call those who are about to leave"))
    expect(page.get_by_text("Saved", exact=True)).to_be_visible()
    saved(page, lambda: page.get_by_role("button", name="Delete Objectives 2").click())
    expect(page.get_by_label("Objectives 2")).to_have_count(0)
    saved(page, lambda: page.get_by_role("button", name="Undo").click())
    expect(page.get_by_label("Objectives 2")).to_have_count(1)
    page.get_by_label("Objectives 1").focus()
    saved(page, lambda: page.keyboard.press("Alt+ArrowDown"))
    expect(page.get_by_label("Objectives 2")).to_have_value("Call those who are about to leave")
    expect(page.get_by_label("Objectives 2")).to_be_focused()
    saved(page, lambda: drag(page, "Objectives 2", above="Objectives 1"))
    expect(page.get_by_label("Objectives 1")).to_have_value("Call those who are about to leave")
    saved(page, lambda: page.get_by_role("button", name="Undo").click())
    expect(page.get_by_label("Objectives 2")).to_have_value("Call those who are about to leave")
    saved(page, lambda: page.get_by_role("button", name="Add an objective").click())
    expect(page.get_by_label("Objectives 3")).to_be_focused()
    price = page.get_by_label("Price in EUR").first
    price.fill("1,200")
    note = page.locator(".scope-item-milestones").first.get_by_text("Not saved.")
    expect(note).to_be_visible()
    saved(page, lambda: page.get_by_label("Objectives 1").fill("Know whom to call"))
    expect(note).to_be_visible()
    saved(page, lambda: price.fill("1200"))
    expect(note).to_have_count(0)
    page.get_by_label("Objectives 3").focus()
    saved(page, lambda: page.keyboard.type("Know how sure we are"))


def drag(page, label, *, above):
    """Take an item by its grip with the mouse, carry it above another, and let go."""

    def row(name):
        return page.locator(".scope-items li", has=page.get_by_label(name, exact=True))

    row(above).scroll_into_view_if_needed()
    grip, target = row(label).locator("[data-grip]").bounding_box(), row(above).bounding_box()
    x = grip["x"] + grip["width"] / 2
    page.mouse.move(x, grip["y"] + grip["height"] / 2)
    page.mouse.down()
    page.mouse.move(x, target["y"] - 12, steps=8)
    expect(row(above)).to_have_class("drop-above")
    page.mouse.up()


def estimate_and_send(page, world):
    """Type hours until the odds stand beside the price, then freeze and send."""
    fill_the_draft(ScopeVersion.objects.get(), world)
    page.reload()
    hours = page.locator(".scope-item-work").first
    hours.get_by_label("Low").fill("ten")
    expect(hours.get_by_text("Not saved. “ten” is no number of hours.")).to_be_visible()
    for name, value in (("Low", "20"), ("Likely", "30"), ("High", "80")):
        saved(page, lambda name=name, value=value: hours.get_by_label(name).fill(value))
    saved(page, lambda: page.get_by_label(re.compile("hour of yours")).fill("95"))
    expect(page.locator("#scope-margin")).to_contain_text("you lose in")
    expect(page.locator("#scope-margin")).to_contain_text("Nothing is missing")

    page.get_by_role("button", name="Freeze and send").click()
    page.get_by_role("dialog").get_by_role("button", name="Freeze and send").click()
    expect(page.get_by_text("The link is ready.")).to_be_visible()


def sign_on_a_phone(page, client_on_a_phone):
    """Read, sign, countersign."""
    phone = come_in(client_on_a_phone, link_on(page))
    expect(phone.get_by_role("heading", level=1)).to_have_text("Churn at the webshop")
    assert client_on_a_phone.sideways() <= 0
    assert client_on_a_phone.violations() == []
    expect(phone.locator("#comments").get_by_label("Your name")).to_have_count(1)  # and not the signature's
    phone.get_by_role("link", name="Sign or ask for changes").click()
    sign(phone, "I sign this scope")
    expect(phone.locator("#answer")).to_contain_text("Signed")

    page.reload()
    page.get_by_label("I sign this version exactly as it stands.").check()
    page.get_by_role("button", name="Countersign").click()
    expect(page.locator(".page-head .pill")).to_have_text("Active")
    expect(page.locator(".ledger")).to_contain_text("12,000.00")


def agree_on_a_change(page, client_on_a_phone):
    """Ask in one line, price, approve on the phone."""
    page.get_by_label("What is asked for").fill("Score the newsletter too")
    page.get_by_role("button", name="Log it").click()
    page.get_by_role("button", name=re.compile("^Out of scope.*newsletter")).click()
    page.get_by_label("Why it is outside the scope").fill("One channel was agreed.")
    page.get_by_label("For", exact=True).first.fill("A second channel")
    page.get_by_label("Amount", exact=True).first.fill("1500")
    page.get_by_label("Days added").fill("7")
    page.get_by_label("Valid until").fill((timezone.localdate() + timedelta(days=10)).isoformat())
    page.get_by_role("button", name="Save the price").click()
    expect(page.get_by_role("heading", name="What it does")).to_be_visible()
    page.get_by_role("button", name="Freeze and send").click()
    expect(page.get_by_text("The link is ready.")).to_be_visible()
    phone = come_in(client_on_a_phone, link_on(page))
    expect(phone.get_by_role("heading", level=1)).to_have_text("Change order 1")
    assert client_on_a_phone.sideways() <= 0
    assert client_on_a_phone.violations() == []
    sign(phone, "I approve this change")
    expect(phone.locator("#answer")).to_contain_text("Approved")


def test_from_a_starting_point_to_a_ledger_that_moved(alice_at, client_on_a_phone, engagement, world):
    page = alice_at.open(reverse("projects:engagement", args=[engagement.pk]))
    page.get_by_role("link", name="Write the scope").click()
    page.get_by_role("button", name="Classify rows of a table").click()
    expect(page.get_by_label("Title of the scope")).to_have_value("Churn at the webshop")
    write_in_place(page)
    assert alice_at.violations() == []
    estimate_and_send(page, world)
    sign_on_a_phone(page, client_on_a_phone)
    agree_on_a_change(page, client_on_a_phone)

    alice_at.open(reverse("projects:engagement", args=[engagement.pk]))
    expect(page.locator(".ledger")).to_contain_text("13,500.00")
    expect(page.get_by_text("Creep 12.5 %")).to_be_visible()
    expect(page.get_by_role("link", name="A second channel").first).to_be_visible()


def test_the_pages_of_scopes_have_no_barrier(alice_at, alice_on_a_phone, world):
    draft = stage.make_draft(actor=world)
    signed = stage.make_signed(actor=world)
    priced = stage.make_priced(signed.engagement, world)
    approved = stage.make_sent_order(signed.engagement, world)
    stage.client_answers(approved, world)
    approved = ChangeOrder.objects.get(pk=approved.pk)
    bare = make.make_engagement(client=Client.objects.first())
    paths = [
        reverse("projects:scope-start", args=[bare.pk]),
        reverse("projects:scope", args=[draft.pk]),
        reverse("projects:share-preview", args=["scope", draft.pk]),
        reverse("projects:share-preview", args=["change-order", priced.pk]),
        reverse("projects:scope", args=[signed.pk]),
        reverse("projects:scope-changes", args=[approved.result_id]),
        reverse("projects:change-order-new", args=[bare.pk]),
        reverse("projects:change-order", args=[priced.pk]),
        reverse("projects:change-order", args=[approved.pk]),
        reverse("projects:engagement", args=[signed.engagement_id]),
    ]
    faults = {}
    for path in paths:
        alice_at.open(path)
        if found := alice_at.violations_by_day_and_night():
            faults[path] = found
        alice_on_a_phone.open(path)
        if wide := alice_on_a_phone.sideways():
            faults[path] = wide
    assert faults == {}
