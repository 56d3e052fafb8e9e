from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from billing.allocation import Allocator, Condition, Part, Rule, RuleError
from billing.bills import ChargeLine

CHARGE = ChargeLine(
    row=1,
    billing_account="100-A",
    service="AmazonEC2",
    region="eu-west-1",
    resource="arn:aws:ec2:eu-west-1:1:instance/i-9",
    usage_start=datetime(2026, 10, 5, 23, tzinfo=UTC),
    tags={"client": "Kite", "empty": ""},
    billed=Decimal("1.5"),
)


def rule(*conditions, key="r", parts=(("kite", "100"),)):
    shares = tuple(Part(target, Decimal(percent)) for target, percent in parts)
    return Rule(key, key, tuple(Condition(*each) for each in conditions), shares)


def matches(*conditions):
    allocator = Allocator([rule(*conditions)])
    return allocator.choose(allocator.facts(CHARGE)) == 0


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (("service", "equals", "amazonec2"), True),
        (("service", "equals", "ec2"), False),
        (("service", "contains", "EC2"), True),
        (("billing_account", "prefix", "100"), True),
        (("billing_account", "prefix", "00"), False),
        (("resource", "glob", "arn:aws:ec2:*:instance/i-?"), True),
        (("resource", "glob", "arn:*:volume/*"), False),
        (("region", "equals", ""), False),
        (("sku", "equals", ""), True),
        (("tag", "equals", "kite", "client"), True),
        (("tag", "equals", "", "empty"), True),
        (("tag", "equals", "", "missing"), False),
        (("tag", "present", "", "empty"), True),
        (("tag", "present", "", "missing"), False),
        (("tag", "contains", "kit", "client"), True),
        (("date", "from", "2026-10-05"), True),
        (("date", "from", "2026-10-06"), False),
        (("date", "until", "2026-10-05"), True),
        (("date", "until", "2026-10-04"), False),
    ],
)
def test_a_condition(condition, holds):
    assert matches(condition) is holds


def test_all_conditions_must_hold():
    assert matches(("service", "contains", "ec2"), ("region", "prefix", "eu-"))
    assert not matches(("service", "contains", "ec2"), ("region", "prefix", "us-"))


def test_no_conditions_take_everything():
    assert matches()


def test_a_glob_is_no_regular_expression():
    assert not matches(("service", "glob", "Amazon(EC2)"))
    assert not matches(("service", "glob", "EC2"))


def test_a_charge_without_a_day_matches_no_date():
    allocator = Allocator([rule(("date", "from", "2026-10-01"))])
    assert allocator.choose(allocator.facts(ChargeLine(row=1))) is None


def test_the_first_rule_wins_and_says_why():
    allocator = Allocator(
        [
            rule(("region", "equals", "us-east-1"), key="America"),
            rule(("tag", "equals", "kite", "client"), ("service", "contains", "ec2"), key="Kite"),
            rule(key="Rest"),
        ]
    )
    facts = allocator.facts(CHARGE)
    assert allocator.choose(facts) == 1
    assert [reason.sentence() for reason in allocator.explain(facts)] == [
        "“America” does not match: not region is “us-east-1”.",
        "“Kite” matches: tag client is “kite” and service contains “ec2”.",
    ]


def test_rows_may_come_from_the_database_as_texts():
    allocator = Allocator([rule(("tag", "equals", "kite", "client"), ("date", "until", "2026-10-31"))])
    assert allocator.fields == ("tags", "usage_start")
    rows = [
        ('{"client":"kite"}', "2026-10-05T23:00:00Z"),
        ('{"client":"kite"}', date(2026, 11, 1)),
        ("", "2026-10-05"),
        ({"client": "kite"}, date(2026, 10, 5)),
        (None, None),
    ]
    assert allocator.assign(rows) == [0, None, None, 0, None]


def test_many_rows_are_decided_like_one():
    rules = [rule(("service", "prefix", str(n)), key=str(n)) for n in range(5)]
    allocator = Allocator(rules)
    rows = [(f"{n % 7}-x",) for n in range(1000)]
    assert allocator.assign(rows) == [allocator.choose(row) for row in rows]


@pytest.mark.parametrize(
    "make",
    [
        lambda: rule(parts=()),
        lambda: rule(parts=(("a", "99.99"),)),
        lambda: rule(parts=(("a", "0"), ("b", "100"))),
        lambda: rule(("cost", "equals", "1")),
        lambda: rule(("service", "from", "x")),
        lambda: rule(("service", "contains", "")),
        lambda: rule(("tag", "equals", "x")),
        lambda: rule(("date", "from", "yesterday")),
        lambda: rule(("date", "equals", "2026-10-05")),
        lambda: Condition.from_dict({"field": "service", "word": "equals", "what": "x"}),
    ],
)
def test_rules_that_cannot_work_are_refused(make):
    with pytest.raises(RuleError):
        make()


def test_a_condition_is_saved_and_read_back():
    condition = Condition("tag", "glob", "kite-*", "client")
    assert Condition.from_dict(condition.to_dict()) == condition
