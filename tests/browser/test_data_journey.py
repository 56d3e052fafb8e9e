"""Data in a real browser: a file uploaded in pieces, its question answered, its leak seen."""

import re
import threading

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from evaluations.api.uploads import UploadViewSet
from evaluations.models import DatasetVersion
from evaluations.services import uploads
from projects.models import Job
from tests.evaluations.test_verdicts import acceptance_rows
from tests.factories.evaluations import churn_csv, make_protocol, make_version
from tests.factories.jobs import work_off


def calls_csv(rows=300):
    """Churn with a date that can be read two ways, and a column that knows the answer."""
    lines = churn_csv(rows).decode().splitlines()
    told = [
        f"{line},{n % 12 + 1:02d}/{n % 11 + 1:02d}/2024,{9 if line.endswith('yes') else 1}"
        for n, line in enumerate(lines[1:])
    ]
    return "\n".join([f"{lines[0]},since,goodbye_calls", *told]).encode()


def give(page, content, name="nordlicht_customers.csv"):
    """Choose a file as a person does; the bytes come from the test."""
    page.get_by_label("Choose a file").set_input_files([{"name": name, "mimeType": "text/csv", "buffer": content}])


def work(page):
    """Carry out the newest job while the page's questions wait: all threads here share one connection of SQLite."""

    def wait(route):
        if route.request.headers.get("hx-request"):
            route.fulfill(status=204)
        else:
            route.continue_()

    page.route("**/data/**", wait)
    page.wait_for_timeout(400)  # one that is under way comes home
    work_off(Job.objects.order_by("-created_at").first())
    page.unroute("**/data/**")


@pytest.fixture
def _small_pieces(monkeypatch):
    """Cut files small; as this server's threads share one connection of SQLite, pieces are stored one by one."""
    monkeypatch.setattr(uploads, "CHUNK_SIZE", 2_000)
    lock, dispatch = threading.Lock(), UploadViewSet.dispatch

    def one_by_one(view, *args, **kwargs):
        with lock:
            return dispatch(view, *args, **kwargs)

    monkeypatch.setattr(UploadViewSet, "dispatch", one_by_one)


def test_a_file_is_uploaded_its_question_answered_and_its_leak_seen(alice_at):
    page = alice_at.open(reverse("evaluations:dataset-list"))
    page.get_by_role("main").get_by_role("link", name="Upload data").first.click()
    give(page, calls_csv())
    expect(page.get_by_label("Name", exact=True)).to_have_value("Nordlicht customers")
    expect(page.get_by_text("Uploaded.", exact=True)).to_be_visible()
    assert alice_at.violations() == []
    page.get_by_role("button", name="Read the file").click()
    expect(page).to_have_url(re.compile("/data/readings/"))
    work(page)
    expect(page).to_have_url(re.compile("/data/versions/"))

    expect(page.get_by_role("heading", name="One question")).to_be_visible()
    assert alice_at.violations() == []
    page.get_by_role("button", name="Month first").click()
    work(page)
    expect(page.locator(".page-head .pill")).to_have_text("Ready")
    assert DatasetVersion.objects.get().columns.get(name="since").kind == "date"

    page.get_by_label("Column to predict").select_option("left")
    page.get_by_role("button", name="Check against it").click()
    work(page)
    expect(page.get_by_text("too good to be true")).to_be_visible()
    expect(page.locator(".finding").first).to_contain_text("Critical")
    page.locator("#columns summary", has_text="tenure").click()
    expect(page.get_by_text("Median", exact=True).first).to_be_visible()
    assert alice_at.violations() == []


@pytest.mark.usefixtures("_small_pieces")
def test_an_upload_goes_on_where_a_reload_broke_it_off(alice_at, tmp_path):
    file = tmp_path / "churn.csv"
    file.write_bytes(churn_csv())
    page = alice_at.open(reverse("evaluations:dataset-new"))
    sent, held = [], []

    def pass_two(route):
        index = int(re.search(r"/chunks/(\d+)/", route.request.url)[1])
        if len(sent) >= 2 and not held:
            held.append(index)
            route.abort()  # the line is lost, and the page is left
        elif held and not resumed:
            route.abort()
        else:
            sent.append(index)
            route.continue_()

    resumed = False
    page.route("**/chunks/**", pass_two)
    page.get_by_label("Choose a file").set_input_files(file)
    expect(page.get_by_text(re.compile("^[1-9][0-9]? %"))).to_be_visible()
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("Nothing is lost")).to_be_visible()
    before = set(sent)
    resumed = True
    page.unroute("**/chunks/**")
    again = []
    page.reload()
    page.on("request", lambda r: again.append(r.url) if r.method == "PUT" else None)
    page.get_by_label("Choose a file").set_input_files(file)
    expect(page.get_by_text("Uploaded.", exact=True)).to_be_visible()
    repeated = {int(re.search(r"/chunks/(\d+)/", address)[1]) for address in again}
    assert before - repeated
    alice_at.trouble.clear()  # the line was cut on purpose
    page.get_by_role("button", name="Read the file").click()
    expect(page).to_have_url(re.compile("/data/readings/"))
    work(page)
    expect(page.get_by_text("600 rows × 4 columns")).to_be_visible()


