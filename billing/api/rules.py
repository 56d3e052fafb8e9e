"""Rules that say to whom charges belong."""

from datetime import UTC
from decimal import Decimal
from functools import cached_property
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from billing import dispatch
from billing.allocation import DATE_WORDS, TEXT_FIELDS, TEXT_WORDS, Condition
from billing.models import SpendRule, SpendRulePart
from billing.queries.rules import allocating, preview_rule
from billing.services.rules import Target
from projects.api.base import (
    AS_IT_IS,
    ChangeRows,
    CreateRows,
    DeleteRows,
    PlainSerializer,
    ReadRows,
    ScopedPrimaryKeyField,
    row_action,
)
from projects.models import Engagement, Milestone


class ItemSerializer(PlainSerializer):
    """One of a rule's conditions or parts: whole, also where only some fields of the rule are changed."""

    def to_internal_value(self, data: Any) -> Any:
        """Check the item by itself: within a change in part the framework lets any of its fields be left out."""
        if self.parent is None:
            return super().to_internal_value(data)
        item = type(self)(data=data, context=self.context)
        item.is_valid(raise_exception=True)
        return item.validated_data


class ConditionSerializer(ItemSerializer):
    """One thing that must hold of a charge."""

    field = serializers.ChoiceField([*TEXT_FIELDS, "tag", "date"])
    word = serializers.ChoiceField(
        [*TEXT_WORDS, "present", *DATE_WORDS],
        help_text="equals, contains, prefix or glob for texts and tags, whatever the case; present for a tag; "
        "from and until (both inclusive) for the date.",
    )
    value = serializers.CharField(
        required=False, max_length=300, allow_blank=True, style=AS_IT_IS, help_text="A date such as 2026-11-20."
    )
    key = serializers.CharField(required=False, max_length=200, help_text="The tag's key.", style=AS_IT_IS)


class PartSerializer(ItemSerializer):
    """Who bears which share; without an engagement it is own overhead."""

    engagement = ScopedPrimaryKeyField(queryset=Engagement.objects.all(), required=False, allow_null=True)
    milestone = ScopedPrimaryKeyField(queryset=Milestone.objects.all(), required=False, allow_null=True)
    percent = serializers.DecimalField(
        max_digits=5, decimal_places=2, min_value=Decimal("0.01"), max_value=Decimal(100)
    )


class SpendRuleSerializer(PlainSerializer):
    """A rule: all conditions must hold; the shares add up to 100 per cent."""

    id = serializers.UUIDField(read_only=True)
    position = serializers.IntegerField(read_only=True)
    name = serializers.CharField(max_length=120)
    conditions = ConditionSerializer(many=True)
    parts = PartSerializer(many=True, allow_empty=False)
    allocating = serializers.UUIDField(
        read_only=True, allow_null=True, help_text="The job that lets the lines follow the rules; null: they have."
    )
    created_at = serializers.DateTimeField(read_only=True)

    def to_representation(self, instance: SpendRule) -> dict[str, Any]:
        """Write the rule with its parts."""
        return {
            "id": str(instance.pk),
            "position": instance.position,
            "name": instance.name,
            "conditions": instance.conditions,
            "parts": [_part(part) for part in instance.parts.all()],
            "allocating": self.context["view"].allocating,
            "created_at": serializers.DateTimeField(default_timezone=UTC).to_representation(instance.created_at),
        }


def _part(part: SpendRulePart) -> dict[str, Any]:
    return {
        "engagement": str(part.engagement_id) if part.engagement_id else None,
        "milestone": str(part.milestone_id) if part.milestone_id else None,
        "percent": f"{part.percent:.2f}",
    }


class MoveSerializer(PlainSerializer):
    """How far a rule moves in the order."""

    steps = serializers.IntegerField(min_value=-1000, max_value=1000, help_text="Negative is up.")


class RulePreviewSerializer(PlainSerializer):
    """A rule as it is typed; ``rule`` names the one that it would replace."""

    conditions = ConditionSerializer(many=True)
    rule = ScopedPrimaryKeyField(queryset=SpendRule.objects.all(), required=False, allow_null=True)


class MovementSerializer(PlainSerializer):
    """Lines and money that would move."""

    before = serializers.CharField(allow_blank=True, help_text="The rule that holds them now; empty: none.")
    after = serializers.CharField(allow_blank=True, help_text="The rule that would hold them.")
    currency = serializers.CharField(allow_blank=True)
    rows = serializers.IntegerField()
    amount = serializers.CharField()


class PreviewAnswerSerializer(PlainSerializer):
    """What a rule would hold and move."""

    matched_rows = serializers.IntegerField()
    matched = serializers.DictField(child=serializers.CharField())
    moved_rows = serializers.IntegerField()
    movements = MovementSerializer(many=True)


class SpendRuleViewSet(CreateRows, ChangeRows, DeleteRows, ReadRows):
    """Rules in their order; the first that matches a charge wins."""

    queryset = SpendRule.objects.prefetch_related("parts")
    serializer_class = SpendRuleSerializer
    search_fields: ClassVar[list[str]] = ["name"]
    ordering_fields: ClassVar[list[str]] = ["position", "created_at"]

    @cached_property
    def allocating(self) -> str | None:
        """Name the job that lets the lines follow, looked up when the answer is written."""
        job = allocating(self.actor)
        return str(job.pk) if job else None

    def create_row(self, fields: dict[str, Any]) -> SpendRule:
        """Add a rule after the others."""
        return dispatch.create_rule(by=self.actor, **_fields(fields))

    def change_row(self, row: SpendRule, fields: dict[str, Any]) -> SpendRule:
        """Change a rule."""
        return dispatch.update_rule(rule=row, by=self.actor, **_fields(fields))

    def delete_row(self, row: SpendRule) -> None:
        """Delete a rule."""
        dispatch.delete_rule(rule=row, by=self.actor)

    @extend_schema(request=MoveSerializer, responses=SpendRuleSerializer)
    @row_action("post")
    def move(self, request: Request, pk: str) -> Response:
        """Move a rule up or down."""
        row, wish = self.get_object(), MoveSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        return Response(self.get_serializer(dispatch.move_rule(rule=row, by=self.actor, **wish.validated_data)).data)

    @extend_schema(request=RulePreviewSerializer, responses=PreviewAnswerSerializer)
    @action(detail=False, methods=["post"])
    def preview(self, request: Request) -> Response:
        """Say what a rule would move; changes nothing."""
        wish = RulePreviewSerializer(data=request.data, context=self.get_serializer_context())
        wish.is_valid(raise_exception=True)
        conditions = [Condition.from_dict(saved) for saved in wish.validated_data["conditions"]]
        found = preview_rule(self.actor.workspace, conditions=conditions, rule=wish.validated_data.get("rule"))
        return Response(found.to_dict())


def _fields(fields: dict[str, Any]) -> dict[str, Any]:
    """Turn checked fields into what the service takes."""
    if "parts" in fields:
        fields["targets"] = [
            Target(part.get("engagement"), part.get("milestone"), part["percent"]) for part in fields.pop("parts")
        ]
    return fields
