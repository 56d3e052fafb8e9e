"""Over any history of offers, orders, acceptances and withdrawals the ledger is right to the cent."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from projects.models import ChangeOrder, Decision, Milestone
from projects.queries.ledgers import ledger_of_engagement
from projects.scoping.errors import ScopingError
from projects.services import change_orders, milestones
from tests.factories import projects as make
from tests.factories import scopes as stage


def test_without_a_scope_the_fees_stand_for_the_price(actor):
    engagement = make.make_engagement(workspace=actor.workspace)
    make.make_milestone(engagement=engagement, fee_minor=120000)
    make.make_milestone(engagement=engagement, fee_minor=99, status="cancelled")
    ledger = ledger_of_engagement(engagement)
    assert (ledger["original"], ledger["revised"], ledger["balance"]) == (120000, 120000, 120000)
    assert ledger["is_signed"] is False
    assert ledger["outside"] == 0


def test_a_change_is_pending_until_it_is_approved(actor):
    engagement = stage.make_signed(actor=actor).engagement
    order = stage.make_sent_order(engagement, actor, amounts=(150000, -50000), milestones=("", "m2"))
    waiting = ledger_of_engagement(engagement)
    assert (waiting["pending"], waiting["revised"]) == (100000, 1200000)

    stage.client_answers(order, actor)
    after = ledger_of_engagement(engagement)
    assert (after["original"], after["changes"], after["revised"]) == (1200000, 100000, 1300000)
    assert (after["pending"], after["creep"], after["outside"]) == (0, "8.3", 0)


def test_an_offer_that_ran_out_waits_no_more(actor):
    engagement = stage.make_signed(actor=actor).engagement
    order = stage.make_sent_order(engagement, actor, expires_on=timezone.localdate())
    assert ledger_of_engagement(engagement)["pending"] == 150000
    later = timezone.now() + timedelta(days=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timezone, "localdate", lambda *_: later.date())
        assert order.state == "expired"
        assert ledger_of_engagement(engagement)["pending"] == 0


def test_fees_changed_by_hand_are_in_sight(actor):
    engagement = stage.make_signed(actor=actor).engagement
    row = engagement.milestones.first()
    milestones.update_milestone(milestone=row, fee_minor=row.fee_minor + 777, by=actor)
    ledger = ledger_of_engagement(engagement)
    assert (ledger["revised"], ledger["outside"]) == (1200000, 777)


def test_page_and_api_show_the_same_ledger(actor, signed_in):
    engagement = stage.make_signed(actor=actor).engagement
    order = stage.make_sent_order(engagement, actor)
    stage.client_answers(order, actor)
    page = signed_in.get(reverse("projects:engagement", args=[engagement.pk]))
    answer = signed_in.get(f"/api/v1/engagements/{engagement.pk}/ledger/").json()
    assert page.context["ledger"] == answer == ledger_of_engagement(engagement)
    assert "13,500.00" in page.content.decode()


def test_a_stranger_asks_for_no_ledger(stranger, actor, client):
    engagement = make.make_engagement(workspace=actor.workspace)
    client.force_login(stranger.user)
    assert client.get(f"/api/v1/engagements/{engagement.pk}/ledger/").status_code == 404


amounts = st.lists(st.integers(-300_000, 500_000), min_size=1, max_size=3)


class History(RuleBasedStateMachine):
    """A contract whose figures are also kept by hand."""

    def __init__(self):
        super().__init__()
        self.actor = make.make_actor()
        self.engagement = stage.make_signed(actor=self.actor).engagement
        self.changes, self.pending = 0, {}

    def _orders(self, *statuses):
        return list(self.engagement.change_orders.filter(status__in=statuses).order_by("pk"))

    def _still_open(self):
        scope = self.engagement.scopes.get(status="signed")
        return sorted(change_orders.open_items(scope))

    @rule(amounts=amounts, pick=st.integers(0, 9))
    def price(self, amounts, pick):
        still = self._still_open()
        targets = [still[(pick + at) % len(still)] if still else "" for at in range(len(amounts))]
        order = stage.make_priced(self.engagement, self.actor, amounts=amounts, milestones=targets, days=pick)
        self.pending[order.pk] = sum(amounts)

    @precondition(lambda self: self._orders("priced"))
    @rule()
    def send(self):
        order = self._orders("priced")[0]
        try:
            change_orders.send_order(order=order, by=self.actor)
        except ScopingError:  # a credit beyond what the milestone is worth, or one that is decided by now
            change_orders.withdraw_order(order=ChangeOrder.objects.get(pk=order.pk), by=self.actor)
            del self.pending[order.pk]

    @precondition(lambda self: self._orders("sent"))
    @rule(value=st.sampled_from([Decision.Answer.APPROVED, Decision.Answer.DECLINED]))
    def answer(self, value):
        order = self._orders("sent")[-1]
        try:
            stage.client_answers(order, self.actor, value)
        except ScopingError:
            return  # decided meanwhile: nothing may have moved
        worth = self.pending.pop(order.pk)
        if value == Decision.Answer.APPROVED:
            self.changes += worth

    @precondition(lambda self: self._orders("sent"))
    @rule(other=st.integers(0, 400_000))
    def agree_on_another_amount(self, other):
        order = self._orders("sent")[0]
        agreed = {line["id"]: other for line in order.lines}
        try:
            change_orders.record_approval(order=order, by=self.actor, reason="By mail.", amounts=agreed)
        except ScopingError:
            return
        self.pending.pop(order.pk)
        self.changes += other * len(order.lines)

    @precondition(lambda self: self._orders("requested", "priced", "sent"))
    @rule()
    def withdraw(self):
        order = self._orders("requested", "priced", "sent")[0]
        change_orders.withdraw_order(order=order, by=self.actor)
        self.pending.pop(order.pk, None)

    @precondition(lambda self: self.engagement.milestones.filter(status__in=["planned", "accepted", "invoiced"]))
    @rule(pick=st.integers(0, 9))
    def go_on(self, pick):
        rows = list(self.engagement.milestones.filter(status__in=["planned", "accepted", "invoiced"]))
        row = rows[pick % len(rows)]
        if row.status == "accepted":
            milestones.mark_invoiced(milestone=row, number=f"{pick}", by=self.actor)
            return
        steps = {"planned": ["in_progress", "submitted", "accepted"], "invoiced": ["paid"]}
        for step in steps[row.status]:
            row = milestones.set_milestone_status(milestone=row, to=step, by=self.actor)

    @invariant()
    def the_ledger_is_right(self):
        ledger = ledger_of_engagement(self.engagement)
        rows = list(Milestone.objects.filter(engagement=self.engagement))
        scope = self.engagement.scopes.get(status="signed")
        assert ledger["original"] == 1_200_000
        assert ledger["changes"] == self.changes
        assert ledger["revised"] == 1_200_000 + self.changes == scope.body["price_minor"]
        assert ledger["revised"] == sum(row.fee_minor for row in rows)
        assert ledger["outside"] == 0
        assert ledger["pending"] == sum(self.pending.values())
        accepted = sum(row.fee_minor for row in rows if row.status in Milestone.ACCEPTED_OR_LATER)
        paid = sum(row.fee_minor for row in rows if row.status == "paid")
        assert (ledger["accepted"], ledger["paid"]) == (accepted, paid)
        assert ledger["balance"] == ledger["revised"] - paid


@pytest.mark.django_db
def test_any_history_leaves_a_ledger_that_is_right():
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    bounds = settings(max_examples=20, stateful_step_count=15, deadline=None, suppress_health_check=checks)
    run_state_machine_as_test(History, settings=bounds)
