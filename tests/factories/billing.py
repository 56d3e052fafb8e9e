"""Bills, rules and budgets for tests."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from billing import dispatch
from billing.models import ComputeEntry
from billing.services import budgets, compute
from billing.services.rules import Target
from tests.factories.jobs import work_off

HEADER = (
    "BilledCost,EffectiveCost,ListCost,ContractedCost,BillingCurrency,BillingAccountId,BillingPeriodStart,"
    "BillingPeriodEnd,ChargePeriodStart,ChargePeriodEnd,ChargeCategory,ChargeDescription,ProviderName,PublisherName,"
    "InvoiceIssuerName,ServiceName,ServiceCategory,RegionId,ResourceId,Tags"
)


def focus_line(
    cost="1.5",
    *,
    day="2026-10-05",
    service="Compute Engine",
    account="acc-1",
    tags="",
    resource="vm-1",
    category="Usage",
    currency="USD",
    month="2026-10-01",
    until="2026-11-01",
):
    """One line of a FOCUS bill."""
    quoted = '"' + tags.replace('"', '""') + '"'
    return (
        f"{cost},{cost},{cost},{cost},{currency},{account},{month}T00:00:00Z,{until}T00:00:00Z,{day}T00:00:00Z,"
        f"{day}T01:00:00Z,{category},a charge,AWS,AWS,AWS,{service},Compute,eu-west-1,{resource},{quoted}"
    )


def focus_bill(*lines):
    """A FOCUS bill as text."""
    return "\n".join([HEADER, *lines, ""])


def receive(actor, content, *, name="bill.csv", tmp_path=None, **wishes):
    """Take a bill in, and let its job read it; ``content`` is text or a path."""
    path = content
    if not isinstance(content, Path):
        path = tmp_path / name
        path.write_text(content, encoding="utf-8")
    source = dispatch.receive_bill(path=path, name=name, by=actor, **wishes)
    work_off(source.job)
    source.refresh_from_db()
    return source


def commit(actor, source, **wishes):
    """Store a bill that was read."""
    source = dispatch.commit_bill(source=source, by=actor, **wishes)
    if source.state == "committing":
        work_off(source.job)
    source.refresh_from_db()
    return source


def store(actor, content, **wishes):
    """Take a bill in and store it."""
    return commit(actor, receive(actor, content, **wishes))


def make_rule(actor, *, name="Rule", conditions=(), engagement=None, milestone=None, targets=None):
    """A rule that gives everything to one engagement unless targets are given."""
    targets = targets or [Target(engagement, milestone)]
    return dispatch.create_rule(name=name, conditions=list(conditions), targets=targets, by=actor)


def make_budget(actor, *, engagement, amount_minor=10_000, currency="USD", **fields):
    """A budget of 100.00."""
    return budgets.save_budget(by=actor, engagement=engagement, amount_minor=amount_minor, currency=currency, **fields)


def make_compute(actor, **fields) -> ComputeEntry:
    """An hour of one core."""
    fields = {
        "title": "Training",
        "cpu_seconds": Decimal(3600),
        "started_at": datetime(2026, 10, 5, 9, tzinfo=UTC),
        "ended_at": datetime(2026, 10, 5, 10, tzinfo=UTC),
    } | fields
    return compute.add_compute(by=actor, **fields)
