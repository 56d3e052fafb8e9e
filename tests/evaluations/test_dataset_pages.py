"""The pages of data: taking in, correcting, checking, keeping and deleting."""

from datetime import timedelta

import pytest
from django.core.files.storage import default_storage
from django.urls import reverse
from django.utils import timezone

from evaluations import dispatch, storage
from evaluations.engine.reading.values import COLUMN_TYPES
from evaluations.forms.datasets import TYPES
from evaluations.models import Column, Dataset, DatasetVersion, StoredFile, Upload
from evaluations.queries.datasets import bars_of, correlation_of, findings_of, merged, sketch
from evaluations.services import datasets, uploads
from projects.attention import needs_of
from projects.models import AuditEntry
from projects.palette import find
from tests.factories import projects as make
from tests.factories.evaluations import churn_csv, make_protocol, make_version, send_file
from tests.factories.jobs import work_off
from tests.projects import page_rules

GUESS = b"when,amount\n" + b"".join(b"%02d/%02d/2024,%d\n" % (n % 12 + 1, n % 11 + 1, n) for n in range(40))


def url(name, *args):
    return reverse(f"evaluations:{name}", args=args)


@pytest.fixture
def version(actor):
    return make_version(actor=actor, target="")


@pytest.fixture
def asking(actor):
    return make_version(actor=actor, content=GUESS, name="guess.csv", target="")


# --- the list -----------------------------------------------------------------------------------
def test_the_list_shows_searches_and_filters(signed_in, actor, version):
    engagement = make.make_engagement(workspace=actor.workspace, title="Churn")
    datasets.add_dataset(by=actor, name="Tariffs", engagement=engagement)
    page_rules.opens(signed_in, "evaluations:dataset-list", contains=["Data of churn.csv", "600", "Tariffs", "Ready"])
    found = signed_in.get(url("dataset-list"), {"q": "tar"}).content.decode()
    assert "Tariffs" in found
    assert "churn.csv" not in found
    found = signed_in.get(url("dataset-list"), {"engagement": str(engagement.pk)}).content.decode()
    assert "Data of churn.csv" not in found


def test_an_empty_list_offers_to_upload(signed_in):
    page_rules.opens(signed_in, "evaluations:dataset-list", contains=["No data yet", "5 GiB"])


def test_the_list_is_for_the_workspace_alone(client, stranger, version):
    client.force_login(stranger.user)
    assert "churn.csv" not in client.get(url("dataset-list")).content.decode()
    page_rules.sends_to_sign_in(client, "evaluations:dataset-list")


def test_the_list_takes_no_post(signed_in):
    page_rules.refuses(signed_in, "post", "evaluations:dataset-list")


# --- taking in ------------------------------------------------------------------------------------
def test_an_uploaded_file_becomes_a_dataset(signed_in, actor):
    engagement = make.make_engagement(workspace=actor.workspace)
    upload = send_file(churn_csv(60), actor=actor)
    page_rules.opens(signed_in, "evaluations:dataset-new", contains=["Choose a file"])
    sent = signed_in.post(url("dataset-new"), {"upload": upload.pk, "name": "Churn", "engagement": engagement.pk})
    version = DatasetVersion.objects.get()
    assert sent["Location"] == url("dataset-reading", version.job_id)
    assert "Waiting for a free worker" in signed_in.get(sent["Location"]).content.decode()
    work_off(version.job)
    assert signed_in.get(sent["Location"])["Location"] == url("dataset-version", version.pk)
    assert version.dataset.engagement == engagement
    page_rules.opens(signed_in, "projects:engagement", engagement.pk, contains=["60 rows × 4 columns"])


def test_the_form_says_what_is_missing(signed_in, actor):
    datasets.add_dataset(by=actor, name="Taken")
    answer = signed_in.post(url("dataset-new"), {"name": "Taken"})
    assert answer.status_code == 422
    assert "Choose a file first" in answer.content.decode()
    assert "You have a dataset of that name" in answer.content.decode()
    started = uploads.open_upload(name="half.csv", size=9, by=actor)
    answer = signed_in.post(url("dataset-new"), {"name": "New", "upload": started.pk})
    assert answer.status_code == 422
    assert "still missing" in answer.content.decode()
    assert Dataset.objects.count() == 1


