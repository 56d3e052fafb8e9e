"""The heart: data, protocol, training, verdict; with real children on a real table."""

import io

import pandas as pd
import pytest

from evaluations import storage
from evaluations.errors import (
    AlreadyPassedError,
    GateUndecidableError,
    LookNotChargedError,
    NoLooksLeftError,
    ProtocolFrozenError,
    ProtocolInvalidError,
    ProtocolNotFrozenError,
    UploadUsedError,
)
from evaluations.models import DatasetVersion, EvaluationRun, Protocol, StoredFile
from evaluations.queries.protocols import looks_left
from evaluations.queries.runs import is_sealed, shown_result
from evaluations.services import protocols, runs
from projects.canonical import digest
from projects.models import AuditEntry, Job
from tests.factories.evaluations import look, make_protocol, make_version, send_file, terms, train
from tests.factories.projects import make_milestone


def acceptance_rows(protocol, folder):
    """The rows without the target, as one who predicts elsewhere downloads them."""
    features = protocol.acceptance_set.features
    path = storage.DATA.fetch(protocol.workspace.pk, features.sha256, folder / "features.parquet")
    return pd.read_parquet(path)


def test_a_file_becomes_a_version_with_profile_and_findings(actor):
    version = make_version(actor=actor)
    assert version.state == DatasetVersion.State.READY
    assert (version.rows, version.column_count) == (600, 4)
    assert [c.name for c in version.columns.all()] == ["customer", "tenure", "plan", "left"]
    assert "left" in {c["name"] for c in version.report["columns"]}
    assert any("customer" in str(finding) for finding in version.findings)
    assert not version.upload.chunks.exists()


def test_the_same_bytes_are_stored_once(actor):
    one, two = make_version(actor=actor, name="a.csv"), make_version(actor=actor, name="b.csv")
    assert one.original == two.original
    assert StoredFile.objects.count() == 2  # the original and its table


def test_an_empty_file_leaves_nothing_behind(actor):
    version = make_version(actor=actor, content=b"\n\n\n", name="empty.csv")
    assert version is None
    job = Job.objects.get(kind="read-dataset")
    assert job.state == Job.State.FAILED
    assert "empty" in job.error_message
    assert not StoredFile.objects.exists()


@pytest.mark.real_child
def test_from_data_to_a_verdict(actor):
    protocol = make_protocol(actor=actor)
    assert protocol.state == Protocol.State.FROZEN
    assert protocol.digest == digest(protocol.body)
    assert protocol.body["acceptance"]["rows"] == 240

    model = train(actor=actor, protocol=protocol, recipes=["linear", "boosting"], seconds=1)
    assert model.facts["rows"] == 360

    run = look(actor=actor, protocol=protocol, model=model)
    assert run.job.state == Job.State.DONE, run.job.error_message
    assert run.verdict == EvaluationRun.Verdict.PASS
    assert run.digest == digest(run.result)
    assert run.result["facts"]["rows"] == 240
    gate = run.result["gates"][0]
    assert gate["measure"]["bounds"]["low"] > 0.6
    acts = set(AuditEntry.objects.values_list("action", flat=True))
    assert {"protocol.frozen", "training.started", "protocol.looked", "evaluation.finished"} <= acts
    with pytest.raises(AlreadyPassedError):
        runs.begin_look(protocol=protocol, by=actor, model=model)


def test_the_same_look_gives_the_same_bytes(actor):
    version = make_version(actor=actor)
    digests = set()
    for _ in range(2):
        protocol = make_protocol(actor=actor, version=version)
        model = train(actor=actor, protocol=protocol)
        digests.add(look(actor=actor, protocol=protocol, model=model).digest)
    assert len(digests) == 1


def test_looks_are_charged_and_a_spare_one_tells_one_bit(actor):
    gates = [{"metric": "roc_auc", "direction": "at_least", "threshold": 0.93}]
    protocol = make_protocol(actor=actor, gates=gates)
    model = train(actor=actor, protocol=protocol)
    first = look(actor=actor, protocol=protocol, model=model)
    assert looks_left(protocol) == 1
    assert is_sealed(first)
    assert shown_result(first)["verdict"]["verdict"] == "not_pass"
    assert "gates" not in shown_result(first)
    second = look(actor=actor, protocol=protocol, model=model)
    assert shown_result(second)["gates"][0]["verdict"] == "fail"
    with pytest.raises(NoLooksLeftError, match="All 2 looks"):
        runs.begin_look(protocol=protocol, by=actor, model=model)
    assert [entry.number for entry in protocol.looks.all()] == [1, 2]


