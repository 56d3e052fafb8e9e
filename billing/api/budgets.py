"""Budgets and their alerts."""

from typing import Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from billing.models import Budget, BudgetAlert
from billing.queries.budgets import state_of
from billing.services import budgets
from projects.api.base import (
    ChangeRows,
    CreateRows,
    DeleteRows,
    PlainSerializer,
    ReadRows,
    ScopedFilterSet,
    ScopedModelSerializer,
    ScopedPrimaryKeyField,
)
from projects.models import Engagement, Milestone


class BudgetSerializer(PlainSerializer):
    """A budget with what is used of it and what is expected by the month's end; amounts are texts."""

    id = serializers.UUIDField(read_only=True)
    engagement = ScopedPrimaryKeyField(queryset=Engagement.objects.all())
    milestone = ScopedPrimaryKeyField(queryset=Milestone.objects.all(), required=False, allow_null=True)
    span = serializers.ChoiceField(Budget.Span.choices, required=False)
    amount_minor = serializers.IntegerField(min_value=1, max_value=10**15)
    currency = serializers.CharField(min_length=3, max_length=3)
    actual = serializers.SerializerMethodField()
    expected = serializers.SerializerMethodField()
    uncounted = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField(read_only=True)

    def get_fields(self) -> dict[str, serializers.Field]:
        """Keep a budget where it is once it exists."""
        fields = super().get_fields()
        view = self.context.get("view")
        if self.partial or getattr(view, "action", "") == "partial_update":
            fields["engagement"].read_only = fields["milestone"].read_only = True
        return fields

    @extend_schema_field(serializers.CharField())
    def get_actual(self, budget: Budget) -> str:
        """Say what is used."""
        return f"{self._state(budget).actual:f}"

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_expected(self, budget: Budget) -> str | None:
        """Say what is expected; nothing where nothing was used lately."""
        expected = self._state(budget).expected
        return None if expected is None else f"{expected:f}"

    @extend_schema_field(serializers.DictField(child=serializers.CharField()))
    def get_uncounted(self, budget: Budget) -> dict[str, str]:
        """Say what was spent in other currencies, which does not count."""
        return {currency: f"{amount:f}" for currency, amount in self._state(budget).uncounted}

    def _state(self, budget: Budget) -> Any:
        found = budget.__dict__.get("_state_of_today")
        if found is None:
            found = budget.__dict__["_state_of_today"] = state_of(budget, today=timezone.now().date())
        return found


class BudgetFilter(ScopedFilterSet):
    """By engagement and milestone."""

    class Meta:
        model = Budget
        fields: ClassVar[list[str]] = ["engagement", "milestone"]


class BudgetViewSet(CreateRows, ChangeRows, DeleteRows, ReadRows):
    """Budgets for machine time and cloud spend together."""

    queryset = Budget.objects.select_related("engagement", "milestone")
    serializer_class = BudgetSerializer
    filterset_class = BudgetFilter
    ordering_fields: ClassVar[list[str]] = ["created_at"]

    def create_row(self, fields: dict[str, Any]) -> Budget:
        """Set a budget."""
        return budgets.save_budget(by=self.actor, **fields)

    def change_row(self, row: Budget, fields: dict[str, Any]) -> Budget:
        """Change a budget."""
        return budgets.save_budget(by=self.actor, budget=row, **fields)

    def delete_row(self, row: Budget) -> None:
        """Delete a budget."""
        budgets.delete_budget(budget=row, by=self.actor)


class BudgetAlertSerializer(ScopedModelSerializer):
    """A threshold that was reached."""

    class Meta:
        model = BudgetAlert
        fields: ClassVar[list[str]] = ["id", "budget", "month", "basis", "threshold", "amount", "created_at"]
        read_only_fields = fields


class BudgetAlertFilter(ScopedFilterSet):
    """By budget."""

    class Meta:
        model = BudgetAlert
        fields: ClassVar[list[str]] = ["budget"]


class BudgetAlertViewSet(ReadRows):
    """Alerts, each told once."""

    queryset = BudgetAlert.objects.all()
    serializer_class = BudgetAlertSerializer
    filterset_class = BudgetAlertFilter
    ordering_fields: ClassVar[list[str]] = ["created_at"]
