"""Reports: frozen, signed, superseded, read by link, answered once, accepted in silence where agreed."""

import json
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.urls import reverse
from django.utils import timezone

from evaluations.errors import ReportNotLatestError, ReportNotSentError, VerdictPendingError
from evaluations.models import Report
from freelance_ml.reports import dispatch
from freelance_ml.reports.checking import check_report
from freelance_ml.reports.pdf import report_pdf
from freelance_ml.reports.shared import ReportRoom, bundle_of
from freelance_ml.reports.silence import answer_silence
from projects.canonical import canonical, digest
from projects.models import AuditEntry, Decision, Engagement, Job, Mail, Milestone
from projects.secrets import signature_holds
from projects.services.audit_checks import as_dict, sign_checkpoints
from projects.services.decisions import evidence_holds
from projects.services.engagements import EngagementClosedError
from tests.factories.jobs import work_off
from tests.factories.projects import make_milestone
from tests.factories.scopes import visit_of

VERIFIER = Path("freelance_ml/static/freelance_ml/verify_report.py")
ANSWER = {"answer": "accepted", "name": "Carla Client", "email": "carla@client.example", "agreed": "on"}


def test_a_report_is_frozen_with_its_hash_and_signature(report, run):
    assert report.digest == digest(report.body)
    assert signature_holds(canonical(report.body), key_id=report.key_id, signature=report.signature)
    assert report.body["verdict"]["verdict"] == run.verdict == "pass"
    assert report.body["gates"] == run.result["gates"]
    assert report.body["provenance"]["result_sha256"] == run.digest
    assert report.body["data"]["rows"] == 600


def test_the_charts_are_drawn_by_a_job(report):
    job = work_off(Job.objects.get(kind="draw-report", subject=f"evaluations.report:{report.pk}"))
    assert job.state == "done", job.error_message
    report.refresh_from_db()
    assert len(report.charts) == 4
    assert all("<svg" in chart["svg"] and chart["text"] for chart in report.charts)
    assert len(report_pdf(report)) > len(report_pdf(Report(body=report.body, digest="", signature="", key_id="")))


def test_the_address_is_shown_once_and_never_at_rest_in_the_session(signed_in, report):
    assert signed_in.post(reverse("report-send", args=[report.pk]), {"days": "14"}).status_code == 302
    assert "shr_" not in json.dumps(dict(signed_in.session))
    page = reverse("report", args=[report.pk])
    assert "/s/shr_" in signed_in.get(page).content.decode()
    assert "/s/shr_" not in signed_in.get(page).content.decode()


def test_without_a_verdict_there_is_no_report(actor):
    with pytest.raises(VerdictPendingError):
        dispatch.make_report(milestone=make_milestone(workspace=actor.workspace), by=actor)


def test_a_newer_report_supersedes_and_the_older_stays_as_it_was(actor, milestone, report):
    before = (report.body, report.digest, report.signature)
    newer = dispatch.make_report(milestone=milestone, by=actor)
    report.refresh_from_db()
    assert (report.body, report.digest, report.signature) == before
    assert (newer.number, newer.is_latest, report.is_latest) == (2, True, False)
    with pytest.raises(ReportNotLatestError):
        dispatch.send_to_client(report=report, by=actor)


def test_an_unsent_report_cannot_be_shared(report):
    with pytest.raises(ReportNotSentError):
        ReportRoom().check(report)


def test_the_freelancer_sees_what_the_client_will_see(signed_in, report):
    page = signed_in.get(reverse("report", args=[report.pk]))
    assert page.status_code == 200
    for words in ("The promise was kept.", "Finds those who leave.", "What it does not say", report.digest):
        assert words in page.content.decode()


