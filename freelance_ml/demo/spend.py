"""Sample spend: three months of a cloud bill, rules that share it out, rates, and a budget that tells."""

import math
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from django.utils import timezone

from billing import dispatch
from billing.models import Bill, BillImport, Budget, Rate, SpendRule
from billing.services.budgets import save_budget
from billing.services.rates import save_rate
from billing.services.rules import Target
from freelance_ml.demo.jobs import finish
from freelance_ml.demo.saying import Say
from freelance_ml.demo.work import ENGAGEMENT, MODEL
from projects.access import Actor
from projects.models import Engagement, Milestone

DAYS = 75
HEADER = (
    "BilledCost,EffectiveCost,ListCost,ContractedCost,BillingCurrency,BillingAccountId,BillingPeriodStart,"
    "BillingPeriodEnd,ChargePeriodStart,ChargePeriodEnd,ChargeCategory,ChargeDescription,ProviderName,PublisherName,"
    "InvoiceIssuerName,ServiceName,ServiceCategory,RegionId,ResourceId,Tags"
)
# service, kind, cost of a usual day in EUR, tags, resource
SERVICES = (
    ("Amazon SageMaker", "AI and Machine Learning", 7.4, '{"client":"nordlicht","env":"train"}', "sm-churn-tuning"),
    ("Amazon EC2", "Compute", 4.1, '{"client":"nordlicht","env":"prod"}', "i-0c4f churn features"),
    ("Amazon S3", "Storage", 0.9, "", "ada-shared-data"),
    ("Amazon Bedrock", "AI and Machine Learning", 1.6, '{"client":"fjord"}', "letters-sorting"),
)
RULES = (
    ("Nordlicht by tag", [{"field": "tag", "key": "client", "word": "equals", "value": "nordlicht"}], True),
    ("Shared storage", [{"field": "service", "word": "equals", "value": "Amazon S3"}], False),
)


def add_spend(actor: Actor, say: Say) -> None:
    """Add a stored bill, rates, rules and a budget; what is there already stays as it is."""
    today = timezone.now().date()
    engagement = Engagement.objects.visible_to(actor).get(title=ENGAGEMENT)
    milestone = Milestone.objects.visible_to(actor).get(engagement=engagement, title=MODEL)
    if not Rate.objects.visible_to(actor).exists():
        first = (today - timedelta(days=365)).replace(day=1)
        save_rate(by=actor, kind="cpu-hour", price=Decimal("0.09"), currency="EUR", valid_from=first)
        save_rate(by=actor, kind="gpu-hour", price=Decimal("1.89"), currency="EUR", valid_from=first)
    if not SpendRule.objects.visible_to(actor).exists():
        for name, conditions, is_shared in RULES:
            shares = [Target(engagement, milestone, Decimal(60)), Target(engagement, None, Decimal(40))]
            dispatch.create_rule(
                name=name, conditions=conditions, targets=shares if is_shared else [Target()], by=actor
            )
    if not Bill.objects.visible_to(actor).exists():
        _store_bill(actor, today, say)
    if not Budget.objects.visible_to(actor).exists():
        save_budget(by=actor, engagement=engagement, amount_minor=110_000, currency="EUR")


def _store_bill(actor: Actor, today: date, say: Say) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "aws-focus.csv"
        path.write_text("\n".join([HEADER, *_lines(today), ""]), encoding="utf-8")
        source = dispatch.receive_bill(path=path, name=path.name, by=actor)
    finish(source.job, doing="Reading a cloud bill", say=say)
    source.refresh_from_db()
    if source.state == BillImport.State.READY:
        source = dispatch.commit_bill(source=source, by=actor)
        finish(source.job, doing="Storing it", say=say)


def _lines(today: date) -> Iterator[str]:
    """Write a line a day and service, weekdays dearer than weekends, a credit at each month's end."""
    for back in range(DAYS, 0, -1):
        day = today - timedelta(days=back)
        for number, (service, kind, usual, tags, resource) in enumerate(SERVICES):
            swing = 1 + 0.35 * math.sin(back * 0.9 + number * 2) - (0.45 if day.weekday() >= 5 else 0)  # noqa: PLR2004  # Saturday
            yield _line(
                f"{usual * swing:.8f}", day, f"Usage,{service} in eu-central-1", f"{service},{kind}", resource, tags
            )
        if (day + timedelta(days=1)).day == 1:
            yield _line("-15", day, "Credit,Start-up credit", "Amazon SageMaker,AI and Machine Learning", "", "")


def _line(cost: str, day: date, charge: str, service: str, resource: str, tags: str) -> str:
    """Write one line; ``charge`` and ``service`` are two neighbouring cells each."""
    month = day.replace(day=1)
    until = (month + timedelta(days=32)).replace(day=1)
    quoted = '"' + tags.replace('"', '""') + '"'
    costs, tomorrow = ",".join([cost] * 4), day + timedelta(days=1)
    return (
        f"{costs},EUR,442193087715,{month}T00:00:00Z,{until}T00:00:00Z,{day}T00:00:00Z,{tomorrow}T00:00:00Z,"
        f"{charge},AWS,AWS,AWS,{service},eu-central-1,{resource},{quoted}"
    )
