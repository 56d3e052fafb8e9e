"""Dated promises to clients."""

from typing import Any, ClassVar

import django_filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from projects.api.base import (
    LINES,
    ChangeRows,
    CreateRows,
    PlainSerializer,
    ReadRows,
    ScopedFilterSet,
    ScopedModelSerializer,
    row_action,
)
from projects.models import Milestone
from projects.services import milestones

# An invoice has a number, so it is noted at an address of its own.
BY_HAND = [choice for choice in Milestone.Status.choices if choice[0] != Milestone.Status.INVOICED]


class MilestoneSerializer(ScopedModelSerializer):
    """A milestone; its engagement cannot be changed later, its status by its own address."""

    currency = serializers.CharField(source="engagement.currency", read_only=True)

    class Meta:
        model = Milestone
        fields = [
            "id",
            "engagement",
            "position",
            "title",
            "promise",
            "deliverables",
            "criteria",
            "fee_minor",
            "currency",
            "due_on",
            "status",
            "submitted_at",
            "accepted_at",
            "accepted_how",
            "invoice_number",
            "invoiced_on",
            "created_at",
        ]
        read_only_fields = [
            "id",
            "position",
            "status",
            "submitted_at",
            "accepted_at",
            "accepted_how",
            "invoice_number",
            "invoiced_on",
            "created_at",
        ]
        fixed_fields = ["engagement"]


class MilestoneStatusSerializer(PlainSerializer):
    """Where a milestone goes, and why."""

    to = serializers.ChoiceField(choices=BY_HAND)
    reason = serializers.CharField(required=False, default="", max_length=500, allow_blank=True, style=LINES)


class MilestoneInvoiceSerializer(PlainSerializer):
    """Under which number an accepted milestone was invoiced, and when."""

    number = serializers.CharField(max_length=60)
    on = serializers.DateField(required=False, help_text="Today, unless told.")


class MilestoneMoveSerializer(PlainSerializer):
    """How far a milestone moves in its engagement."""

    steps = serializers.IntegerField(min_value=-1000, max_value=1000, help_text="Negative is up.")


class MilestoneFilter(ScopedFilterSet):
    """By engagement, status and due date."""

    due_before = django_filters.DateFilter(field_name="due_on", lookup_expr="lt")
    due_after = django_filters.DateFilter(field_name="due_on", lookup_expr="gt")

    class Meta:
        model = Milestone
        fields: ClassVar[list[str]] = ["engagement", "status"]


class MilestoneViewSet(CreateRows, ChangeRows, ReadRows):
    """Milestones; one that is not wanted any more is cancelled, not deleted."""

    queryset = Milestone.objects.select_related("engagement")
    serializer_class = MilestoneSerializer
    filterset_class = MilestoneFilter
    search_fields = ["title"]
    ordering_fields = ["due_on", "position", "created_at"]

    def create_row(self, fields: dict[str, Any]) -> Milestone:
        """Add a milestone at the end of its engagement."""
        return milestones.create_milestone(by=self.actor, **fields)

    def change_row(self, row: Milestone, fields: dict[str, Any]) -> Milestone:
        """Change a milestone's terms, as long as it is not accepted."""
        return milestones.update_milestone(milestone=row, by=self.actor, **fields)

    @extend_schema(request=MilestoneStatusSerializer, responses=MilestoneSerializer)
    @row_action("post")
    def status(self, request: Request, pk: str) -> Response:
        """Bring a milestone into another status."""
        found, wish = self.get_object(), MilestoneStatusSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        row = milestones.set_milestone_status(milestone=found, by=self.actor, **wish.validated_data)
        return Response(self.get_serializer(row).data)

    @extend_schema(request=MilestoneInvoiceSerializer, responses=MilestoneSerializer)
    @row_action("post")
    def invoice(self, request: Request, pk: str) -> Response:
        """Note the invoice of an accepted milestone; the ledger counts it."""
        found, wish = self.get_object(), MilestoneInvoiceSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        row = milestones.mark_invoiced(milestone=found, by=self.actor, **wish.validated_data)
        return Response(self.get_serializer(row).data)

    @extend_schema(request=MilestoneMoveSerializer, responses=MilestoneSerializer)
    @row_action("post")
    def move(self, request: Request, pk: str) -> Response:
        """Move a milestone up or down in its engagement."""
        found, wish = self.get_object(), MilestoneMoveSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        row = milestones.move_milestone(milestone=found, by=self.actor, **wish.validated_data)
        return Response(self.get_serializer(row).data)
