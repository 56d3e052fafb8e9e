"""Pages of evaluations: the verdict and what stands behind it, sealed looks, predictions brought, retries."""

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from evaluations.models import EvaluationRun, Look, PredictionFile
from evaluations.queries.protocols import looks_left
from evaluations.services import runs, uploads
from evaluations.storage import chunk_address
from projects.attention import needs_of
from projects.models import Job
from tests.evaluations.test_verdicts import acceptance_rows
from tests.factories.evaluations import make_protocol, make_verdict, send_file
from tests.factories.jobs import work_off
from tests.projects import page_rules


@pytest.fixture
def shown(actor):
    """A look that passed."""
    return make_verdict(actor=actor)


@pytest.fixture
def sealed(actor):
    """A spare look that failed; one more is left."""
    run = make_verdict(actor=actor, threshold=0.98)
    type(run.protocol.milestone).objects.filter(pk=run.protocol.milestone_id).update(status="in_progress")
    return run


# --- the verdict -----------------------------------------------------------------------------------------
def test_a_pass_shows_everything(client, signed_in, stranger, shown):
    contains = ["Every promise was shown", "ROC AUC at least 0.6", "All figures", "chart-evaluation-0", shown.digest]
    page_rules.opens(signed_in, "evaluations:run", shown.pk, contains=contains)
    page_rules.refuses(signed_in, "post", "evaluations:run", shown.pk)
    page_rules.sends_to_sign_in(client, "evaluations:run", shown.pk)
    page_rules.hides_from_strangers(client, stranger, "evaluations:run", shown.pk)


def test_a_sealed_look_tells_one_bit_everywhere(signed_in, sealed):
    auc = sealed.result["gates"][0]["measure"]["value"]
    secrets = [f"{auc:.3f}", f"{auc:.2f}", "Not kept", "All figures", ">Fail<"]
    addresses = [
        reverse("evaluations:run", args=[sealed.pk]),
        reverse("projects:milestone", args=[sealed.protocol.milestone_id]),
        reverse("evaluations:protocol", args=[sealed.protocol_id]),
        reverse("dashboard"),
        f"/api/v1/evaluations/{sealed.pk}/",
    ]
    for address in addresses:
        answer = signed_in.get(address)
        assert answer.status_code == 200, address
        text = answer.content.decode()
        assert [word for word in secrets if word in text] == [], address
    text = page_rules.opens(signed_in, "evaluations:run", sealed.pk, contains=["one bit", "1 of 2"])
    assert "gives up the remaining looks" in text


def test_opened_details_show_the_failure(signed_in, actor, sealed):
    runs.close_looks(protocol=sealed.protocol, by=actor)
    page_rules.opens(signed_in, "evaluations:run", sealed.pk, contains=["Not kept", "All figures", "0 of 2"])


def test_the_verdict_pages_are_cheap(signed_in, shown, sealed, django_assert_max_num_queries):
    for run in (shown, sealed):
        address = reverse("evaluations:run", args=[run.pk])
        signed_in.get(address)
        with django_assert_max_num_queries(9):
            signed_in.get(address)


# --- what waits ---------------------------------------------------------------------------------------------
def test_verdicts_that_did_not_pass_wait_on_the_dashboard(actor, sealed):
    need = next(n for n in needs_of(actor) if "not shown yet" in n.text)
    assert "1 of 2 looks are left" in need.why
    runs.close_looks(protocol=sealed.protocol, by=actor)
    need = next(n for n in needs_of(actor) if "was not kept" in n.text)
    assert need.tone == "bad"


def test_a_pass_does_not_wait(actor, shown):
    type(shown.protocol.milestone).objects.update(status="in_progress")
    assert not [n for n in needs_of(actor) if "not shown" in n.text or "not kept" in n.text]


def test_a_milestone_due_soon_without_a_protocol_waits(actor, shown):
    milestone = shown.protocol.milestone
    type(milestone).objects.filter(pk=milestone.pk).update(status="in_progress", due_on=timezone.localdate())
    assert not [n for n in needs_of(actor) if "no protocol" in n.text]
    other = milestone.engagement.milestones.create(
        title="Bare", fee_minor=1, status="in_progress", position=98, due_on=timezone.localdate()
    )
    assert [n.text for n in needs_of(actor) if "no protocol" in n.text] == [f"{other}: no protocol is frozen"]