def test_giving_up_spare_looks_opens_the_details(actor):
    gates = [{"metric": "roc_auc", "direction": "at_least", "threshold": 0.93}]
    protocol = make_protocol(actor=actor, gates=gates)
    run = look(actor=actor, protocol=protocol, model=train(actor=actor, protocol=protocol))
    runs.close_looks(protocol=protocol, by=actor)
    run.refresh_from_db()
    assert shown_result(run)["gates"][0]["verdict"] == "fail"
    with pytest.raises(NoLooksLeftError):
        runs.begin_look(protocol=protocol, by=actor, model=run.model)


def test_acceptance_rows_open_for_the_ledger_only(actor, tmp_path):
    protocol = make_protocol(actor=actor)
    model = train(actor=actor, protocol=protocol)
    uncharged = EvaluationRun.objects.create(protocol=protocol, model=model)
    with pytest.raises(LookNotChargedError):
        runs.fetch_rows(run=uncharged, target=tmp_path / "rows")
    assert not (tmp_path / "rows").exists()


def test_training_needs_a_frozen_protocol(actor):
    protocol = make_protocol(actor=actor, frozen=False)
    with pytest.raises(ProtocolNotFrozenError):
        runs.begin_training(protocol=protocol, by=actor, recipes=[])


def test_a_frozen_protocol_is_changed_by_a_new_version_with_a_reason_only(actor):
    protocol = make_protocol(actor=actor)
    with pytest.raises(ProtocolFrozenError):
        protocols.edit_protocol(protocol=protocol, body=terms(), by=actor)
    draft = protocols.draft_protocol(milestone=protocol.milestone, by=actor)
    assert draft.number == 2
    assert draft.body["target"] == "left"
    with pytest.raises(ProtocolInvalidError, match="say why"):
        protocols.begin_freezing(protocol=draft, by=actor)


def test_gates_that_the_rows_cannot_decide_are_refused_with_the_number_they_need(actor):
    gates = [{"metric": "accuracy", "direction": "at_least", "threshold": 0.9999}]
    protocol = make_protocol(actor=actor, frozen=False, gates=gates)
    with pytest.raises(GateUndecidableError, match=r"at least [\d,]+ rows"):
        protocols.begin_freezing(protocol=protocol, by=actor)


def test_predictions_of_any_framework_are_judged_the_same_way(actor, tmp_path):
    protocol = make_protocol(actor=actor)
    rows = acceptance_rows(protocol, tmp_path)
    table = rows[["row_id"]].assign(probability=1 - rows["tenure"] / 72).sample(frac=1, random_state=0)
    run = look(
        actor=actor, protocol=protocol, upload=send_file(table.to_csv(index=False).encode(), actor=actor, name="p.csv")
    )
    assert run.job.state == Job.State.DONE, run.job.error_message
    assert run.verdict == "pass"
    assert run.predictions.original.sha256


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda t: t.iloc[1:], "row-ids-missing"),
        (lambda t: pd.concat([t, t.iloc[:1]]), "row-ids-doubled"),
        (lambda t: t.assign(row_id=["x" * 16, *t["row_id"][1:]]), "row-ids-missing"),
        (lambda t: t.drop(columns="row_id"), "row-ids-missing"),
        (lambda t: t.assign(truth="no"), "truth-differs"),
        (lambda t: t.assign(probability=2.0), "predictions-unusable"),
    ],
)
def test_predictions_that_do_not_fit_the_rows_are_refused(actor, tmp_path, spoil, code):
    protocol = make_protocol(actor=actor)
    rows = acceptance_rows(protocol, tmp_path)
    table = spoil(rows[["row_id"]].assign(probability=0.5))
    run = look(
        actor=actor, protocol=protocol, upload=send_file(table.to_csv(index=False).encode(), actor=actor, name="p.csv")
    )
    assert run.job.state == Job.State.FAILED
    assert run.job.error_code == code
    assert run.verdict == ""


def test_a_reviewer_changes_nothing(actor, reviewer):
    milestone = make_milestone(workspace=actor.workspace)
    for attempt in (
        lambda: protocols.draft_protocol(milestone=milestone, by=reviewer),
        lambda: make_version(actor=reviewer),
        lambda: send_file(io.BytesIO(b"x").getvalue(), actor=reviewer),
    ):
        with pytest.raises(Exception, match="may not do this"):
            attempt()


def test_an_upload_that_became_a_dataset_is_no_file_of_predictions(actor):
    version = make_version(actor=actor)
    protocol = make_protocol(actor=actor, version=version)
    with pytest.raises(UploadUsedError, match="taken in already"):
        runs.take_predictions(protocol=protocol, upload=version.upload, by=actor)
