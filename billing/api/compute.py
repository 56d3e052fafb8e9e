"""Hourly rates and machine time."""

from decimal import Decimal
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.models import ComputeEntry, Rate
from billing.services import compute, rates
from projects.api.base import (
    ChangeRows,
    CreateRows,
    DeleteRows,
    PlainSerializer,
    ReadRows,
    ScopedFilterSet,
    ScopedModelSerializer,
    ScopedPrimaryKeyField,
    row_action,
)
from projects.models import Engagement, Milestone

MOST_MS = 10**13


class RateSerializer(PlainSerializer):
    """A price per hour, from a day on until before another."""

    id = serializers.UUIDField(read_only=True)
    kind = serializers.ChoiceField(Rate.Kind.choices)
    machine = serializers.CharField(max_length=60, required=False, allow_blank=True)
    price = serializers.DecimalField(max_digits=20, decimal_places=9, min_value=Decimal(0))
    currency = serializers.CharField(min_length=3, max_length=3)
    valid_from = serializers.DateField()
    valid_until = serializers.DateField(required=False, allow_null=True)
    created_at = serializers.DateTimeField(read_only=True)


class RateViewSet(CreateRows, ChangeRows, DeleteRows, ReadRows):
    """Rates; two for the same thing on the same day are refused."""

    queryset = Rate.objects.all()
    serializer_class = RateSerializer
    ordering_fields: ClassVar[list[str]] = ["valid_from", "created_at"]

    def create_row(self, fields: dict[str, Any]) -> Rate:
        """Set a price."""
        return rates.save_rate(by=self.actor, **fields)

    def change_row(self, row: Rate, fields: dict[str, Any]) -> Rate:
        """Change a price."""
        return rates.save_rate(by=self.actor, rate=row, **fields)

    def delete_row(self, row: Rate) -> None:
        """Delete a price."""
        rates.delete_rate(rate=row, by=self.actor)


class ComputeEntrySerializer(ScopedModelSerializer):
    """Machine time in milliseconds, and its cost as exact text; empty while no rate is valid."""

    class Meta:
        model = ComputeEntry
        fields: ClassVar[list[str]] = [
            "id",
            "source",
            "title",
            "kind",
            "engagement",
            "milestone",
            "started_at",
            "ended_at",
            "machine",
            "cpu_ms",
            "gpu_ms",
            "machine_ms",
            "cost",
            "currency",
            "problem",
            "note",
            "corrected_at",
            "created_at",
        ]
        read_only_fields = fields


class ComputeWishSerializer(PlainSerializer):
    """Machine time that is booked or corrected by hand."""

    title = serializers.CharField(max_length=200)
    engagement = ScopedPrimaryKeyField(queryset=Engagement.objects.all(), required=False, allow_null=True)
    milestone = ScopedPrimaryKeyField(queryset=Milestone.objects.all(), required=False, allow_null=True)
    started_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField()
    machine = serializers.CharField(max_length=60, required=False, allow_blank=True)
    cpu_ms = serializers.IntegerField(min_value=0, max_value=MOST_MS, required=False)
    gpu_ms = serializers.IntegerField(min_value=0, max_value=MOST_MS, required=False)
    machine_ms = serializers.IntegerField(min_value=0, max_value=MOST_MS, required=False)
    note = serializers.CharField(max_length=300, required=False, allow_blank=True)


class ComputeFilter(ScopedFilterSet):
    """By whom it is for."""

    class Meta:
        model = ComputeEntry
        fields: ClassVar[list[str]] = ["engagement", "milestone", "source"]


class ComputeEntryViewSet(ReadRows):
    """Machine time: every job books its own once; other time is booked by hand."""

    queryset = ComputeEntry.objects.all()
    serializer_class = ComputeEntrySerializer
    filterset_class = ComputeFilter
    ordering_fields: ClassVar[list[str]] = ["started_at", "created_at"]

    @extend_schema(request=ComputeWishSerializer, responses={201: ComputeEntrySerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Book machine time by hand."""
        entry = compute.add_compute(by=self.actor, **self._wish(request, partial=False))
        return Response(self.get_serializer(entry).data, status=201)

    @extend_schema(request=ComputeWishSerializer(partial=True), responses=ComputeEntrySerializer)
    @row_action("post")
    def correct(self, request: Request, pk: str) -> Response:
        """Correct a booking; what is not sent stays."""
        entry = compute.correct_compute(entry=self.get_object(), by=self.actor, **self._wish(request, partial=True))
        return Response(self.get_serializer(entry).data)

    def _wish(self, request: Request, *, partial: bool) -> dict[str, Any]:
        wish = ComputeWishSerializer(data=request.data, partial=partial, context=self.get_serializer_context())
        wish.is_valid(raise_exception=True)
        fields = dict(wish.validated_data)
        for name in ("cpu", "gpu", "machine"):
            if f"{name}_ms" in fields:
                fields[f"{name}_seconds"] = Decimal(fields.pop(f"{name}_ms")) / 1000
        return fields