# --- predictions of any framework ------------------------------------------------------------------------------
def test_predictions_are_brought_on_the_page_and_a_bad_file_costs_nothing(signed_in, actor, tmp_path):
    protocol = make_protocol(actor=actor)
    page_rules.opens(signed_in, "evaluations:predictions-new", protocol.pk, contains=["row_id", "240 rows", "2 of 2"])
    rows = acceptance_rows(protocol, tmp_path)
    table = rows[["row_id"]].assign(probability=1 - rows["tenure"] / 72)

    def bring(frame):
        file = SimpleUploadedFile("mine.csv", frame.to_csv(index=False).encode())
        answer = signed_in.post(reverse("evaluations:predictions-new", args=[protocol.pk]), {"file": file})
        assert answer.status_code == 302
        run = EvaluationRun.objects.get()
        work_off(run.job)
        run.refresh_from_db()
        return run

    broken = bring(table.iloc[1:])
    text = page_rules.opens(signed_in, "evaluations:run", broken.pk, contains=["have no prediction", "not lost"])
    assert "Bring another file" in text
    page_rules.opens(
        signed_in, "projects:milestone", protocol.milestone_id, contains=["ended without a result", "1 of 2"]
    )
    first_job = broken.job_id
    again = bring(table)
    assert again.pk == broken.pk
    assert again.job_id != first_job
    assert again.verdict == "pass"
    assert Look.objects.count() == 1
    assert looks_left(protocol) == 1


def test_predictions_come_piece_by_piece_too_and_their_pieces_go_when_they_are_stored(
    signed_in, actor, tmp_path, monkeypatch, django_capture_on_commit_callbacks
):
    monkeypatch.setattr(uploads, "CHUNK_SIZE", 2_000)
    protocol = make_protocol(actor=actor)
    address = reverse("evaluations:predictions-new", args=[protocol.pk])
    rows = acceptance_rows(protocol, tmp_path)
    table = rows[["row_id"]].assign(probability=1 - rows["tenure"] / 72)

    def bring(frame):
        upload = send_file(frame.to_csv(index=False).encode(), actor=actor, name="mine.csv")
        with django_capture_on_commit_callbacks(execute=True):
            assert signed_in.post(address, {"upload": upload.pk}).status_code == 302
            run = EvaluationRun.objects.get()
            work_off(run.job)
        run.refresh_from_db()
        return run, upload

    broken, first = bring(table.iloc[1:])
    assert broken.job.error_code == "row-ids-missing"
    assert default_storage.exists(chunk_address(first.pk, 0))  # it can be judged again
    run, second = bring(table)
    assert (run.verdict, run.predictions.name) == ("pass", "mine.csv")
    assert second.chunk_count > 1
    for upload in (first, second):
        assert not default_storage.exists(chunk_address(upload.pk, 0))
    assert PredictionFile.objects.get() == run.predictions
    assert signed_in.post(address, {"upload": second.pk}).status_code == 422


def test_a_strangers_upload_is_no_file_of_mine(signed_in, shown, stranger):
    upload = send_file(b"row_id,prediction\n", actor=stranger)
    answer = signed_in.post(reverse("evaluations:predictions-new", args=[shown.protocol_id]), {"upload": upload.pk})
    assert answer.status_code == 422
    assert not PredictionFile.objects.filter(upload=upload).exists()


def test_a_missing_file_comes_back_with_its_error(signed_in, shown):
    answer = signed_in.post(reverse("evaluations:predictions-new", args=[shown.protocol_id]), {})
    assert answer.status_code == 422


def test_bringing_keeps_the_rules(client, signed_in, stranger, shown):
    address = "evaluations:predictions-new"
    page_rules.refuses(signed_in, "put", address, shown.protocol_id)
    page_rules.sends_to_sign_in(client, address, shown.protocol_id)
    page_rules.hides_from_strangers(client, stranger, address, shown.protocol_id)


# --- a look without a result ---------------------------------------------------------------------------------------
def test_a_look_that_broke_off_is_computed_again_under_its_own_entry(client, signed_in, actor, stranger, shown):
    address = "evaluations:run-retry"
    assert signed_in.post(reverse(address, args=[shown.pk])).status_code == 302
    assert Job.objects.count() == 0  # a result stays as it is
    protocol = shown.protocol
    broken = EvaluationRun.objects.create(protocol=protocol, predictions=shown.predictions)
    Look.objects.create(protocol=protocol, number=2, run=broken, by_name="Alice")
    signed_in.post(reverse(address, args=[broken.pk]))
    broken.refresh_from_db()
    assert broken.job.state == Job.State.QUEUED
    assert protocol.looks.count() == 2
    page_rules.refuses(signed_in, "get", address, broken.pk)
    page_rules.sends_to_sign_in(client, address, broken.pk, method="post")
    page_rules.hides_from_strangers(client, stranger, address, broken.pk, method="post")
