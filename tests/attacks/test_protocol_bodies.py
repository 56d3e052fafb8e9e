"""Terms that no page would send, through the API."""

import pytest

from evaluations.models import Protocol
from projects.services.tokens import create_token
from tests.api.conftest import Program
from tests.factories.evaluations import make_protocol, make_ready_version, terms

STRANGE = [
    {"gates": 5},
    {"gates": [None]},
    {"gates": [{}] * 10_000},
    {"gates": [{"metric": {"a": 1}}]},
    {"gates": [{"metric": "roc_auc", "slice": ["a"]}]},
    {"split": [1]},
    {"split": {"share": {"a": 1}}},
    {"slices": "x"},
    {"baseline": 7},
    {"left_out": {"x": [1]}},
    {"left_out": [["x"]]},
    {"classes": 5},
    {"task": ["binary"]},
    {"target": {"a": 1}},
    {"looks": [3]},
    {"terms": 5},
    {"terms": [1]},
]


@pytest.fixture
def program(actor):
    return Program(create_token(name="writer", scopes=["read", "write"], days=9, by=actor)[1])


def test_terms_of_another_form_are_refused_and_break_no_page(actor, program, client):
    draft = make_protocol(actor=actor, version=make_ready_version(actor=actor), frozen=False)
    client.force_login(actor.user)
    for body in STRANGE:
        answer = program.patch(f"protocols/{draft.pk}/", {"body": body})
        assert (answer.status_code, answer.json()["code"]) == (400, "protocol-invalid"), body
    assert client.get(f"/protocols/{draft.pk}/").status_code == 200
    assert Protocol.objects.get(pk=draft.pk).body == terms()


def test_a_draft_cannot_bring_a_dataset_of_its_own(actor, program):
    """Inside "terms" the hash of the rows that are really drawn did not reach the frozen document."""
    draft = make_protocol(actor=actor, version=make_ready_version(actor=actor), frozen=False)
    answer = program.patch(f"protocols/{draft.pk}/", {"body": {"terms": terms(dataset="f" * 64)}})
    assert answer.json()["code"] == "protocol-invalid"
