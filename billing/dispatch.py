"""The front desk of the second storey: pages, API and commands start its long work here."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from django.db import transaction

from billing.kind_names import ALLOCATE, COMMIT_BILL, READ_BILL
from billing.models import BillImport, MonthlySpend, SpendRule
from billing.services import bills, rules
from billing.services.budgets import check_budgets
from billing.services.rules import Target
from projects.access import Actor
from projects.dispatch import start_job
from projects.models import Job
from projects.models.people import Workspace

AT_ONCE = 20_000  # lines that are allocated while the person waits


@transaction.atomic
def receive_bill(*, path: Path, name: str, by: Actor, **wishes: Any) -> BillImport:
    """Take a bill in and queue its reading."""
    return _queue(bills.receive_bill(path=path, name=name, by=by, **wishes), READ_BILL, by, "Read")


@transaction.atomic
def read_again(*, source: BillImport, by: Actor, **wishes: Any) -> BillImport:
    """Read a bill anew, with another mapping, currency, basis or export."""
    return _queue(bills.begin_reading(source=source, by=by, **wishes), READ_BILL, by, "Read")


@transaction.atomic
def commit_bill(*, source: BillImport, by: Actor, beside: bool = False) -> BillImport:
    """Store a bill that was read; one that changes nothing needs no job."""
    before = source.state
    checked = bills.begin_commit(source=source, by=by, beside=beside)
    if checked.state != BillImport.State.COMMITTING or before == BillImport.State.COMMITTING:
        return checked
    return _queue(checked, COMMIT_BILL, by, "Store")


def _queue(source: BillImport, kind: str, by: Actor, verb: str) -> BillImport:
    source.job = start_job(
        kind=kind,
        workspace=by.workspace,
        arguments={"import": str(source.pk)},
        by=by,
        subject=source,
        title=f"{verb} {source.name}",
    )
    source.save(update_fields=["job"])
    return source


@transaction.atomic
def create_rule(
    *, name: str, conditions: Sequence[Mapping[str, Any]], targets: Sequence[Target], by: Actor
) -> SpendRule:
    """Add a rule, and let the charges follow."""
    rule = rules.create_rule(name=name, conditions=conditions, targets=targets, by=by)
    follow_rules(by=by)
    return rule


@transaction.atomic
def update_rule(*, rule: SpendRule, by: Actor, **fields: Any) -> SpendRule:
    """Change a rule, and let the charges follow."""
    changed = rules.update_rule(rule=rule, by=by, **fields)
    follow_rules(by=by)
    return changed


@transaction.atomic
def move_rule(*, rule: SpendRule, by: Actor, steps: int) -> SpendRule:
    """Move a rule in the order, and let the charges follow."""
    moved = rules.move_rule(rule=rule, by=by, steps=steps)
    follow_rules(by=by)
    return moved


@transaction.atomic
def delete_rule(*, rule: SpendRule, by: Actor) -> None:
    """Delete a rule, and let the charges follow."""
    rules.delete_rule(rule=rule, by=by)
    follow_rules(by=by)


def follow_rules(*, by: Actor) -> Job | None:
    """Allocate the charges anew: a few at once, many in a job that is returned."""
    Workspace.objects.select_for_update().get(pk=by.workspace.pk)
    lines = sum(MonthlySpend.objects.visible_to(by).values_list("rows", flat=True))
    if lines > AT_ONCE:
        return start_job(kind=ALLOCATE, workspace=by.workspace, by=by)
    if lines:
        rules.allocate_charges(workspace=by.workspace)
    check_budgets(workspace=by.workspace)
    return None