def test_an_upload_is_taken_in_once(signed_in, actor, version):
    answer = signed_in.post(url("dataset-new"), {"name": "Again", "upload": version.upload_id})
    assert answer.status_code == 422
    assert "taken in already" in answer.content.decode()


def test_an_upload_of_strangers_is_no_choice(client, stranger, actor):
    upload = send_file(churn_csv(60), actor=actor)
    client.force_login(stranger.user)
    assert client.post(url("dataset-new"), {"name": "Theirs", "upload": upload.pk}).status_code == 422
    page_rules.sends_to_sign_in(client, "evaluations:dataset-new")


def test_taking_in_is_for_writers(client, reviewer):
    client.force_login(reviewer.user)
    assert client.get(url("dataset-new")).status_code == 403
    page_rules.refuses(client, "delete", "evaluations:dataset-list")


def test_a_file_becomes_the_next_version(signed_in, actor, version, stranger):
    page_rules.opens(signed_in, "evaluations:dataset-version-new", version.dataset_id, contains=["next version"])
    upload = send_file(churn_csv(80), actor=actor)
    signed_in.post(url("dataset-version-new", version.dataset_id), {"upload": upload.pk})
    newest = version.dataset.versions.first()
    assert newest.number == 2
    work_off(newest.job)
    page_rules.opens(signed_in, "evaluations:dataset", version.dataset_id, contains=["80 rows", "Version 1"])
    page_rules.opens(signed_in, "evaluations:dataset-version", version.pk, contains=["600 rows"])
    page_rules.refuses(signed_in, "put", "evaluations:dataset-version-new", version.dataset_id)
    page_rules.hides_from_strangers(signed_in, stranger, "evaluations:dataset-version-new", version.dataset_id)
    page_rules.sends_to_sign_in(signed_in, "evaluations:dataset-version-new", version.dataset_id)


def test_the_reading_is_polled_and_then_leads_to_the_version(signed_in, actor):
    dataset = datasets.add_dataset(by=actor, name="Churn")
    version = dispatch.add_version(dataset=dataset, upload=send_file(churn_csv(60), actor=actor), by=actor)
    poll = {"HX-Request": "true"}
    assert signed_in.get(url("dataset-reading", version.job_id), headers=poll).status_code == 200
    work_off(version.job)
    last = signed_in.get(url("dataset-reading", version.job_id), headers=poll)
    assert last.status_code == 286
    assert last["HX-Redirect"] == url("dataset-version", version.pk)


def test_a_file_that_is_no_table_is_refused_in_words_and_leaves_nothing(signed_in, actor, stranger):
    upload = send_file(b"<html><body>Please sign in</body></html>", actor=actor, name="export.csv")
    signed_in.post(url("dataset-new"), {"upload": upload.pk, "name": "Export"})
    job = work_off(DatasetVersion.objects.get().job)
    page_rules.opens(
        signed_in, "evaluations:dataset-reading", job.pk, contains=["Nothing of it was stored", job.error_message[:20]]
    )
    assert not Dataset.objects.exists()
    assert not Upload.objects.exists()
    assert not StoredFile.objects.exists()
    page_rules.refuses(signed_in, "post", "evaluations:dataset-reading", job.pk)
    page_rules.hides_from_strangers(signed_in, stranger, "evaluations:dataset-reading", job.pk)
    page_rules.sends_to_sign_in(signed_in, "evaluations:dataset-reading", job.pk)