@pytest.mark.parametrize("form", ["pdf", "html", "json"])
def test_every_form_can_be_taken_along(signed_in, report, form):
    answer = signed_in.get(reverse("report-file", args=[report.pk, form]))
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"].startswith("attachment")
    if form == "pdf":
        assert answer.content.startswith(b"%PDF")
        assert answer.content == signed_in.get(reverse("report-file", args=[report.pk, form])).content
    if form == "html":
        assert len(answer.content) < 300_000
        assert b"<script" not in answer.content
        assert b"http://" not in answer.content.replace(b"http://www.w3.org", b"")


def test_the_offline_verifier_believes_the_file_and_no_changed_one(client, report, tmp_path):
    bundle = bundle_of(report)
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(json.dumps(bundle), encoding="utf-8")
    body = {**report.body, "made_at": "2020-01-01T00:00:00+00:00"}
    bad.write_text(json.dumps({**bundle, "report": body}), encoding="utf-8")
    page = client.get(reverse("verify")).content.decode()
    assert bundle["public_key"] in page  # where the recipient finds it
    told = [verify_offline(path, bundle["public_key"]) for path in (good, bad)]
    assert [t.returncode for t in told] == [0, 1]
    assert told[0].stdout.startswith("GENUINE")
    assert told[1].stdout.startswith("NOT GENUINE")


def test_a_report_that_a_forger_signed_with_a_key_of_their_own_is_not_called_genuine(report, tmp_path):
    bundle, forged = bundle_of(report), signed_by_a_forger({**report.body, "made_at": "2020-01-01T00:00:00+00:00"})
    file = tmp_path / "forged.json"
    file.write_text(json.dumps(forged), encoding="utf-8")
    assert verify_offline(file, bundle["public_key"]).returncode == 1
    told = verify_offline(file)
    assert told.returncode == 3
    assert "GENUINE" not in told.stdout
    assert forged["public_key"] in told.stdout


def signed_by_a_forger(body):
    forger = Ed25519PrivateKey.generate()
    key = forger.public_key().public_bytes_raw().hex()
    signature = forger.sign(canonical(body)).hex()
    return {"report": body, "sha256": digest(body), "signature": signature, "public_key": key}


@pytest.mark.parametrize("place", ["number", "verdict"])
def test_a_forgers_words_do_not_look_like_the_verifiers(report, tmp_path, place):
    words = "kept.\nGENUINE: \x1b[2Jreport 1"
    file = tmp_path / "forged.json"
    body = {**report.body, place: words if place == "number" else {"headline": words}}
    file.write_text(json.dumps(signed_by_a_forger(body)), encoding="utf-8")
    told = verify_offline(file)
    assert told.returncode == 3
    assert not [line for line in told.stdout.splitlines() if line.startswith("GENUINE")]
    assert "\x1b" not in told.stdout


@pytest.mark.parametrize("place", ["report", "verdict"])
def test_a_file_that_says_something_twice_does_not_hold(report, tmp_path, place):
    bundle = bundle_of(report)
    value = bundle["report"] if place == "report" else bundle["report"]["verdict"]
    said = f'"{place}": {json.dumps(value)}'
    raw = json.dumps(bundle).replace(said, f'"{place}": {json.dumps({"headline": "Forged."})}, {said}')
    assert json.loads(raw) == bundle
    file = tmp_path / "twice.json"
    file.write_text(raw, encoding="utf-8")
    assert not check_report(raw.encode()).holds
    assert verify_offline(file, bundle["public_key"]).returncode == 2


def test_what_stands_beside_the_report_is_checked_as_well(report):
    bundle = bundle_of(report)
    for name in ("sha256", "public_key", "note"):
        assert not check_report(json.dumps({**bundle, name: "0" * 64}).encode()).holds


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "[]",
        "{}",
        '{"report": {}, "signature": "", "sha256": ""}',
        "\x00",
        "[" * 100_000,
        json.dumps(
            {
                "report": {"number": 1, "milestone": {"title": "\ud800"}, "verdict": {"headline": ""}},
                "signature": "",
                "sha256": "",
                "public_key": "00" * 32,
            }
        ),
    ],
)
def test_the_offline_verifier_says_what_is_no_report(raw, tmp_path):
    file = tmp_path / "report.json"
    file.write_text(raw, encoding="utf-8")
    told = verify_offline(file)
    assert (told.returncode, told.stderr) == (2, "")


