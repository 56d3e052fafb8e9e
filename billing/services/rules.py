"""Changes to the rules that say to whom charges belong, and the charges that follow them."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Max

from billing.allocation import Allocator, Condition, RuleError
from billing.models import BillImport, Charge, SpendRule, SpendRulePart
from billing.queries.rules import rules_in
from billing.services.spend_sums import rebuild_sums
from projects.access import Actor
from projects.models import Engagement, Milestone
from projects.models.people import Workspace
from projects.services.audit import record

logger = logging.getLogger(__name__)

BUNDLE = 5_000  # rows of one UPDATE
MOST_KNOWN = 100_000  # decisions that are remembered
WHOLE = 10_000  # hundredths of a per cent


@dataclass(frozen=True, slots=True)
class Target:
    """Who bears which share, in per cent; without an engagement it is own overhead."""

    engagement: Engagement | None = None
    milestone: Milestone | None = None
    percent: Decimal = Decimal(100)


@transaction.atomic
def create_rule(
    *, name: str, conditions: Sequence[Mapping[str, Any]], targets: Sequence[Target], by: Actor
) -> SpendRule:
    """Add a rule after the others; raises RuleError."""
    by.must_write()
    Workspace.objects.select_for_update().get(pk=by.workspace.pk)
    last = SpendRule.objects.visible_to(by).aggregate(last=Max("position"))["last"]
    rule = SpendRule(workspace=by.workspace, position=0 if last is None else last + 1)
    _fill(rule, name, conditions, targets, by)
    record(by=by, action="spend_rule.created", target=rule, detail={"conditions": rule.conditions})
    return rule


@transaction.atomic
def update_rule(
    *,
    rule: SpendRule,
    by: Actor,
    name: str | None = None,
    conditions: Sequence[Mapping[str, Any]] | None = None,
    targets: Sequence[Target] | None = None,
) -> SpendRule:
    """Change a rule; what is not given stays. Raises RuleError."""
    by.must_write()
    Workspace.objects.select_for_update().get(pk=by.workspace.pk)
    locked: SpendRule = SpendRule.objects.visible_to(by).select_for_update().get(pk=rule.pk)
    if targets is None:
        targets = [Target(part.engagement, part.milestone, part.percent) for part in locked.parts.all()]
    _fill(
        locked,
        locked.name if name is None else name,
        locked.conditions if conditions is None else conditions,
        targets,
        by,
    )
    record(by=by, action="spend_rule.changed", target=locked, detail={"conditions": locked.conditions})
    return locked


@transaction.atomic
def move_rule(*, rule: SpendRule, by: Actor, steps: int) -> SpendRule:
    """Move a rule up (negative) or down in the order."""
    by.must_write()
    Workspace.objects.select_for_update().get(pk=by.workspace.pk)
    ordered: list[SpendRule] = list(SpendRule.objects.visible_to(by).select_for_update())
    place = next(i for i, row in enumerate(ordered) if row.pk == rule.pk)
    moved = ordered.pop(place)
    ordered.insert(min(max(place + steps, 0), len(ordered)), moved)
    for index, row in enumerate(ordered):
        row.position = index
    SpendRule.objects.bulk_update(ordered, ["position"])
    record(by=by, action="spend_rule.moved", target=moved, detail={"position": moved.position})
    return moved


@transaction.atomic
def delete_rule(*, rule: SpendRule, by: Actor) -> None:
    """Delete a rule; its charges go to the next rule that holds."""
    by.must_write()
    Workspace.objects.select_for_update().get(pk=by.workspace.pk)
    SpendRule.objects.visible_to(by).filter(pk=rule.pk).delete()
    record(by=by, action="spend_rule.deleted", target=rule)


def _fill(
    rule: SpendRule, name: str, conditions: Sequence[Mapping[str, Any]], targets: Sequence[Target], by: Actor
) -> None:
    rule.name = name.strip()
    if not rule.name:
        raise RuleError("The rule needs a name. Say what it collects.")
    rule.conditions = [Condition.from_dict(saved).to_dict() for saved in conditions]
    parts = [_part(target, index, by) for index, target in enumerate(targets)]
    _must_be_whole(rule.name, parts)
    rule.save()
    rule.parts.all().delete()
    for part in parts:
        part.rule = rule
    SpendRulePart.objects.bulk_create(parts)


def _part(target: Target, position: int, by: Actor) -> SpendRulePart:
    share = target.percent * 100
    if share != share.to_integral_value():
        raise RuleError("A share may have two decimal places, such as 33.34.")
    engagement, milestone = target.engagement, target.milestone
    if milestone is not None:
        milestone = Milestone.objects.visible_to(by).select_related("engagement").get(pk=milestone.pk)
        if engagement is not None and engagement.pk != milestone.engagement_id:
            raise RuleError(f"“{milestone}” is no milestone of “{engagement}”. Choose one of its own.")
        engagement = milestone.engagement
    elif engagement is not None:
        engagement = Engagement.objects.visible_to(by).get(pk=engagement.pk)
    if not 0 < share <= WHOLE:
        raise RuleError("Every share must be above 0 and at most 100 per cent.")
    return SpendRulePart(position=position, engagement=engagement, milestone=milestone, share=int(share))


def _must_be_whole(name: str, parts: Sequence[SpendRulePart]) -> None:
    if sum(part.share for part in parts) != WHOLE:
        raise RuleError(f"The shares of “{name}” must add up to 100 per cent.")


def rules_as_data(workspace: Workspace) -> list[dict[str, Any]]:
    """Write down what the reader of a bill needs to allocate its lines, and to tell whether that changed."""
    return [{"key": str(rule.pk), "conditions": rule.conditions} for rule in rules_in(workspace)]


# --- charges --------------------------------------------------------------------------------------
def allocate_charges(*, workspace: Workspace) -> int:
    """Give every line its rule; returns how many lines moved. Call it in a transaction."""
    rows = rules_in(workspace)
    allocator = Allocator([row.as_rule() for row in rows])
    keys: list[UUID] = [row.pk for row in rows]
    moved = 0
    for source in BillImport.objects.filter(workspace=workspace, bills__isnull=False).distinct():
        here = _allocate(source, allocator, keys)
        if here:
            rebuild_sums(source)
        moved += here
    return moved


def _allocate(source: BillImport, allocator: Allocator, keys: Sequence[UUID]) -> int:
    lines = Charge.objects.filter(source=source)
    if not keys:
        return int(lines.exclude(rule=None).update(rule=None))
    known: dict[tuple[Any, ...], int | None] = {}
    moves: dict[UUID | None, list[int]] = {}
    for pk, now, *facts in lines.order_by().values_list("pk", "rule_id", *allocator.fields).iterator(BUNDLE):
        key = tuple(facts)
        if key not in known:
            if len(known) > MOST_KNOWN:
                known.clear()
            known[key] = allocator.choose(facts)
        chosen = known[key]
        wanted = None if chosen is None else keys[chosen]
        if wanted != now:
            moves.setdefault(wanted, []).append(pk)
    for wanted, pks in moves.items():
        for start in range(0, len(pks), BUNDLE):
            Charge.objects.filter(pk__in=pks[start : start + BUNDLE]).update(rule_id=wanted)
    return sum(map(len, moves.values()))