# --- a version ------------------------------------------------------------------------------------
def test_a_version_shows_how_it_was_read_and_what_it_holds(signed_in, version, stranger, django_assert_max_num_queries):
    with django_assert_max_num_queries(12):
        text = page_rules.opens(
            signed_in,
            "evaluations:dataset-version",
            version.pk,
            contains=["600 rows × 4 columns", "utf-8", "tenure", "Whole number", "Histogram from 0 to 71", "SHA-256"],
        )
    assert text.count('<svg class="spark"') == 1
    assert " style=" not in text
    page_rules.refuses(signed_in, "post", "evaluations:dataset-version", version.pk)
    page_rules.hides_from_strangers(signed_in, stranger, "evaluations:dataset-version", version.pk)
    page_rules.sends_to_sign_in(signed_in, "evaluations:dataset-version", version.pk)


def test_the_newest_version_stands_for_the_dataset(signed_in, version, stranger, django_assert_max_num_queries):
    with django_assert_max_num_queries(13):
        page_rules.opens(signed_in, "evaluations:dataset", version.dataset_id, contains=["600 rows"])
    page_rules.refuses(signed_in, "post", "evaluations:dataset", version.dataset_id)
    page_rules.hides_from_strangers(signed_in, stranger, "evaluations:dataset", version.dataset_id)
    page_rules.sends_to_sign_in(signed_in, "evaluations:dataset", version.dataset_id)


def test_a_dataset_without_a_file_offers_to_upload_one(signed_in, actor):
    dataset = datasets.add_dataset(by=actor, name="Empty")
    page_rules.opens(signed_in, "evaluations:dataset", dataset.pk, contains=["No file yet"])


def test_columns_come_by_the_page(signed_in, version):
    facts = {"name": "x", "type": "integer", "n": 1, "missing": 0, "distinct": 1}
    Column.objects.bulk_create(
        Column(version=version, position=place, name=f"extra {place}", kind="integer", facts=facts)
        for place in range(4, 5_000)
    )
    text = page_rules.opens(signed_in, "evaluations:dataset-version", version.pk, contains=["1–50 of 5000"])
    assert len(text) < 250_000
    found = signed_in.get(
        url("dataset-version", version.pk), {"q": "extra 4999"}, headers={"HX-Request": "true"}
    ).content.decode()
    assert found.strip().startswith('<div id="columns">')
    assert "extra 4999" in found
    assert "extra 499<" not in found


def test_the_column_to_predict_is_drawn_wherever_it_stands(signed_in, version):
    Column.objects.filter(version=version, name="left").update(position=5_000)
    Column.objects.bulk_create(
        Column(version=version, position=place, name=f"extra {place}", kind="integer", facts={})
        for place in range(4, 99)
    )
    Dataset.objects.update(target="left")
    text = page_rules.opens(
        signed_in, "evaluations:dataset-version", version.pk, contains=["1–50 of 99", "shares-wide"]
    )
    assert "<strong>left</strong>" in text


def test_hostile_cells_are_shown_as_text(signed_in, actor):
    rows = b"".join(b"<script>alert(%d)</script>,%d\n" % (n, n) for n in range(30))
    version = make_version(actor=actor, content=b"<img src=x>,y\n" + rows, name="<b>x</b>.csv", target="")
    text = page_rules.opens(signed_in, "evaluations:dataset-version", version.pk)
    assert "<script>alert" not in text
    assert "<img src=x>" not in text
    assert "<b>x</b>" not in text


# --- questions and corrections -----------------------------------------------------------------------
def test_a_question_is_answered_before_anything_is_used(signed_in, actor, asking, stranger):
    assert asking.state == "asks"
    page_rules.opens(signed_in, "evaluations:dataset-version", asking.pk, contains=["Day first", "One question"])
    assert any("asks 1 question" in need.text for need in needs_of(actor))
    signed_in.post(url("dataset-version-answer", asking.pk), {"question-0": "1"})
    asking.refresh_from_db()
    assert asking.options == {"types": {"when": "month_first"}}
    work_off(asking.job)
    asking.refresh_from_db()
    assert asking.state == "ready"
    assert asking.columns.get(name="when").kind == "date"
    assert not any("asks" in need.text for need in needs_of(actor))
    page_rules.refuses(signed_in, "get", "evaluations:dataset-version-answer", asking.pk)
    page_rules.hides_from_strangers(signed_in, stranger, "evaluations:dataset-version-answer", asking.pk, method="post")
    page_rules.sends_to_sign_in(signed_in, "evaluations:dataset-version-answer", asking.pk, method="post")