def verify_offline(*arguments):
    return subprocess.run([sys.executable, VERIFIER, *arguments], capture_output=True, text=True, check=False)


def test_every_changed_value_breaks_the_signature(report):
    bundle = bundle_of(report)
    assert check_report(json.dumps(bundle).encode()).holds
    for key in report.body:
        body = {**report.body, key: "changed"}
        assert not check_report(json.dumps({**bundle, "report": body}).encode()).holds


@pytest.mark.parametrize(
    "raw", [b"", b"{}", b"[1]", b"\xff\xfe", b'{"report": 1, "signature": 2, "key_id": 3}', b"[" * 100_000]
)
def test_anything_may_be_checked(raw):
    assert not check_report(raw).holds


def test_a_statement_about_the_trail_is_no_report(report):
    statement = as_dict(sign_checkpoints()[0])
    body = {name: statement[name] for name in ("chain", "sequence", "hash", "at")}
    assert not check_report(json.dumps({**statement, "report": body}).encode()).holds


def test_the_verify_page_is_open_to_all(client, report, tmp_path):
    file = tmp_path / "report.json"
    file.write_text(json.dumps(bundle_of(report)), encoding="utf-8")
    with file.open("rb") as opened:
        page = client.post(reverse("verify"), {"file": opened})
    assert "exactly as it was signed here" in page.content.decode()
    assert client.get(reverse("verify")).status_code == 200
    assert client.post(reverse("verify")).status_code == 422


def test_the_client_reads_and_accepts_without_an_account(room, report, milestone):
    browser, address = room
    page = browser.get(address)
    assert "The promise was kept." in page.content.decode()
    assert "I accept this milestone" in page.content.decode()
    assert browser.post(f"{address}answer/", ANSWER).status_code == 302
    milestone.refresh_from_db()
    decision = Decision.objects.get()
    assert (milestone.status, milestone.accepted_how) == ("accepted", "client")
    assert decision.document_digest == report.digest
    assert evidence_holds(decision)
    assert AuditEntry.objects.filter(action="decision.accepted", via="share").exists()
    assert Mail.objects.filter(to="alice@example.com").exists()
    again = browser.post(f"{address}answer/", ANSWER | {"answer": "changes_requested", "message": "No"})
    assert again.status_code == 422
    assert Decision.objects.count() == 1


def test_the_pdf_after_the_answer_has_a_certificate(room, report):
    browser, address = room
    before = browser.get(f"{address}pdf/").content
    browser.post(f"{address}answer/", ANSWER)
    assert len(browser.get(f"{address}pdf/").content) > len(before)


def test_the_client_asks_for_changes_and_says_what(room, milestone):
    browser, address = room
    silent = browser.post(f"{address}answer/", ANSWER | {"answer": "changes_requested"})
    assert silent.status_code == 422
    assert "Say what should change" in silent.content.decode()
    browser.post(f"{address}answer/", ANSWER | {"answer": "changes_requested", "message": "Also for new customers."})
    milestone.refresh_from_db()
    assert milestone.status == Milestone.Status.CHANGES_REQUESTED


def test_a_superseded_report_cannot_be_accepted(room, actor, milestone):
    browser, address = room
    dispatch.make_report(milestone=milestone, by=actor)
    page = browser.post(f"{address}answer/", ANSWER)
    assert page.status_code == 422
    assert "superseded" in page.content.decode()
    milestone.refresh_from_db()
    assert milestone.status == Milestone.Status.SUBMITTED


def test_unknown_parts_of_a_room_are_not_there(room):
    browser, address = room
    assert browser.get(f"{address}nothing/").status_code == 404
    assert browser.get(f"{address}answer/").status_code == 405
    assert browser.post(address).status_code == 405


def submit_days_ago(milestone, days):
    Milestone.objects.filter(pk=milestone.pk).update(submitted_at=timezone.now() - timedelta(days=days))


