"""Choosing who bears a cost: an engagement, one of its milestones, or oneself."""

from typing import Any

from django import forms

from projects.access import Actor
from projects.models import Engagement, Milestone

OVERHEAD = "overhead"


class TargetField(forms.TypedChoiceField):
    """A choice among the actor's engagements and milestones; ``offer`` fills it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rows: dict[str, tuple[Engagement | None, Milestone | None]] = {}

    def offer(self, actor: Actor, *, overhead: str = "", empty: str = "") -> None:
        """Offer what belongs to the actor's workspace; names of the two further choices may be given."""
        offered: list[Any] = [("", empty or "Choose")]
        if overhead:
            offered.append((OVERHEAD, overhead))
            self.rows[OVERHEAD] = (None, None)
        engagements = Engagement.objects.visible_to(actor).exclude(status__in=["archived", "cancelled"])
        for engagement in engagements.select_related("client").prefetch_related("milestones").order_by("title"):
            options = [(f"engagement:{engagement.pk}", f"{engagement.title} (whole engagement)")]
            self.rows[options[0][0]] = (engagement, None)
            for milestone in engagement.milestones.all():
                key = f"milestone:{milestone.pk}"
                self.rows[key] = (engagement, milestone)
                options.append((key, milestone.title))
            offered.append((f"{engagement.client.name} · {engagement.title}", options))
        self.choices = offered

    def chosen(self, value: str) -> tuple[Engagement | None, Milestone | None]:
        """Return the rows behind a checked value."""
        return self.rows.get(value, (None, None))


def target_of(engagement: Engagement | None, milestone: Milestone | None, *, overhead: str = OVERHEAD) -> str:
    """Name a target the way the field's choices do."""
    if milestone is not None:
        return f"milestone:{milestone.pk}"
    return f"engagement:{engagement.pk}" if engagement is not None else overhead


__all__ = ["OVERHEAD", "TargetField", "target_of"]