@pytest.mark.parametrize("answer", [{}, {"question-0": "9"}, {"question-0": "x"}, {"question-7": "0"}])
def test_an_answer_that_was_not_offered_changes_nothing(signed_in, asking, answer):
    signed_in.post(url("dataset-version-answer", asking.pk), answer)
    asking.refresh_from_db()
    assert (asking.state, asking.options) == ("asks", {})


def test_answers_add_up_column_by_column():
    first = merged({"separator": ";"}, {"types": {"a": "text"}, "extra_missing": {"a": ["?"]}})
    assert merged(first, {"types": {"b": "date"}, "separator": ","}) == {
        "separator": ",",
        "types": {"a": "text", "b": "date"},
        "extra_missing": {"a": ["?"]},
    }


def test_a_type_is_corrected_at_the_columns_head(signed_in, version, stranger):
    signed_in.post(url("dataset-version-types", version.pk), {"type-1": "text", "type-0": "", "type-99": "text"})
    version.refresh_from_db()
    assert version.options == {"types": {"tenure": "text"}}
    work_off(version.job)
    assert version.columns.get(name="tenure").kind == "text"
    signed_in.post(url("dataset-version-types", version.pk), {"type-1": ""})
    version.refresh_from_db()
    work_off(version.job)
    assert version.columns.get(name="tenure").kind == "integer"
    page_rules.refuses(signed_in, "get", "evaluations:dataset-version-types", version.pk)
    page_rules.hides_from_strangers(signed_in, stranger, "evaluations:dataset-version-types", version.pk, method="post")
    page_rules.sends_to_sign_in(signed_in, "evaluations:dataset-version-types", version.pk, method="post")


def test_a_person_may_name_every_type_that_the_reader_knows():
    assert tuple(kind for kind, _ in TYPES) == COLUMN_TYPES


def test_the_file_is_read_differently(signed_in, version, stranger):
    page_rules.opens(signed_in, "evaluations:dataset-version-reading", version.pk, contains=["Encoding", "Read again"])
    wish = {"separator": "semicolon", "header_row": "0", "missing": "none, ?", "encoding": "cp1252"}
    signed_in.post(url("dataset-version-reading", version.pk), wish)
    version.refresh_from_db()
    assert version.options == {
        "separator": ";",
        "header_row": 0,
        "missing": ["none", "?"],
        "encoding": "cp1252",
    }
    work_off(version.job)
    version.refresh_from_db()
    assert version.column_count == 1
    assert signed_in.post(url("dataset-version-reading", version.pk), {"header_row": "-1"}).status_code == 422
    page_rules.refuses(signed_in, "put", "evaluations:dataset-version-reading", version.pk)
    page_rules.hides_from_strangers(signed_in, stranger, "evaluations:dataset-version-reading", version.pk)
    page_rules.sends_to_sign_in(signed_in, "evaluations:dataset-version-reading", version.pk)


def test_a_correction_that_fails_keeps_the_file(signed_in, actor, version):
    dispatch.read_again(version=version, options={"separator": "too long"}, by=actor)
    version.refresh_from_db()
    work_off(version.job)
    version.refresh_from_db()
    assert version.state == "rejected"
    page_rules.opens(signed_in, "evaluations:dataset-version", version.pk, contains=["separator", "kept as it came"])
    version = dispatch.read_again(version=version, options={}, by=actor)
    work_off(version.job)
    version.refresh_from_db()
    assert (version.state, version.rows) == ("ready", 600)


def test_what_a_protocol_rests_on_is_not_read_again_and_not_deleted(signed_in, actor, version):
    make_protocol(actor=actor, version=version, frozen=False)
    for name, data in (("dataset-version-types", {"type-1": "text"}), ("dataset-version-delete", {})):
        said = signed_in.post(url(name, version.pk), data, follow=True).content.decode()
        assert "A protocol rests on" in said
    version.refresh_from_db()
    assert version.state == "ready"


