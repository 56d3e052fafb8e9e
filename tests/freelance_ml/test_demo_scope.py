"""The sample's scope: signed, with changes, and the same however often it is started."""

import pytest

from freelance_ml.demo import scope, work
from projects.models import ChangeOrder, ScopeVersion
from projects.queries.ledgers import ledger_of_engagement


@pytest.mark.django_db
def test_the_sample_shows_a_signed_scope_an_approved_change_and_one_that_waits(actor):
    work.add_work(actor, print)
    scope.add_scopes(actor, print)
    scope.add_scopes(actor, print)
    ledger = ledger_of_engagement(work.the_engagement(actor))
    assert (ledger["original"], ledger["changes"], ledger["pending"]) == (1_450_000, 190_000, 240_000)
    assert ledger["outside"] == 0
    assert ChangeOrder.objects.count() == 3
    assert sorted(ScopeVersion.objects.values_list("status", flat=True)) == ["draft", "signed", "superseded"]
