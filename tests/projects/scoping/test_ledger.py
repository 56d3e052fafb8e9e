from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from projects.scoping.errors import ScopingError
from projects.scoping.ledger import (
    Accepted,
    Approved,
    Declined,
    Invoiced,
    OrderState,
    Paid,
    Priced,
    Requested,
    Sent,
    Signed,
    Withdrawn,
    ledger_of,
)


def order(key, *lines, answer=None):
    return [Requested(key), Priced(key, lines), Sent(key), *([answer] if answer else [])]


def test_a_whole_contract():
    ledger = ledger_of(
        [
            Signed(1_000_000),
            *order("a", 120_000, -20_000, answer=Approved("a")),
            *order("b", 50_000),
            *order("c", 70_000, answer=Declined("c")),
            Accepted(400_000),
            Invoiced(300_000),
            Paid(250_000),
        ],
        currency="EUR",
    )
    assert ledger.to_dict() == {
        "currency": "EUR",
        "original": 1_000_000,
        "changes": 100_000,
        "revised": 1_100_000,
        "pending": 50_000,
        "accepted": 400_000,
        "invoiced": 300_000,
        "paid": 250_000,
        "to_accept": 700_000,
        "to_invoice": 800_000,
        "due": 100_000,
        "outstanding": 50_000,
        "balance": 850_000,
        "creep": "10.0",
    }


def test_the_agreed_amount_counts_and_the_requested_stays():
    ledger = ledger_of([Signed(100), *order("a", 12_000, answer=Approved("a", agreed=7_200))], currency="EUR")
    assert ledger.changes == 7_200
    assert (ledger.orders[0].requested, ledger.orders[0].agreed) == (12_000, 7_200)


def test_pricing_again_replaces_the_lines():
    events = [Requested("a"), Priced("a", (5,)), Priced("a", (7, -1)), Sent("a")]
    assert ledger_of(events, currency="EUR").pending == 6


def test_nothing_signed_has_no_creep():
    ledger = ledger_of([], currency="EUR")
    assert (ledger.creep, ledger.revised, ledger.is_signed) == (None, 0, False)


def test_creep_may_be_negative():
    ledger = ledger_of([Signed(300), *order("a", -100, answer=Approved("a"))], currency="EUR")
    assert ledger.creep == Decimal("-33.3")


@pytest.mark.parametrize(
    "events",
    [
        [Signed(1), Signed(2)],
        [Requested("a"), Requested("a")],
        [Priced("a", (1,))],
        [Requested("a"), Sent("a")],
        [Requested("a"), Priced("a", (1,)), Approved("a")],
        [*order("a", 1), Priced("a", (2,))],
        [*order("a", 1, answer=Approved("a")), Withdrawn("a")],
        [*order("a", 1, answer=Declined("a")), Approved("a")],
        [*order("a", 1, answer=Withdrawn("a")), Sent("a")],
        [Signed(1.5)],
        [Signed(True)],
        [Paid(Decimal(1))],
        [Requested("a"), Priced("a", (0.1,))],
    ],
)
def test_a_history_that_cannot_be_is_refused(events):
    with pytest.raises(ScopingError) as caught:
        ledger_of(events, currency="EUR")
    assert caught.value.code == "bad-ledger"


cents = st.integers(min_value=-(10**9), max_value=10**9)


class AnyHistory(RuleBasedStateMachine):
    """Any history of offers, orders, acceptances and withdrawals, beside an own count in cents."""

    def __init__(self):
        super().__init__()
        self.events = []
        self.own = dict.fromkeys(("original", "changes", "accepted", "invoiced", "paid"), 0)
        self.open = {}  # order -> [state, requested]
        self.count = 0

    @initialize(amount=cents)
    def sign(self, amount):
        self.own["original"] = amount
        self.events.append(Signed(amount))

    @rule()
    def request(self):
        self.count += 1
        self.open[str(self.count)] = ["requested", 0]
        self.events.append(Requested(str(self.count)))

    def pick(self, data, *states):
        names = [key for key, (state, _) in self.open.items() if state in states]
        return data.draw(st.sampled_from(names)) if names else None

    @precondition(lambda self: self.open)
    @rule(data=st.data(), lines=st.lists(cents, max_size=5))
    def price(self, data, lines):
        key = self.pick(data, "requested", "priced")
        if key:
            self.open[key] = ["priced", sum(lines)]
            self.events.append(Priced(key, tuple(lines)))

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def send(self, data):
        key = self.pick(data, "priced")
        if key:
            self.open[key][0] = "sent"
            self.events.append(Sent(key))

    @precondition(lambda self: self.open)
    @rule(data=st.data(), agreed=st.none() | cents)
    def approve(self, data, agreed):
        key = self.pick(data, "sent")
        if key:
            _, requested = self.open.pop(key)
            self.own["changes"] += requested if agreed is None else agreed
            self.events.append(Approved(key, agreed))

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def decline(self, data):
        key = self.pick(data, "sent")
        if key:
            del self.open[key]
            self.events.append(Declined(key))

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def withdraw(self, data):
        key = self.pick(data, "requested", "priced", "sent")
        del self.open[key]
        self.events.append(Withdrawn(key))

    @rule(event=st.sampled_from([Accepted, Invoiced, Paid]), amount=cents)
    def book(self, event, amount):
        self.own[event.__name__.lower()] += amount
        self.events.append(event(amount))

    @invariant()
    def the_ledger_is_right_to_the_cent(self):
        ledger = ledger_of(self.events, currency="EUR")
        for name, amount in self.own.items():
            assert getattr(ledger, name) == amount
        assert ledger.revised == self.own["original"] + self.own["changes"]
        assert ledger.balance == ledger.revised - self.own["paid"]
        assert ledger.pending == sum(requested for _, requested in self.open.values())
        assert ledger.due >= 0
        assert all((o.agreed is not None) == (o.state is OrderState.APPROVED) for o in ledger.orders)


TestAnyHistory = AnyHistory.TestCase


@given(amounts=st.lists(cents, max_size=20))
def test_the_order_of_payments_does_not_matter(amounts):
    forward = ledger_of([Paid(amount) for amount in amounts], currency="EUR")
    assert forward == ledger_of([Paid(amount) for amount in reversed(amounts)], currency="EUR")