def test_a_file_that_is_no_table_is_refused_in_words(alice_at):
    page = alice_at.open(reverse("evaluations:dataset-new"))
    give(page, b"", name="empty.csv")
    expect(page.get_by_role("alert")).to_contain_text("0 bytes")
    give(page, b"<html><body>Sign in</body></html>", name="export.csv")
    page.get_by_role("button", name="Read the file").click()
    expect(page).to_have_url(re.compile("/data/readings/"))
    work(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("This file is not a table")
    expect(page.get_by_text("Nothing of it was stored")).to_be_visible()
    assert alice_at.violations() == []


@pytest.fixture
def to_predict(world, tmp_path):
    """A protocol that waits for predictions, and a file of them."""
    protocol = make_protocol(actor=world)
    table = acceptance_rows(protocol, tmp_path)
    predictions = table[["row_id"]].assign(probability=1 - table["tenure"] / 72)
    return protocol, predictions.to_csv(index=False).encode()


@pytest.mark.usefixtures("_small_pieces")
def test_predictions_go_piece_by_piece_and_the_question_is_asked_once(alice_at, to_predict):
    protocol, content = to_predict
    page = alice_at.open(reverse("evaluations:predictions-new", args=[protocol.pk]))
    assert alice_at.violations() == []
    pieces = []
    page.on("request", lambda r: pieces.append(r.url) if r.method == "PUT" else None)
    page.route("**/chunks/**", lambda route: (page.wait_for_timeout(100), route.continue_()))
    give(page, content, name="mine.csv")
    page.get_by_role("button", name="Evaluate").click()  # while it is still on its way
    page.locator("#confirm [data-answer=yes]").click()
    expect(page).to_have_url(re.compile("/evaluations/"), timeout=20_000)
    assert len(set(pieces)) > 2
    assert work_off(Job.objects.order_by("-created_at").first()).state == "done"
    expect(page.get_by_text("Every promise was shown")).to_be_visible(timeout=20_000)


def test_predictions_go_whole_where_scripts_are_off(alice_at, to_predict):
    protocol, content = to_predict
    context = alice_at.page.context.browser.new_context(
        java_script_enabled=False, storage_state=alice_at.page.context.storage_state()
    )
    page = context.new_page()
    page.goto(f"{alice_at.site}{reverse('evaluations:predictions-new', args=[protocol.pk])}")
    give(page, content, name="mine.csv")
    page.get_by_role("button", name="Evaluate").click()
    expect(page).to_have_url(re.compile("/evaluations/"))
    context.close()


def test_an_upload_is_cancelled_with_the_keyboard(alice_at):
    page = alice_at.open(reverse("evaluations:dataset-new"))
    give(page, churn_csv())
    expect(page.get_by_text("Uploaded.", exact=True)).to_be_visible()
    page.get_by_role("button", name="Cancel").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Choose a file")).to_be_focused()
    expect(page.get_by_text("Uploaded.", exact=True)).not_to_be_visible()


def test_the_pages_of_data_have_no_barrier(alice_at, world):
    version = make_version(actor=world)
    faults = {}
    for name, pk in (
        ("dataset-list", None),
        ("dataset-new", None),
        ("dataset", version.dataset_id),
        ("dataset-edit", version.dataset_id),
        ("dataset-version-new", version.dataset_id),
        ("dataset-version-reading", version.pk),
    ):
        alice_at.open(reverse(f"evaluations:{name}", args=[pk] if pk else []))
        if found := alice_at.violations_by_day_and_night():
            faults[name] = found
    assert faults == {}


def test_a_phone_shows_data_without_scrolling_sideways(alice_on_a_phone, world):
    version = make_version(actor=world)
    for path in (
        reverse("evaluations:dataset-list"),
        reverse("evaluations:dataset-new"),
        reverse("evaluations:dataset-version", args=[version.pk]),
        reverse("evaluations:dataset-edit", args=[version.dataset_id]),
    ):
        alice_on_a_phone.open(path)
        assert alice_on_a_phone.sideways() == 0, path