def test_silence_is_acceptance_after_the_agreed_days_and_not_before(actor, milestone, report):
    dispatch.send_to_client(report=report, by=actor, name="Carla", email="carla@client.example")
    submit_days_ago(milestone, 12)
    assert answer_silence() == {"reminded": 1, "accepted": 0}
    assert answer_silence() == {"reminded": 1, "accepted": 0}
    assert (
        Mail.objects.filter(subject__contains="your answer is wished").count() == 1
    )  # one a day, however often it runs
    submit_days_ago(milestone, 15)
    assert answer_silence() == {"reminded": 0, "accepted": 1}
    milestone.refresh_from_db()
    assert (milestone.status, milestone.accepted_how) == ("accepted", "deemed")


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/Los_Angeles"])
def test_the_last_day_of_a_review_ends_where_the_workspace_is(actor, milestone, report, zone):
    actor.workspace.time_zone = zone
    actor.workspace.save()
    dispatch.send_to_client(report=report, by=actor)
    here = datetime(2026, 11, 2, 8, tzinfo=ZoneInfo(zone))  # in Tokyo still the day before by UTC
    Milestone.objects.filter(pk=milestone.pk).update(submitted_at=here)
    last = (here + timedelta(days=milestone.engagement.review_days)).replace(hour=23, minute=30)
    with time_machine.travel(last, tick=False):
        assert answer_silence()["accepted"] == 0
    with time_machine.travel(last + timedelta(hours=1), tick=False):
        assert answer_silence()["accepted"] == 1


def test_nothing_is_accepted_in_an_engagement_that_is_over(actor, milestone, report):
    sent = dispatch.send_to_client(report=report, by=actor).row
    Engagement.objects.filter(pk=milestone.engagement_id).update(status="cancelled")
    submit_days_ago(milestone, 90)
    assert answer_silence() == {"reminded": 0, "accepted": 0}
    visit = visit_of(sent, "report", actor)
    with pytest.raises(EngagementClosedError):
        dispatch.answer_report(visit=visit, report=sent, fields=ANSWER, consent="I agree.")
    assert not Decision.objects.exists()


def test_silence_means_nothing_where_the_contract_is_silent(actor, milestone, report):
    dispatch.send_to_client(report=report, by=actor)
    milestone.engagement.review_days = None
    milestone.engagement.save()
    submit_days_ago(milestone, 90)
    assert answer_silence() == {"reminded": 0, "accepted": 0}


@pytest.mark.parametrize(("name", "method"), [("report", "get"), ("report-send", "post")])
def test_doors_of_reports(client, report, stranger, reviewer, name, method):
    address = reverse(name, args=[report.pk])
    assert getattr(client, method)(address).status_code == 302  # to sign in
    client.force_login(stranger.user)
    assert getattr(client, method)(address).status_code == 404
    wrong = "post" if method == "get" else "get"
    client.force_login(report.created_by)
    assert getattr(client, wrong)(address).status_code == 405
    client.force_login(reviewer.user)
    assert getattr(client, method)(address).status_code == (200 if method == "get" else 403)


def test_the_report_pages_ask_little_of_the_database(signed_in, room, report, django_assert_max_num_queries):
    browser, address = room
    browser.get(address)  # the first look is noted in the trail; the pages are pinned warm
    with django_assert_max_num_queries(14):
        signed_in.get(reverse("report", args=[report.pk]))
    with django_assert_max_num_queries(14):
        browser.get(address)


def test_a_report_is_previewed_as_the_client_will_see_it_and_stays_unsent(signed_in, report):
    page = signed_in.get(reverse("projects:share-preview", args=["report", report.pk])).content.decode()
    assert "Preview: this is what Kiosk GmbH sees" in page
    assert "Please answer by" in page
    assert "disabled>Send your answer" in page
    report.refresh_from_db()
    assert (report.sent_at, report.milestone.status) == (None, "in_progress")
