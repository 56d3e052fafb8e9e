"""Change orders: logged, marked, priced, sent, withdrawn."""

from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from projects.api.base import (
    LINES,
    CreateRows,
    PlainSerializer,
    ReadRows,
    ScopedFilterSet,
    ScopedModelSerializer,
    row_action,
)
from projects.api.shares import SendSerializer, WithAddress, draw_files, file_of, send_document
from projects.models import ChangeOrder
from projects.services import change_orders


class ChangeOrderSerializer(ScopedModelSerializer):
    """A change order; what was requested and what was agreed stand apart."""

    state = serializers.CharField(
        read_only=True, help_text="The status, expired, or unpriced; in (scope) and done for what costs nothing."
    )
    currency = serializers.CharField(source="engagement.currency", read_only=True)
    asked_on = serializers.DateField(required=False)
    lines = serializers.ListField(child=serializers.DictField(), read_only=True)
    body = serializers.DictField(read_only=True, allow_null=True, help_text="What was frozen when it was sent.")

    class Meta:
        model = ChangeOrder
        fields = [
            "id",
            "engagement",
            "number",
            "wish",
            "asked_by",
            "asked_on",
            "fit",
            "status",
            "state",
            "what",
            "why",
            "lines",
            "days",
            "expires_on",
            "currency",
            "requested_minor",
            "agreed_minor",
            "body",
            "digest",
            "sent_at",
            "decided_at",
            "done_at",
            "done_by",
            "result",
            "created_at",
        ]
        read_only_fields = [
            "id",
            "number",
            "status",
            "what",
            "why",
            "days",
            "expires_on",
            "requested_minor",
            "agreed_minor",
            "digest",
            "sent_at",
            "decided_at",
            "done_at",
            "done_by",
            "result",
            "created_at",
        ]


class MarkSerializer(PlainSerializer):
    """In or out of scope."""

    fit = serializers.ChoiceField(choices=ChangeOrder.Fit.choices)


class DoneSerializer(PlainSerializer):
    """Done, or open again."""

    done = serializers.BooleanField(required=False, default=True)


class PriceLineSerializer(PlainSerializer):
    """One price line; an empty milestone makes a new one."""

    id = serializers.CharField(required=False, max_length=60)
    text = serializers.CharField(max_length=200)
    amount_minor = serializers.IntegerField(
        min_value=-change_orders.LARGEST, max_value=change_orders.LARGEST, help_text="Negative gives money back."
    )
    milestone = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=200, help_text="Id of a milestone in the scope."
    )


class PriceSerializer(PlainSerializer):
    """What a change is, why it is one, what it costs and how long it takes."""

    what = serializers.CharField(style=LINES)
    why = serializers.CharField(style=LINES)
    lines = PriceLineSerializer(many=True)
    days = serializers.IntegerField(
        required=False, default=0, min_value=-change_orders.MOST_DAYS, max_value=change_orders.MOST_DAYS
    )
    expires_on = serializers.DateField()


class ApprovalSerializer(PlainSerializer):
    """How the client approved by other means, and what was agreed per line where it differs."""

    reason = serializers.CharField(max_length=500, style=LINES)
    amounts = serializers.DictField(
        child=serializers.IntegerField(min_value=-change_orders.LARGEST, max_value=change_orders.LARGEST),
        required=False,
    )


class WithdrawSerializer(PlainSerializer):
    """Why a change is taken back."""

    reason = serializers.CharField(required=False, default="", max_length=500, allow_blank=True, style=LINES)


class FiguresSerializer(PlainSerializer):
    """What a contract costs, when it ends, and its milestones."""

    price_minor = serializers.IntegerField()
    ends_on = serializers.CharField(allow_blank=True)
    milestones = serializers.ListField(
        child=serializers.DictField(), help_text="Each with id, title, due_on and amount_minor."
    )


class ChangeCheckSerializer(PlainSerializer):
    """What keeps a change from being sent, and what it does to the contract."""

    missing = serializers.ListField(child=serializers.CharField(), help_text="Empty: it can be sent.")
    before = FiguresSerializer(allow_null=True, help_text="Null while no scope is signed.")
    after = FiguresSerializer(allow_null=True, help_text="Null while the change has no price, or its lines do not fit.")


