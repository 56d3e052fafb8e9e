"""The sample workspace is filled once, however often it is asked for, and tells the whole story."""

import importlib
import re

import pytest
from django.apps import apps
from django.core.management import call_command

from evaluations.models import DatasetVersion, EvaluationRun, Protocol, Report
from freelance_ml import demo
from freelance_ml.demo import churn, evidence, filling, jobs, work
from projects.access import ScopedQuerySet
from projects.models import Decision, Engagement, Job, Milestone, User
from projects.queries.shares import open_link
from projects.sandbox import Task
from projects.sandbox.order import Outcome
from projects.services.job_runs import carry_out

PASSWORD = "a-password-of-the-demo"


def counts():
    return {model._meta.label: model._base_manager.count() for model in apps.get_models()}


def fill(said=None):
    said = [] if said is None else said
    return demo.fill_workspace(password=PASSWORD, say=lambda text, end="\n": said.append(text + end))


@pytest.fixture
def few_steps(monkeypatch):
    """The steps that need no training."""
    monkeypatch.setattr(filling, "STEPS", {"clients and engagements": work.add_work})


@pytest.fixture
def own_folder(settings, tmp_path):
    """A folder of its own, in which the client's link is kept."""
    settings.VAR_DIR = tmp_path
    return tmp_path


@pytest.fixture
def quick_training(monkeypatch):
    """The simplest recipe and no search: the story stays, the seconds go."""
    start = evidence.dispatch.start_training

    def quick(**fields):
        return start(**{**fields, "recipes": ["linear"], "budget_seconds": 1})

    monkeypatch.setattr(evidence.dispatch, "start_training", quick)


@pytest.fixture
def work_here(monkeypatch):
    """Do the work of jobs in this process: children start slowly, and have tests of their own."""

    def run_here(order, *, hear, stop):
        order.outputs.mkdir(parents=True, exist_ok=True)
        module, _, name = order.work.partition(":")
        task = Task(arguments=order.arguments, inputs=order.files, outputs=order.outputs, seed=order.seed)
        return Outcome(result=getattr(importlib.import_module(module), name)(task))

    monkeypatch.setattr("projects.services.job_runs.run", run_here)
    monkeypatch.setattr(jobs, "carry_out", lambda job: carry_out(job, beats=False))  # beats want a thread of their own


def test_the_whole_story_is_told_once(client, db, own_folder, quick_training, work_here):
    said = []
    actor = fill(said)
    assert not [line for line in said if "Left out" in line]
    assert {line.split("…")[0].strip() for line in said if "…" in line} >= {"Reading the data", "Training"}

    version = DatasetVersion.objects.get()
    leaks = [finding for finding in version.findings if finding["code"] == "target_leak"]
    assert [finding["columns"] for finding in leaks] == [[churn.LEAK]]
    for protocol in Protocol.objects.all():
        assert protocol.state == Protocol.State.FROZEN
        assert churn.LEAK in protocol.body["terms"]["left_out"]

    verdicts = dict(EvaluationRun.objects.values_list("protocol__milestone__title", "verdict"))
    assert verdicts == {work.BASELINE: "pass", work.MODEL: "pass", work.NEW_CUSTOMERS: "inconclusive"}
    assert work.milestone_named(actor, work.BASELINE).status == Milestone.Status.ACCEPTED
    assert work.milestone_named(actor, work.MODEL).status == Milestone.Status.SUBMITTED
    assert Decision.objects.get(subject__startswith="evaluations.report:").answer == Decision.Answer.ACCEPTED
    assert not Job.objects.visible_to(actor).open().exists()

    link = demo.client_link()
    assert link.startswith("http")
    assert open_link(link.rstrip("/").rpartition("/")[2]).subject_id == str(
        Report.objects.get(milestone__title=work.MODEL).pk
    )
    assert client.get(link.partition("/s/")[1] + link.partition("/s/")[2]).status_code == 200

    before = counts()
    again = []
    assert fill(again).workspace == actor.workspace
    assert counts() == before
    assert demo.client_link() == link
    assert again == [f"Sample: {name}\n" for name in demo.STEPS]
    every_row_is_in(actor.workspace)


def every_row_is_in(workspace):
    for model in apps.get_models():
        if isinstance(model._default_manager.all(), ScopedQuerySet) and model._meta.app_label != "auth":
            rows = model._default_manager
            assert rows.in_workspace(workspace).count() == rows.count(), model


def test_it_is_believable_and_can_be_signed_in_to(db, few_steps):
    actor = fill()
    assert actor.owns
    assert len(set(Engagement.objects.visible_to(actor).values_list("status", flat=True))) >= 4
    assert Milestone.objects.visible_to(actor).count() >= 4
    assert User.objects.get(email=demo.EMAIL).check_password(PASSWORD)


def test_a_changed_password_is_set_back(db, few_steps):
    demo.fill_workspace(password="an-earlier-password", say=lambda text, end="\n": None)
    fill()
    assert User.objects.get(email=demo.EMAIL).check_password(PASSWORD)


def test_a_step_that_fails_is_left_out_and_the_rest_is_there(db, monkeypatch):
    def fails(actor, say):
        raise jobs.SampleFailedError("no room")

    monkeypatch.setattr(filling, "STEPS", {"what fails": fails, "clients and engagements": work.add_work})
    said = []
    actor = fill(said)
    assert "  Left out: no room\n" in said
    assert Engagement.objects.visible_to(actor).exists()


def test_the_table_is_the_same_on_every_machine_and_has_what_real_ones_have():
    header, *rows = churn.churn_csv(400).decode().splitlines()
    assert churn.churn_csv(400).decode().splitlines() == [header, *rows]
    assert len(header.split(";")) == 16
    assert len(rows) == 400
    assert any(";;" in row for row in rows)
    assert re.search(r";20\d\d-\d\d-\d\d;", rows[0])


def test_the_command_prints_what_is_needed_to_look_around(db, few_steps, settings, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("freelance_ml.start.bring_up_to_date", lambda say: None)  # the database of the tests is
    settings.VAR_DIR = tmp_path / "demo"
    call_command("demo", fill_only=True)
    printed = capsys.readouterr().out
    for word in ("Sign in:", demo.EMAIL, "Password:", "Link for the client:"):
        assert word in printed
