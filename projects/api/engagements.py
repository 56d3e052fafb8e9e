"""Pieces of work for clients."""

from typing import Any, ClassVar

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
from projects.models import Engagement
from projects.queries.ledgers import ledger_of_engagement
from projects.services import engagements


class EngagementSerializer(ScopedModelSerializer):
    """An engagement; its client cannot be changed later, its status by its own address."""

    currency = serializers.CharField(max_length=3, required=False, help_text="ISO 4217; the workspace's by default.")

    class Meta:
        model = Engagement
        fields = [
            "id",
            "client",
            "title",
            "summary",
            "billing",
            "currency",
            "purchase_order",
            "starts_on",
            "ends_on",
            "review_days",
            "status",
            "created_at",
        ]
        read_only_fields = ["id", "status", "created_at"]
        fixed_fields = ["client"]


class EngagementStatusSerializer(PlainSerializer):
    """Where an engagement goes, and why."""

    to = serializers.ChoiceField(choices=Engagement.Status.choices)
    reason = serializers.CharField(required=False, default="", max_length=500, allow_blank=True, style=LINES)


class LedgerSerializer(PlainSerializer):
    """Where the money stands, in minor units; ``pending`` is shown and counted nowhere."""

    currency = serializers.CharField()
    original = serializers.IntegerField()
    changes = serializers.IntegerField()
    revised = serializers.IntegerField()
    pending = serializers.IntegerField()
    accepted = serializers.IntegerField()
    invoiced = serializers.IntegerField()
    paid = serializers.IntegerField()
    to_accept = serializers.IntegerField()
    to_invoice = serializers.IntegerField()
    due = serializers.IntegerField()
    outstanding = serializers.IntegerField()
    balance = serializers.IntegerField()
    creep = serializers.CharField(allow_null=True, help_text="Approved changes in per cent of the original.")
    is_signed = serializers.BooleanField()
    outside = serializers.IntegerField(help_text="What the milestones sum up to beyond what is agreed.")


class EngagementFilter(ScopedFilterSet):
    """By client, status and billing model."""

    class Meta:
        model = Engagement
        fields: ClassVar[list[str]] = ["client", "status", "billing"]


class EngagementViewSet(CreateRows, ChangeRows, ReadRows):
    """Engagements; one that is over is archived, not deleted."""

    queryset = Engagement.objects.select_related("client")
    serializer_class = EngagementSerializer
    filterset_class = EngagementFilter
    search_fields = ["title", "purchase_order", "client__name"]
    ordering_fields = ["title", "created_at"]

    def create_row(self, fields: dict[str, Any]) -> Engagement:
        """Start an engagement as a draft."""
        return engagements.create_engagement(by=self.actor, **fields)

    def change_row(self, row: Engagement, fields: dict[str, Any]) -> Engagement:
        """Change an engagement's particulars."""
        return engagements.update_engagement(engagement=row, by=self.actor, **fields)

    @extend_schema(request=EngagementStatusSerializer, responses=EngagementSerializer)
    @row_action("post")
    def status(self, request: Request, pk: str) -> Response:
        """Bring an engagement into another status."""
        found, wish = self.get_object(), EngagementStatusSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        row = engagements.set_engagement_status(engagement=found, by=self.actor, **wish.validated_data)
        return Response(self.get_serializer(row).data)

    @extend_schema(responses=LedgerSerializer)
    @row_action("get")
    def ledger(self, request: Request, pk: str) -> Response:
        """Say where the engagement's money stands."""
        return Response(ledger_of_engagement(self.get_object()))
