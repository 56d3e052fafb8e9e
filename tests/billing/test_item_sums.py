"""Spend by SKU and by resource is read from sums where there are many lines; every figure is that of the lines."""

import random
from decimal import Decimal
from importlib import import_module
from itertools import product
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.db import connection

from billing.allocation import Condition
from billing.models import Charge, ItemSpend, MonthlySpend
from billing.queries.lines import every_line, find_lines
from billing.queries.narrowing import Question
from billing.queries.rules import preview_rule
from billing.queries.spend import explore
from billing.services.spend_sums import MANY
from tests.factories import billing as make

pytestmark = pytest.mark.django_db

BY = ["service", "account", "engagement", "tag:env"]
WHERE = [
    {"sku": "hours"},
    {"sku": "none"},
    {"resource": "bucket"},
    {"resource": "vm-1"},
    {"resource": ""},
    {"resource": "bucket", "sku": "hours"},
    {"resource": "vm-1", "sku": "requests", "tag:env": "prod"},
    {"sku": "requests", "engagement": "unallocated"},
]


def month_of_bill(dice, month, *, busy):
    """A bill in which one resource has ``busy`` lines, and others few."""
    lines = [f"{make.HEADER},SkuId"]
    for number in range(busy + 30):
        line = make.focus_line(
            f"{dice.randint(-9, 99_999_999_999)}e-9",
            resource="bucket" if number < busy else dice.choice(["vm-1", "vm-2", ""]),
            tags=dice.choice(["", '{"env":"prod"}', '{"env":"test","team":"a"}']),
            category=dice.choice(["Usage", "Usage", "Credit"]),
            service=dice.choice(["Storage", "Compute"]),
            day=f"2026-{month:02}-{dice.randint(1, 28):02}",
            month=f"2026-{month:02}-01",
            until=f"2026-{month + 1:02}-01",
        )
        lines.append(f"{line},{dice.choice(['hours', 'requests', ''])}")
    return "\n".join([*lines, ""])


@pytest.fixture
def bills(actor, engagement, tmp_path):
    """Two months: the bucket has many lines in the first, few in the second; a rule on a tag."""
    dice = random.Random(20)  # noqa: S311  # the same bill every time
    tagged = [{"field": "tag", "key": "env", "word": "equals", "value": "test"}]
    make.make_rule(actor, conditions=tagged, engagement=engagement)
    for month, busy in ((8, MANY), (9, MANY - 1)):
        make.store(actor, month_of_bill(dice, month, busy=busy), name=f"{month}.csv", tmp_path=tmp_path)


def lines_of(where):
    """The lines that fit, found without any sum."""
    found = Charge.objects.filter(**{name: where[name] for name in ("sku", "resource") if name in where})
    if "tag:env" in where:
        found = found.filter(tags__contains='"env":"prod"')
    return found.filter(rule=None) if "engagement" in where else found


@pytest.mark.usefixtures("bills")
def test_every_figure_is_that_of_the_lines(actor):
    assert set(ItemSpend.objects.values_list("resource", "month__month").distinct()) == {
        ("bucket", 8),
        ("", 8),
        ("", 9),
    }
    for by, where in product(BY, WHERE):
        found, lines = explore(actor, Question(by=by, where=where)), list(lines_of(where))
        texts = sum((Decimal(line.billed) for line in lines), Decimal(0))
        credits_ = sum((Decimal(line.billed) for line in lines if line.category == "credit"), Decimal(0))
        assert (found.net, found.credits, found.rows) == (texts, credits_, len(lines)), (by, where)
        nobody = sum((Decimal(line.billed) for line in lines if line.rule_id is None), Decimal(0))
        assert found.unallocated == nobody
        months = {month: sum(group.by_month.get(month, 0) for group in found.groups) for month in found.months}
        assert set(months) == {line.period_start for line in lines}
        assert sum(months.values(), Decimal(0)) == texts


@pytest.mark.usefixtures("bills")
def test_all_lines_are_found_the_latest_month_first(actor):
    for where in WHERE[:-1]:
        found, lines = find_lines(actor, Question(where=where)), lines_of(where)
        rows = found.some(start=0, size=10_000)
        assert found.total == len(rows) == lines.count(), where
        assert {row.pk for row in rows} == set(lines.values_list("pk", flat=True))
        assert [row.period_start for row in rows] == sorted((row.period_start for row in rows), reverse=True)
        pages = [found.some(start=start, size=50) for start in range(0, found.total + 1, 50)]
        assert [row.pk for page in pages for row in page] == [row.pk for row in rows]
        months = [row.period_start for row in every_line(actor, Question(where=where))]
        assert months == sorted(months)
        assert len(months) == len(rows)

    gone = iter([rows[0].pk])

    def replaced_meanwhile(execute, *query):
        answer = execute(*query)
        for key in gone:  # after the first query alone
            Charge.objects.filter(pk=key).delete()
        return answer

    with connection.execute_wrapper(replaced_meanwhile):
        assert [row.pk for row in found.some(start=0, size=3)] == [row.pk for row in rows[1:3]]


@pytest.mark.usefixtures("bills")
def test_a_rule_on_a_sku_is_previewed_from_sums(actor, django_assert_max_num_queries):
    with django_assert_max_num_queries(4) as asked:
        found = preview_rule(actor.workspace, conditions=[Condition("sku", "equals", "hours")])
    assert found.matched_rows == Charge.objects.filter(sku="hours", rule=None).count()
    assert not [query for query in asked.captured_queries if "billing_charge" in query["sql"]]


@pytest.mark.usefixtures("bills")
def test_what_was_stored_before_there_were_such_sums_is_added_up_by_the_migration():
    def rows(table):
        names = [field.attname for field in table._meta.concrete_fields if not field.primary_key]
        return sorted(map(str, table.objects.values_list(*names)))

    built, monthly = rows(ItemSpend), rows(MonthlySpend)
    ItemSpend.objects.all().delete()
    import_module("billing.migrations.0003_item_spend").fill(apps, SimpleNamespace(connection=connection))
    assert rows(ItemSpend) == built
    assert len(monthly) < len(built)