# --- target and findings --------------------------------------------------------------------------------
def leaky():
    lines = churn_csv(200).decode().splitlines()
    rows = [f"{line},{9 if line.endswith('yes') else 1}" for line in lines[1:]]
    return "\n".join([f"{lines[0]},calls", *rows]).encode()


def test_a_target_brings_its_leaks_to_light(signed_in, actor, stranger):
    version = make_version(actor=actor, content=leaky(), target="")
    sent = signed_in.post(url("dataset-version-target", version.pk), {"target": "left"})
    assert sent["Location"] == url("dataset-version", version.pk) + "#findings"
    poll = {"HX-Request": "true"}
    assert signed_in.get(url("dataset-version-findings", version.pk), headers=poll).status_code == 200
    work_off(DatasetVersion.objects.get(pk=version.pk).dataset.workspace.jobs.filter(kind="audit-dataset").get())
    last = signed_in.get(url("dataset-version-findings", version.pk), headers=poll)
    assert last.status_code == 286
    assert "too good to be true" in last.content.decode()
    page_rules.opens(signed_in, "evaluations:dataset-version", version.pk, contains=["Critical", "checked against"])
    version.dataset.refresh_from_db()
    assert version.dataset.target == "left"
    page_rules.refuses(signed_in, "get", "evaluations:dataset-version-target", version.pk)
    page_rules.refuses(signed_in, "post", "evaluations:dataset-version-findings", version.pk)
    for name, method in (("target", "post"), ("findings", "get")):
        page_rules.hides_from_strangers(
            signed_in, stranger, f"evaluations:dataset-version-{name}", version.pk, method=method
        )
        page_rules.sends_to_sign_in(signed_in, f"evaluations:dataset-version-{name}", version.pk, method=method)


def test_a_column_that_is_not_there_cannot_be_predicted(signed_in, version):
    answer = signed_in.post(url("dataset-version-target", version.pk), {"target": "nothing"})
    assert answer.status_code == 422
    assert "no column" in answer.content.decode()


def test_the_most_harmful_comes_first(version):
    version.report = {"findings": [{"severity": "note"}, {"severity": "error"}, {"severity": "warning"}]}
    version.findings = [{"severity": "low"}, {"severity": "high"}]
    assert [f["severity"] for f in findings_of(version)] == ["critical", "high", "medium", "low", "low"]


def test_findings_come_with_rows_that_show_them(signed_in, actor):
    lines = churn_csv(100).decode().splitlines()
    version = make_version(actor=actor, content="\n".join([*lines, lines[1], lines[2]]).encode())
    found = next(finding for finding in version.findings if finding.get("examples"))
    assert found["examples"]["rows"][0]["row"] in found["rows"]
    page_rules.opens(signed_in, "evaluations:dataset-version", version.pk, contains=["that show it"])


# --- rights, download, deletion ----------------------------------------------------------------------------
def test_source_and_rights_are_written_down(signed_in, version, stranger, actor):
    pk = version.dataset_id
    page_rules.opens(signed_in, "evaluations:dataset-edit", pk, contains=["Lawful basis"])
    yesterday = timezone.localdate() - timedelta(days=1)
    data = {"name": "Churn", "source": "Billing", "lawful_basis": "contract", "retention_on": yesterday.isoformat()}
    assert signed_in.post(url("dataset-edit", pk), data).status_code == 302
    page_rules.opens(signed_in, "evaluations:dataset", pk, contains=["Billing", "Contract", "Kept past its date"])
    assert any("kept past its date" in need.text for need in needs_of(actor))
    datasets.add_dataset(by=actor, name="Other")
    assert signed_in.post(url("dataset-edit", pk), data | {"name": "Other"}).status_code == 422
    page_rules.refuses(signed_in, "put", "evaluations:dataset-edit", pk)
    page_rules.hides_from_strangers(signed_in, stranger, "evaluations:dataset-edit", pk)
    page_rules.sends_to_sign_in(signed_in, "evaluations:dataset-edit", pk)


