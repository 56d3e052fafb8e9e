"""Budgets and their alerts."""

from decimal import Decimal
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
    month = serializers.SerializerMethodField()
    actual = serializers.SerializerMethodField()
    percent = serializers.SerializerMethodField()
    left = serializers.SerializerMethodField()
    expected = serializers.SerializerMethodField()
    low = serializers.SerializerMethodField()
    high = serializers.SerializerMethodField()
    uncounted = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField(read_only=True)

    def get_fields(self) -> dict[str, serializers.Field]:
        """Keep a budget where it is once it exists."""
        fields = super().get_fields()
        view = self.context.get("view")
        if self.partial or getattr(view, "action", "") == "partial_update":
            fields["engagement"].read_only = fields["milestone"].read_only = True
        return fields

    @extend_schema_field(serializers.CharField(help_text="The month that counts, such as 2026-11; empty for a total."))
    def get_month(self, budget: Budget) -> str:
        """Say which month counts."""
        month: str = self._state(budget).month
        return month

    @extend_schema_field(serializers.IntegerField(help_text="How much of it is used."))
    def get_percent(self, budget: Budget) -> int:
        """Say how much is used, in whole per cent."""
        percent: int = self._state(budget).percent
        return percent

    @extend_schema_field(serializers.CharField(help_text="Below zero when it is exceeded."))
    def get_left(self, budget: Budget) -> str:
        """Say what is left."""
        return f"{self._state(budget).left:f}"

    @extend_schema_field(serializers.CharField(allow_null=True, help_text="low to high holds about 80 % of outcomes."))
    def get_low(self, budget: Budget) -> str | None:
        """Say where the expected range begins."""
        return _written(self._state(budget).low)

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_high(self, budget: Budget) -> str | None:
        """Say where the expected range ends."""
        return _written(self._state(budget).high)

    @extend_schema_field(serializers.CharField())
    def get_actual(self, budget: Budget) -> str:
        """Say what is used."""
        return f"{self._state(budget).actual:f}"

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_expected(self, budget: Budget) -> str | None:
        """Say what is expected; nothing where nothing was used lately."""
        return _written(self._state(budget).expected)

    @extend_schema_field(serializers.DictField(child=serializers.CharField()))
    def get_uncounted(self, budget: Budget) -> dict[str, str]:
        """Say what was spent in other currencies, which does not count."""
        return {currency: f"{amount:f}" for currency, amount in self._state(budget).uncounted}

    def _state(self, budget: Budget) -> Any:
        found = budget.__dict__.get("_state_of_today")
        if found is None:
            found = budget.__dict__["_state_of_today"] = state_of(budget, today=timezone.now().date())
        return found


def _written(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:f}"


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
