"""What a person does in the page, with a mouse, a keyboard, a phone, at night."""

import os
import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from projects.models import Client, Engagement, Job, Milestone
from tests.browser.conftest import HERE
from tests.factories.jobs import make_job


def every_page():
    """Name the addresses of the pages with the rows of Alice's world."""
    client, engagement = Client.objects.get(), Engagement.objects.get()
    milestone = Milestone.objects.first()
    return [
        reverse("dashboard"),
        reverse("projects:client-list"),
        reverse("projects:client-new"),
        reverse("projects:client", args=[client.pk]),
        reverse("projects:engagement-list"),
        reverse("projects:engagement-new"),
        reverse("projects:engagement", args=[engagement.pk]),
        reverse("projects:milestone", args=[milestone.pk]),
        reverse("projects:milestone-edit", args=[milestone.pk]),
        reverse("projects:job-list"),
        *(reverse("projects:job", args=[job.pk]) for job in Job.objects.all()),
    ]


@pytest.fixture
def jobs(world):
    """A job that runs and one that failed."""
    now = timezone.now()
    going, broken = make_job(by=world, title="Train five recipes"), make_job(by=world, title="Read claims")
    moments = {"lease_until": now + timedelta(minutes=9), "heartbeat_at": now, "started_at": now}
    Job.objects.filter(pk=going.pk).update(state="running", progress_done=3, progress_total=10, **moments)
    Job.objects.filter(pk=broken.pk).update(state="failed", error_message="It was too large.", finished_at=now)
    return going, broken


def test_from_a_client_to_a_milestone(alice_at):
    page = alice_at.open(reverse("projects:client-list"))
    page.get_by_role("link", name="New client").click()
    page.get_by_label("Name", exact=True).fill("Halden Insurance")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Halden Insurance")

    page.get_by_role("link", name="New engagement").click()
    page.get_by_label("Title").fill("Claims triage")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Claims triage")

    page.get_by_role("link", name="Add a milestone").click()
    page.get_by_label("Title").fill("Text classifier")
    page.get_by_label("Fee in EUR").fill("1,250")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("Fee in EUR")).to_be_focused()
    assert not Milestone.objects.filter(title="Text classifier").exists()
    page.get_by_label("Fee in EUR").fill("1250")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("link", name="Text classifier")).to_be_focused()
    assert Milestone.objects.get(title="Text classifier").fee_minor == 125000

    page.locator(".page-head summary").click()
    page.get_by_role("button", name="Make active").click()
    expect(page.locator(".page-head .pill")).to_have_text("Active")


def test_milestones_are_edited_and_moved_in_place(alice_at):
    page = alice_at.open(reverse("projects:engagement", args=[Engagement.objects.get().pk]))
    titles = page.locator(".milestones .row-title")
    expect(titles).to_have_text(["Recall of 0.80", "Data audit"])
    page.locator(".milestone").first.get_by_label("Change this milestone").click()
    page.get_by_role("button", name="Move down").click()
    expect(titles).to_have_text(["Data audit", "Recall of 0.80"])
    page.locator(".milestone").first.get_by_label("Change this milestone").click()
    page.get_by_role("link", name="Edit").last.click()
    page.get_by_label("Title").fill("Data audit, in depth")
    page.get_by_role("button", name="Save").click()
    expect(titles.first).to_have_text("Data audit, in depth")


def test_the_palette_needs_no_mouse(alice_at):
    page = alice_at.open("/")
    page.keyboard.press("Control+k")
    box = page.get_by_role("combobox")
    expect(box).to_be_focused()
    expect(page.get_by_role("option", name="New client")).to_be_visible()
    page.keyboard.type("nordli")
    expect(page.get_by_role("option")).to_have_count(1)
    expect(page.get_by_role("option")).to_have_attribute("aria-selected", "true")
    expect(box).to_have_attribute("aria-activedescendant", re.compile("palette-"))
    assert alice_at.violations() == []
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Nordlicht Telekom GmbH")
    page.keyboard.press("Control+k")
    page.keyboard.press("Escape")
    expect(page.locator("#palette")).not_to_be_visible()