class SentOrderSerializer(WithAddress, ChangeOrderSerializer):
    """A change order on its way, with the address of its link."""

    class Meta(ChangeOrderSerializer.Meta):
        fields = [*ChangeOrderSerializer.Meta.fields, "address"]


class ChangeOrderFilter(ScopedFilterSet):
    """By engagement, status and fit."""

    class Meta:
        model = ChangeOrder
        fields: ClassVar[list[str]] = ["engagement", "status", "fit"]


class ChangeOrderViewSet(CreateRows, ReadRows):
    """Requests and change orders; the client answers through a share link."""

    queryset = ChangeOrder.objects.select_related("engagement__client__workspace")
    serializer_class = ChangeOrderSerializer
    filterset_class = ChangeOrderFilter
    search_fields = ["wish"]
    ordering_fields = ["asked_on", "created_at"]
    takes_idempotency_key = False  # the answer of send holds the link's token, which is kept nowhere

    def create_row(self, fields: dict[str, Any]) -> ChangeOrder:
        """Note in one line what somebody asked for."""
        return change_orders.log_request(by=self.actor, **fields)

    @extend_schema(request=MarkSerializer, responses=ChangeOrderSerializer)
    @row_action("post")
    def mark(self, request: Request, pk: str) -> Response:
        """Say whether the request is in or out of scope."""
        found, wish = self.get_object(), _valid(MarkSerializer, request)
        return self._shown(change_orders.mark_request(order=found, by=self.actor, **wish))

    @extend_schema(request=DoneSerializer, responses=ChangeOrderSerializer)
    @row_action("post")
    def finish(self, request: Request, pk: str) -> Response:
        """Say that an in-scope request is done, or open it again."""
        found, wish = self.get_object(), _valid(DoneSerializer, request)
        return self._shown(change_orders.finish_request(order=found, by=self.actor, **wish))

    @extend_schema(request=PriceSerializer, responses=ChangeOrderSerializer)
    @row_action("post")
    def price(self, request: Request, pk: str) -> Response:
        """Price the change; again until it is sent."""
        found, wish = self.get_object(), _valid(PriceSerializer, request)
        return self._shown(change_orders.price_order(order=found, by=self.actor, **wish))

    @extend_schema(responses=ChangeCheckSerializer)
    @row_action("get")
    def check(self, request: Request, pk: str) -> Response:
        """Say what is missing before the change can be sent, and what it does to the contract."""
        return Response(ChangeCheckSerializer(change_orders.check_order(self.get_object())).data)

    @draw_files("pdf")
    def file(self, request: Request, pk: str, form: str) -> HttpResponse:
        """Download a change order as it was sent."""
        return file_of(self, form)

    @extend_schema(request=SendSerializer, responses=SentOrderSerializer)
    @row_action("post")
    def send(self, request: Request, pk: str) -> Response:
        """Freeze the change and make a link for the client; its address is in this answer only."""
        return send_document(self, request, SentOrderSerializer)

    @extend_schema(request=ApprovalSerializer, responses=ChangeOrderSerializer)
    @row_action("post")
    def record_approval(self, request: Request, pk: str) -> Response:
        """Record an approval that came by other means."""
        found, wish = self.get_object(), _valid(ApprovalSerializer, request)
        return self._shown(change_orders.record_approval(order=found, by=self.actor, **wish))

    @extend_schema(request=WithdrawSerializer, responses=ChangeOrderSerializer)
    @row_action("post")
    def withdraw(self, request: Request, pk: str) -> Response:
        """Take the change back."""
        found, wish = self.get_object(), _valid(WithdrawSerializer, request)
        return self._shown(change_orders.withdraw_order(order=found, by=self.actor, **wish))

    def _shown(self, row: ChangeOrder) -> Response:
        return Response(self.get_serializer(row).data)


def _valid(kind: type[serializers.Serializer], request: Request) -> dict[str, Any]:
    wish = kind(data=request.data)
    wish.is_valid(raise_exception=True)
    found: dict[str, Any] = wish.validated_data
    return found
