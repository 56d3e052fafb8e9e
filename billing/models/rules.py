"""Rules that say to whom a charge belongs."""

from decimal import Decimal
from typing import Any

from django.db import models
from django.db.models import Q

from billing.allocation import Condition, Part, Rule
from projects.access import TenantModel


class SpendRule(TenantModel):
    """Conditions on a charge, and who bears it; the first rule that holds wins."""

    workspace = models.ForeignKey("projects.Workspace", models.CASCADE, related_name="spend_rules")
    position = models.PositiveIntegerField(default=0, editable=False)
    name = models.CharField(max_length=120)
    conditions: Any = models.JSONField(default=list)  # billing.allocation.Condition as dicts

    class Meta:
        ordering = ["position", "created_at", "pk"]

    def __str__(self) -> str:
        return self.name

    def as_rule(self) -> Rule:
        """Return the rule as the arithmetic wants it."""
        return Rule(
            key=str(self.pk),
            name=self.name,
            conditions=tuple(Condition.from_dict(saved) for saved in self.conditions),
            parts=tuple(part.as_part() for part in self.parts.all()),
        )

    @property
    def is_whole(self) -> bool:
        """Whether its shares still add up; an engagement that was deleted took its share along."""
        return sum(part.share for part in self.parts.all()) == 10_000  # noqa: PLR2004  # hundredths of a per cent

    @property
    def sentence(self) -> str:
        """Say the conditions in words."""
        said = [Condition.from_dict(saved).sentence() for saved in self.conditions]
        return " and ".join(said) or "everything that is left"


class SpendRulePart(TenantModel):
    """Who bears which share; without an engagement it is the freelancer's own overhead."""

    workspace_path = "rule__workspace"

    rule = models.ForeignKey(SpendRule, models.CASCADE, related_name="parts")
    position = models.PositiveSmallIntegerField(default=0)
    engagement = models.ForeignKey(
        "projects.Engagement", models.CASCADE, null=True, blank=True, related_name="spend_parts"
    )
    milestone = models.ForeignKey(
        "projects.Milestone", models.CASCADE, null=True, blank=True, related_name="spend_parts"
    )
    share = models.PositiveIntegerField(default=10_000)  # hundredths of a per cent

    class Meta:
        ordering = ["rule", "position", "pk"]
        constraints = [
            models.CheckConstraint(condition=Q(share__gt=0, share__lte=10_000), name="spend_part_share"),
            models.CheckConstraint(
                condition=Q(milestone__isnull=True) | Q(engagement__isnull=False), name="spend_part_milestone"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.percent.normalize():f} % {self.target_name}"

    @property
    def percent(self) -> Decimal:
        """The share in per cent."""
        return Decimal(self.share).scaleb(-2)

    @property
    def target(self) -> str:
        """Name who bears it, for machines."""
        if self.milestone_id:
            return f"milestone:{self.milestone_id}"
        return f"engagement:{self.engagement_id}" if self.engagement_id else "overhead"

    @property
    def target_name(self) -> str:
        """Name who bears it, for people."""
        if self.milestone is not None:
            return f"{self.engagement} · {self.milestone}"
        return str(self.engagement) if self.engagement is not None else "Own overhead"

    def as_part(self) -> Part:
        """Return the part as the arithmetic wants it."""
        return Part(self.target, self.percent)