def test_the_palette_does_things_too(alice_at):
    page = alice_at.open("/jobs/")
    page.keyboard.press("Control+k")
    page.keyboard.type("dark")
    expect(page.get_by_role("option")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    assert page.url.endswith("/jobs/")


def test_a_list_is_searched_without_a_mouse_and_the_address_keeps_it(alice_at):
    page = alice_at.open(reverse("projects:client-list"))
    page.keyboard.press("/")
    page.keyboard.type("zzz")
    expect(page.get_by_text("No client is called that")).to_be_visible()
    expect(page).to_have_url(re.compile("q=zzz"))
    page.reload()
    expect(page.get_by_role("searchbox")).to_have_value("zzz")


def test_night_follows_the_system_until_one_chooses(alice_at):
    page = alice_at.open("/")
    lightness = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number).reduce((a, b) => a + b)"
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(lightness) < 150
    page.emulate_media(color_scheme="light")
    assert page.evaluate(lightness) > 700
    page.get_by_role("button", name="Alice Example").click()
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    assert page.evaluate(lightness) < 150


def test_no_page_has_a_barrier(alice_at, jobs):
    faults = {}
    for path in every_page():
        alice_at.open(path)
        if found := alice_at.violations_by_day_and_night():
            faults[path] = found
    assert faults == {}


def test_a_phone_shows_every_page_without_scrolling_sideways(alice_on_a_phone, jobs):
    wide = {}
    for path in every_page():
        alice_on_a_phone.open(path)
        if by := alice_on_a_phone.sideways():
            wide[path] = by
    assert wide == {}
    page = alice_on_a_phone.page
    page.get_by_role("button", name="More").click()
    page.locator("#tab-sheet").get_by_role("link", name="Settings").click()
    expect(page).to_have_url(re.compile("/settings/"))


def test_everything_is_reached_by_keyboard_and_the_way_in_can_be_skipped(alice_at):
    page = alice_at.open("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none"


def test_a_risky_step_asks_first(alice_at, jobs):
    going, _ = jobs
    page = alice_at.open(reverse("projects:job", args=[going.pk]))
    page.get_by_role("button", name="Cancel").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("stopped within seconds")
    page.wait_for_timeout(2500)  # the page asks for news meanwhile
    dialog.get_by_role("button", name="Not now").click()
    going.refresh_from_db()
    assert going.cancel_requested_at is None
    page.get_by_role("button", name="Cancel").click()
    page.wait_for_timeout(2500)
    page.get_by_role("button", name="Cancel the job").click()
    expect(page.locator(".page-head .pill")).to_have_text("Being cancelled")
    going.refresh_from_db()
    assert going.cancel_requested_at is not None


def test_a_job_is_followed_to_its_end_and_then_left_alone(alice_at, jobs):
    going, _ = jobs
    asked = []
    alice_at.page.on("request", lambda request: asked.append(request.url))
    page = alice_at.open(reverse("projects:job", args=[going.pk]))
    expect(page.get_by_text("30 %")).to_be_visible()
    Job.objects.filter(pk=going.pk).update(state="done", finished_at=timezone.now(), lease_until=None)
    expect(page.locator(".page-head .pill")).to_have_text("Done")
    before = len(asked)
    page.wait_for_timeout(2600)
    assert len(asked) == before


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_part_and_chart_is_drawn_under_the_strict_policy(alice_at, settings, scheme):
    settings.ROOT_URLCONF = "tests.browser.gallery"
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [*settings.TEMPLATES[0]["DIRS"], HERE / "templates"]}]
    alice_at.page.emulate_media(color_scheme=scheme)
    page = alice_at.open("/gallery/")
    expect(page.locator("[data-drawn] svg")).to_have_count(5)
    assert alice_at.violations() == []
    if folder := os.environ.get("FREELANCE_ML_PICTURES"):  # to look at what is drawn
        page.screenshot(path=f"{folder}/gallery-{scheme}.png", full_page=True)
    page.set_viewport_size({"width": 390, "height": 844})
    assert alice_at.sideways() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_even_a_lost_page_has_no_barrier(alice_at, scheme):
    page = alice_at.page
    page.emulate_media(color_scheme=scheme)
    assert page.goto(f"{alice_at.site}/nowhere/").status == 404
    assert alice_at.violations() == []
    if folder := os.environ.get("FREELANCE_ML_PICTURES"):
        page.screenshot(path=f"{folder}/lost-{scheme}.png")
    page.get_by_role("link", name="To the dashboard").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Dashboard")
