"""A real browser on a real server; without a browser these tests skip loudly, or fail where one is required."""

import os
import shutil
import time
from pathlib import Path

import pytest
from django.conf import settings as project
from django.core.signals import request_finished, request_started
from django.test import Client
from playwright.sync_api import sync_playwright

from tests.factories import projects as make

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
HERE = Path(__file__).parent
AXE = project.BASE_DIR / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
COLOUR_RULES = ["color-contrast", "link-in-text-block"]


def browser_path():
    """Find the machine's browser: FREELANCE_ML_BROWSER, else a Chromium on the path."""
    named = os.environ.get("FREELANCE_ML_BROWSER")
    return named or next((found for name in NAMES if (found := shutil.which(name))), None)


def pytest_collection_modifyitems(items):
    """Mark everything here; say loudly what is missing."""
    missing = [] if browser_path() else ["no Chromium on this machine (install it or set FREELANCE_ML_BROWSER)"]
    if not AXE.is_file():
        missing.append("axe-core is not installed (npm ci)")
    for item in items:
        if HERE not in item.path.parents:
            continue
        item.add_marker(pytest.mark.browser)
        if missing and os.environ.get("FREELANCE_ML_REQUIRE_BROWSER") != "1":
            item.add_marker(pytest.mark.skip(reason="BROWSER TESTS SKIPPED: " + "; ".join(missing)))


@pytest.fixture(scope="module")
def chromium(django_db_setup):
    """One browser a module. It ends with the module, as the loop it runs in this thread would disturb other tests."""
    path = browser_path()
    if path is None:
        pytest.fail("A browser is required here (FREELANCE_ML_REQUIRE_BROWSER=1), and none was found.")
    patch = pytest.MonkeyPatch()
    patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # Django's calls in this thread are still one after another
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()
    patch.undo()


@pytest.fixture
def new_visit(chromium, site):
    """Open a browser window of its own, without cookies of others; it is closed before the site ends."""
    opened = []

    def visit(**wishes):
        opened.append(chromium.new_context(locale="en-GB", **wishes))
        return opened[-1]

    yield visit
    for context in opened:
        context.close()


@pytest.fixture
def site(live_server, settings):
    """The address of the running site; the database is emptied only when its last answer has been given."""
    settings.ALLOWED_HOSTS = ["*"]
    asked, answered = [], []

    def ask(**signal):
        asked.append(1)

    def answer(**signal):
        answered.append(1)

    request_started.connect(ask)
    request_finished.connect(answer)
    yield live_server.url
    patience = time.monotonic() + 20
    while len(answered) < len(asked) and time.monotonic() < patience:
        time.sleep(0.02)
    request_started.disconnect(ask)
    request_finished.disconnect(answer)


# What htmx says of a question that a newer one or a new page replaced; other failures say more than the second.
GIVEN_UP = ("htmx:sendAbort", "htmx:afterRequest")


class Person:
    """Someone at a browser: goes to pages and keeps an eye on what goes wrong there."""

    def __init__(self, page, site):
        self.page, self.site, self.trouble = page, site, []
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.trouble.append(f"script: {error}"))
        page.on("requestfailed", self._miss)

    def _hear(self, message):
        expected = any(f"status of {code}" in message.text for code in (422, 404))  # forms with errors; lost pages
        expected |= message.text.startswith(GIVEN_UP)
        if message.type in ("error", "warning") and not expected:
            self.trouble.append(f"console: {message.text}")

    def _miss(self, request):
        if "ERR_ABORTED" not in (request.failure or ""):  # a newer question replaces an older one
            self.trouble.append(f"failed: {request.url} {request.failure}")

    def open(self, path):
        """Go to a page of the site."""
        answer = self.page.goto(self.site + path, wait_until="load")
        assert answer.status == 200, f"{path}: {answer.status}"
        return self.page

    def violations(self):
        """Return what axe finds on the page as it stands."""
        self.page.evaluate(AXE.read_text(encoding="utf-8"))
        return self._ask_axe(RULES)

    def violations_by_day_and_night(self):
        """Return what axe finds on the page in light, and in dark what depends on colours."""
        found = self.violations()
        self.page.emulate_media(color_scheme="dark", reduced_motion="reduce")  # no colour half-way
        found += [("dark", *fault) for fault in self._ask_axe({"type": "rule", "values": COLOUR_RULES})]
        self.page.emulate_media(color_scheme="light", reduced_motion="no-preference")
        return found

    def _ask_axe(self, rules):
        found = self.page.evaluate("rules => axe.run(document, {runOnly: rules})", rules)
        return [(fault["id"], [node["target"] for node in fault["nodes"]][:4]) for fault in found["violations"]]

    def sideways(self):
        """Return by how many pixels the page can be scrolled sideways."""
        return self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")


@pytest.fixture
def world(site, db):
    """Alice's workspace, with something of every kind in it."""
    owner = make.make_actor(user=make.make_user(email="alice@example.com", name="Alice Example"))
    client = make.make_client(workspace=owner.workspace, name="Nordlicht Telekom GmbH", email="post@nordlicht.example")
    make.make_contact(client=client)
    engagement = make.make_engagement(client=client, title="Churn model", status="active")
    make.make_milestone(engagement=engagement, title="Data audit", fee_minor=180000)
    make.make_milestone(engagement=engagement, title="Recall of 0.80", fee_minor=650000, due_on="2020-01-01")
    return owner


@pytest.fixture
def enter(site):
    """Sign an actor in within a browser's context."""

    def sign_in(context, actor):
        client = Client()
        client.force_login(actor.user)
        cookie = client.cookies[project.SESSION_COOKIE_NAME]
        context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": site}])

    return sign_in


@pytest.fixture
def alice_at(new_visit, site, world, enter):
    """Alice at her desk."""
    context = new_visit(viewport={"width": 1280, "height": 800})
    enter(context, world)
    person = Person(context.new_page(), site)
    yield person
    assert person.trouble == []


@pytest.fixture
def alice_on_a_phone(new_visit, site, world, enter):
    """Alice on the train."""
    context = new_visit(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    enter(context, world)
    person = Person(context.new_page(), site)
    yield person
    assert person.trouble == []
