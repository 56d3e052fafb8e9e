"""Keeps the sums by month and by day that pages read instead of a million lines."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from django.db import connection, models

from billing.models import BillImport, Charge, DailySpend, ItemSpend, MonthlySpend

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
MANY = 200  # lines of one file from which on a resource has sums of its own
CHARGES, ITEMS = Charge._meta.db_table, ItemSpend._meta.db_table
RESOURCE = (
    f"CASE WHEN resource IN (SELECT resource FROM {CHARGES} WHERE source_id = %s"  # noqa: S608  # our own names
    f" GROUP BY resource HAVING COUNT(*) >= {MANY}) THEN resource ELSE '' END"
)


def rebuild_sums(source: BillImport) -> None:
    """Compute the sums of all lines of one import anew; undated lines count when they arrived."""
    for table in (ItemSpend, MonthlySpend, DailySpend):
        table.objects.filter(source=source).delete()
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:  # else it expects more groups than there are, and sorts wide texts on disk
            cursor.execute("SET LOCAL work_mem = '64MB'")
    key, arrived = _key(source.pk), source.created_at.date().isoformat()
    # By SKU first, so that what is read together is written together.
    items = {"sku": "sku", "resource": RESOURCE, "month": MONTH[connection.vendor]} | _same(*KEPT, *BY_MONTH)
    _fill(ItemSpend, source, items, AMOUNTS, CHARGES, [key, arrived])
    added = {name: f"SUM({connection.ops.quote_name(name)})" for name in AMOUNTS}
    _fill(MonthlySpend, source, _same(*KEPT, "month", *BY_MONTH), added, ITEMS, [])
    _fill(DailySpend, source, _same(*KEPT) | {"day": DAY[connection.vendor]}, AMOUNTS, CHARGES, [arrived])


def _same(*columns: str) -> dict[str, str]:
    return {column: connection.ops.quote_name(column) for column in columns}


def _fill(
    table: type[models.Model],
    source: BillImport,
    groups: Mapping[str, str],
    amounts: Mapping[str, str],
    origin: str,
    known: Sequence[str],
) -> None:
    """Insert the sums of an import, grouped in the database itself; ``known`` fills the marks of the groups."""
    name = connection.ops.quote_name
    selected = {"workspace_id": "%s", "source_id": name("source_id"), **groups, **amounts}
    grouped = ", ".join(str(place) for place in range(2, 3 + len(groups)))
    order = (
        f"INSERT INTO {name(table._meta.db_table)} ({', '.join(map(name, selected))})"  # noqa: S608  # our own names
        f" SELECT {', '.join(selected.values())} FROM {name(origin)} WHERE source_id = %s GROUP BY {grouped}"
    )
    with connection.cursor() as cursor:
        cursor.execute(order, [_key(source.workspace_id), *known, _key(source.pk)])


def _key(value: UUID) -> str:
    """Write an id in the form in which Django keeps it."""
    return value.hex if connection.vendor == "sqlite" else str(value)
