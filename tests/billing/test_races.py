"""What two do at the same moment ends as if one had come after the other."""

import threading
from datetime import date
from decimal import Decimal
from functools import partial

import pytest
from django.db import connection, transaction

from billing import dispatch
from billing.bills.work import run
from billing.models import Bill, Budget, Charge, ComputeEntry, Rate
from billing.pricing import PricingError, RateCard
from billing.queries.compute import card_of
from billing.services import bills, budgets, compute, rates
from projects.models import Schedule
from projects.sandbox import Task
from projects.services import schedules
from projects.services.engagements import update_engagement
from tests.factories import billing as make
from tests.factories import projects as ground
from tests.factories.jobs import make_schedule

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _only_where_two_write(transactional_db):
    if connection.vendor == "sqlite":
        pytest.skip("the tests' SQLite lives in memory and lets in one writer at a time; PostgreSQL shows it")


def at_once(*deeds):
    """Do some things at the same moment; give what each returned, or the class of what it raised."""
    start, found = threading.Barrier(len(deeds)), {}

    def do(place, deed):
        start.wait()
        try:
            found[place] = deed()
        except Exception as error:  # noqa: BLE001  # the test says which it expects
            found[place] = type(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=do, args=each) for each in enumerate(deeds)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    return [found[place] for place in range(len(deeds))]


def test_two_rates_that_contradict_each_other_do_not_both_come_in(actor, monkeypatch):
    def check_and_wait(found):
        RateCard(found)
        threading.Event().wait(0.2)

    monkeypatch.setattr(rates, "RateCard", check_and_wait)

    def add(price):
        fields = {"kind": "cpu-hour", "currency": "EUR", "valid_from": date(2026, 1, 1)}
        return lambda: rates.save_rate(by=actor, price=Decimal(price), **fields)

    found = at_once(add(1), add(2), add(3))
    assert found.count(PricingError) == 2
    assert len(card_of(actor.workspace).rates) == Rate.objects.count() == 1


def test_two_budgets_alike_do_not_both_come_in(actor):
    engagement = ground.make_engagement(workspace=actor.workspace)
    found = at_once(*[lambda: make.make_budget(actor, engagement=engagement)] * 3)
    assert found.count(budgets.BudgetError) == 2
    assert Budget.objects.count() == 1


def test_budgets_that_are_saved_and_looked_at_at_once_all_end(actor):
    engagements = [ground.make_engagement(workspace=actor.workspace) for _ in range(6)]
    made = [make.make_budget(actor, engagement=engagement) for engagement in engagements]

    def save(budget):
        return lambda: budgets.save_budget(by=actor, budget=budget, amount_minor=20_000)

    def look():
        for _ in range(10):
            budgets.check_budgets(workspace=actor.workspace)

    found = at_once(look, save(made[-1]), save(made[0]), look, save(made[2]), look)
    assert not [one for one in found if isinstance(one, type)]


@pytest.fixture
def storing(actor, tmp_path, monkeypatch):
    """What stores a newer file of a stored period, and when it is half done."""
    make.store(actor, make.focus_bill(make.focus_line("1")), tmp_path=tmp_path)
    source = dispatch.commit_bill(
        source=make.receive(actor, make.focus_bill(make.focus_line("2")), tmp_path=tmp_path), by=actor
    )
    constants = {"source_id": str(source.pk)}
    task = Task(arguments={"constants": constants}, inputs={"bill": tmp_path / "bill.csv"}, outputs=tmp_path)
    preview = run(task)
    read = {"rules": preview.pop("rules"), "preview": preview, "lines": tmp_path / "lines.csv"}
    looked, whole = threading.Event(), bills.difference_of

    def look_and_wait(source):
        found = whole(source)
        looked.set()
        threading.Event().wait(0.5)
        return found

    monkeypatch.setattr(bills, "difference_of", look_and_wait)

    def store():
        with transaction.atomic():
            bills.finish_commit(source_id=source.pk, **read)

    return store, looked


def test_a_period_that_is_closed_while_a_newer_file_is_stored_stays_closed(actor, storing):
    store, looked = storing

    def close():
        looked.wait(10)
        bills.close_bill(bill=Bill.objects.get(), by=actor)

    assert at_once(store, close) == [None, None]
    bill = Bill.objects.get()
    assert (bill.closed_at is not None, bill.version, Charge.objects.get().billed) == (True, 2, "2")


def test_whatever_else_is_done_while_a_bill_is_stored_waits_at_most(actor, storing):
    """Two that wait for each other would undo one of them."""
    store, looked = storing
    engagement = ground.make_engagement(workspace=actor.workspace)
    budget = make.make_budget(actor, engagement=engagement)

    deeds = [
        lambda: make.make_rule(actor, engagement=engagement),
        lambda: make.make_compute(actor, engagement=engagement),
        lambda: rates.save_rate(
            by=actor, kind="cpu-hour", price=Decimal(1), currency="USD", valid_from=date(2026, 1, 1)
        ),
        lambda: budgets.save_budget(by=actor, budget=budget, amount_minor=20_000),
        lambda: update_engagement(engagement=engagement, title="Another", by=actor),
    ]

    def soon(deed):
        looked.wait(10)
        return deed()

    found = at_once(store, *[partial(soon, deed) for deed in deeds])
    assert not [one for one in found if isinstance(one, type)]
    assert Charge.objects.get().rule is not None


def a_budget(actor, engagement):
    row = make.make_budget(actor, engagement=engagement)
    return (
        budgets,
        lambda: budgets.save_budget(by=actor, budget=row, amount_minor=20_000),
        partial(budgets.delete_budget, budget=row, by=actor),
    )


def booked_time(actor, engagement):
    row = make.make_compute(actor, engagement=engagement)
    return (
        compute,
        partial(compute.correct_compute, entry=row, title="Other", by=actor),
        partial(compute.delete_compute, entry=row, by=actor),
    )


def a_schedule(actor, engagement):
    row = make_schedule(by=actor)
    return (
        schedules,
        partial(schedules.set_schedule_enabled, schedule=row, enabled=False, by=actor),
        partial(schedules.delete_schedule, schedule=row, by=actor),
    )


@pytest.mark.parametrize("make_row", [a_budget, booked_time, a_schedule])
def test_what_is_deleted_while_it_is_changed_waits_at_most(actor, monkeypatch, make_row):
    place, change, delete = make_row(actor, ground.make_engagement(workspace=actor.workspace))
    changed, write = threading.Event(), place.record

    def record_late(**fields):
        if "deleted" not in fields["action"]:
            changed.set()
            threading.Event().wait(0.5)
        return write(**fields)

    monkeypatch.setattr(place, "record", record_late)

    def delete_then():
        changed.wait(10)
        delete()

    assert not [one for one in at_once(change, delete_then) if isinstance(one, type)]
    assert not Budget.objects.exists()
    assert not ComputeEntry.objects.exists()
    assert not Schedule.objects.filter(workspace=actor.workspace).exists()
