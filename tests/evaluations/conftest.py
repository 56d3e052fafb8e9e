"""Children start slowly, so most tests here do a job's work in their own process.

The sandbox has its own tests; those marked ``real_child`` go through it as users' jobs do.
"""

import importlib

import pytest

from projects.errors import DomainError
from projects.sandbox import Task, TaskError
from projects.sandbox.order import Outcome


def _run_here(order, *, hear, stop):
    order.outputs.mkdir(parents=True, exist_ok=True)
    module, _, name = order.work.partition(":")
    task = Task(arguments=order.arguments, inputs=order.files, outputs=order.outputs, seed=order.seed)
    try:
        return Outcome(result=getattr(importlib.import_module(module), name)(task))
    except (TaskError, DomainError) as error:
        return Outcome(code=error.code, message=str(error))


@pytest.fixture(autouse=True)
def _work_in_this_process(request, monkeypatch):
    if "real_child" not in request.keywords:
        monkeypatch.setattr("projects.services.job_runs.run", _run_here)
