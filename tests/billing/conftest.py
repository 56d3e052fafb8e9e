"""Children start slowly, so most tests here do a job's work in their own process.

Those marked ``real_child`` go through the sandbox as users' jobs do.
"""

import importlib

import pytest

from projects.errors import DomainError
from projects.sandbox import Task, TaskError
from projects.sandbox.order import Outcome
from tests.factories import billing as make
from tests.factories import projects as ground


def _run_here(order, *, hear, stop):
    order.outputs.mkdir(parents=True, exist_ok=True)
    module, _, name = order.work.partition(":")
    task = Task(arguments=order.arguments, inputs=order.files, outputs=order.outputs, seed=order.seed)
    try:
        return Outcome(result=getattr(importlib.import_module(module), name)(task), cpu_seconds=1.5, wall_seconds=2.0)
    except (TaskError, DomainError) as error:
        return Outcome(code=error.code, message=str(error))


@pytest.fixture(autouse=True)
def _work_in_this_process(request, monkeypatch):
    if "real_child" not in request.keywords:
        monkeypatch.setattr("projects.services.job_runs.run", _run_here)


@pytest.fixture
def engagement(workspace):
    client = ground.make_client(workspace=workspace, name="Acme")
    return ground.make_engagement(client=client, title="Churn model", status="active")


@pytest.fixture
def milestone(engagement):
    return ground.make_milestone(engagement=engagement, title="Data audit", fee_minor=180_000)


@pytest.fixture
def october(actor, tmp_path):
    """Three stored lines: two equal ones and a credit."""
    lines = [
        make.focus_line("1.5", tags='{"client":"acme","env":"prod"}'),
        make.focus_line("1.5", tags='{"client":"acme","env":"prod"}'),
        make.focus_line("-0.25", category="Credit", service="Credits", day="2026-10-31"),
    ]
    return make.store(actor, make.focus_bill(*lines), tmp_path=tmp_path)
