"""Schemathesis over the whole schema: no fault of the server, and no answer that is not described."""

import logging
import uuid

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from django.urls import resolve
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode, checks
from schemathesis.specs.openapi import checks as openapi_checks

from freelance_ml.reports.dispatch import make_report
from projects import shares
from projects.services.tokens import create_token
from tests.factories.evaluations import make_verdict
from tests.factories.registry import World
from tests.projects.shared_note import NOTE

pytestmark = pytest.mark.django_db

EXAMPLES = 5  # of each operation and mode: about 20 ms each
CHECKS = (
    checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_schema_conformance,
)


@pytest.fixture
def world(db):
    shares.register(NOTE)
    logging.disable(logging.CRITICAL)
    built = World("Kanaria").build_all()
    shown = make_verdict(actor=built.actor)  # a guessed report says nothing that could be drawn or sent
    built.rows["evaluations.report"] = make_report(milestone=shown.protocol.milestone, by=built.actor)
    yield built
    logging.disable(logging.NOTSET)
    shares.forget(NOTE.name)


@pytest.fixture
def application():
    """The site as a server has it; as with Django's own test client, requests leave the test's connection open."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield get_wsgi_application()
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def schema(world, application):
    return schemathesis.openapi.from_wsgi("/api/v1/schema/", application)


def make_real(case, world):
    """Let the case name rows that exist, as random ids only ever meet 404."""
    view = resolve(case.operation.path.replace("{", "").replace("}", "").replace("/id/", f"/{uuid.UUID(int=0)}/")).func
    queryset = getattr(getattr(view, "cls", None), "queryset", None)
    if queryset is not None and "id" in (case.path_parameters or {}):
        case.path_parameters["id"] = str(world.row(queryset.model._meta.label_lower).pk)
    if isinstance(case.body, dict):
        nouns = {label.split(".")[1]: str(row.pk) for label, row in world.rows.items()}
        known = nouns | {"subject_id": nouns["milestone"], "purpose": NOTE.name}
        case.body |= {key: known[key] for key in case.body if key in known}


def test_the_whole_schema(schema, world):
    _, token = create_token(name="schemathesis", scopes=["read", "write"], days=9, by=world.actor)
    headers = {"Authorization": f"Bearer {token}"}
    reached = {}

    def try_operation(operation, mode):
        @seed(20261120)
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode), real=st.sampled_from([True, True, False]))
        def run(case, real):
            if real and mode == GenerationMode.POSITIVE:
                make_real(case, world)
            with transaction.atomic():
                answer = case.call(headers=headers)
                transaction.set_rollback(True)
            reached.setdefault(operation.label, set()).add(answer.status_code)
            case.validate_response(answer, checks=CHECKS)

        run()

    faults = []
    for result in schema.get_all_operations():
        for mode in GenerationMode:
            try:
                try_operation(result.ok(), mode)
            except Unsatisfiable:  # nothing can be sent wrongly where nothing is taken
                continue
            except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001  every operation is tried before the test fails
                faults.append(f"{result.ok().label} ({mode.value}): {error}")
    assert not faults, "\n\n".join(faults)
    assert len(reached) > 20
    never = [label for label, statuses in reached.items() if all(status >= 400 for status in statuses)]
    assert len(never) < len(reached) / 4, f"these were never answered well: {never}"