def test_the_original_is_handed_out_as_it_came(signed_in, version, stranger):
    answer = signed_in.get(url("dataset-version-original", version.pk))
    assert b"".join(answer.streaming_content) == churn_csv()
    assert answer["Content-Disposition"] == 'attachment; filename="churn.csv"'
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["X-Content-Type-Options"] == "nosniff"
    page_rules.refuses(signed_in, "post", "evaluations:dataset-version-original", version.pk)
    page_rules.hides_from_strangers(signed_in, stranger, "evaluations:dataset-version-original", version.pk)
    page_rules.sends_to_sign_in(signed_in, "evaluations:dataset-version-original", version.pk)


def test_a_version_is_deleted_with_its_bytes(signed_in, actor, version, django_capture_on_commit_callbacks):
    kept = make_version(actor=actor, content=churn_csv(), dataset=version.dataset)
    other = make_version(actor=actor, content=churn_csv(50, seed=5), name="other.csv")
    addresses = [storage.DATA.address_of(actor.workspace.pk, row.sha256) for row in (other.original, other.table)]
    with django_capture_on_commit_callbacks(execute=True):
        signed_in.post(url("dataset-version-delete", version.pk))
        gone = signed_in.post(url("dataset-version-delete", other.pk))
    assert gone["Location"] == url("dataset-list")
    assert not Dataset.objects.filter(pk=other.dataset_id).exists()
    assert not any(default_storage.exists(address) for address in addresses)
    assert list(version.dataset.versions.all()) == [kept]
    assert default_storage.exists(storage.DATA.address_of(actor.workspace.pk, kept.original.sha256))
    assert AuditEntry.objects.filter(action="dataset.version_deleted").count() == 2


def test_deleting_keeps_the_four_rules(signed_in, version, stranger):
    page_rules.refuses(signed_in, "get", "evaluations:dataset-version-delete", version.pk)
    page_rules.hides_from_strangers(
        signed_in, stranger, "evaluations:dataset-version-delete", version.pk, method="post"
    )
    page_rules.sends_to_sign_in(signed_in, "evaluations:dataset-version-delete", version.pk, method="post")
    assert DatasetVersion.objects.filter(pk=version.pk).exists()


def test_a_reviewer_looks_and_changes_nothing(client, reviewer, version):
    client.force_login(reviewer.user)
    text = page_rules.opens(client, "evaluations:dataset-version", version.pk)
    assert "Delete this version" not in text
    assert "Read again" not in text
    assert client.post(url("dataset-version-delete", version.pk)).status_code == 403


# --- elsewhere --------------------------------------------------------------------------------------------
def test_the_palette_finds_data_and_offers_to_upload(actor, version):
    assert "Data of churn.csv" in [e.label for group in find(actor, "churn") for e in group.entries]
    assert "Upload data" in [e.label for group in find(actor, "upload") for e in group.entries]


def test_small_drawings_show_every_bar_that_holds_rows():
    bars = bars_of({"counts": [1, 0, 10_000], "edges": [0, 1, 2, 3]})
    assert [bar.height for bar in bars] == [1.0, 0.0, 32.0]
    assert bars[0].label == "0 to 1: 1"
    assert bars_of({}) == []
    empty = sketch(Column(facts={"n": 0, "missing": 9, "distinct": 0}))
    assert (empty.missing_share, empty.bars, empty.shares) == (100, [], [])


def test_pairs_are_listed_strongest_first():
    profile = {
        "correlation": {
            "columns": ["a", "b", "c"],
            "values": [[1.0, 0.4, -0.9], [0.4, 1.0, None], [-0.9, None, 1.0]],
            "n": [[9, 9, 9]] * 3,
        }
    }
    found = correlation_of(profile)
    assert [(pair.first, pair.second, pair.written) for pair in found.pairs] == [
        ("c", "a", "−0.90"),
        ("b", "a", "+0.40"),
    ]
    assert correlation_of({}) is None
