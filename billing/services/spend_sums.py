"""Keeps the sums by month and by day that pages read instead of a million lines."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from django.db import connection, models

from billing.models import BillImport, Charge, DailySpend, MonthlySpend

DAY = {
    "sqlite": "COALESCE(date(usage_start), period_start, %s)",
    "postgresql": "COALESCE((usage_start AT TIME ZONE 'UTC')::date, period_start, %s::date)",
}
MONTH = {
    "sqlite": "date(COALESCE(period_start, date(usage_start), %s), 'start of month')",
    "postgresql": "date_trunc('month', COALESCE(period_start, (usage_start AT TIME ZONE 'UTC')::date, %s::date))::date",
}
KEPT = ("billing_account", "period_start", "currency", "rule_id")
BY_MONTH = ("provider", "sub_account", "service", "service_category", "category", "region", "tags")
AMOUNTS = {
    "rows": "COUNT(*)",
    "billed_nano": "SUM(COALESCE(billed_nano, effective_nano, 0))",
    "effective_nano": "SUM(COALESCE(effective_nano, billed_nano, 0))",
    "credits_nano": "SUM(CASE WHEN category = 'credit' THEN COALESCE(billed_nano, effective_nano, 0)"
    " ELSE COALESCE(credits_nano, 0) END)",
    "list_nano": "SUM(COALESCE(list_cost_nano, billed_nano, effective_nano, 0))",
}


def rebuild_sums(source: BillImport) -> None:
    """Compute the sums of all lines of one import anew."""
    MonthlySpend.objects.filter(source=source).delete()
    DailySpend.objects.filter(source=source).delete()
    arrived = source.created_at.date()
    _fill(MonthlySpend, source, {"month": MONTH[connection.vendor]}, BY_MONTH, arrived)
    _fill(DailySpend, source, {"day": DAY[connection.vendor]}, (), arrived)


def _fill(
    table: type[models.Model], source: BillImport, when: dict[str, str], more: Sequence[str], arrived: date
) -> None:
    """Insert the sums of an import, grouped in the database itself; undated lines count when they arrived."""
    name = connection.ops.quote_name
    groups = {column: name(column) for column in (*KEPT, *more)} | when
    selected = {"workspace_id": "%s", "source_id": name("source_id"), **groups, **AMOUNTS}
    columns = ", ".join(map(name, selected))
    order = (
        f"INSERT INTO {name(table._meta.db_table)} ({columns}) SELECT {', '.join(selected.values())}"  # noqa: S608  # our own names
        f" FROM {name(Charge._meta.db_table)} WHERE source_id = %s"
        f" GROUP BY source_id, {', '.join(groups.values())}"
    )
    with connection.cursor() as cursor:
        day = arrived.isoformat()
        cursor.execute(order, [_key(source.workspace_id), day, _key(source.pk), day])


def _key(value: UUID) -> str:
    """Write an id in the form in which Django keeps it."""
    return value.hex if connection.vendor == "sqlite" else str(value)
