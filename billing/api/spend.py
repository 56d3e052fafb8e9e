"""The explorer for programs: sums by any dimension, the lines, and costs beside fees."""

from typing import ClassVar

from django.http import StreamingHttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from billing.forms.spend import BASES, read_question, unknown_parameters
from billing.queries.costs import engagement_cost, milestone_cost
from billing.queries.lines import FORMATS, find_lines, written
from billing.queries.narrowing import COLUMNS, ITEM_COLUMNS, Question
from billing.queries.spend import explore
from projects.api.base import ActorViewSet, PlainSerializer, ScopedPrimaryKeyField
from projects.api.problems import ApiProblemError
from projects.models import Engagement, Milestone

LINES = 100
QUERY = [
    OpenApiParameter("by", str, description="What to group by: " + ", ".join(COLUMNS) + ", engagement or tag:KEY."),
    OpenApiParameter("basis", str, enum=BASES, description="Billed (cash) or effective (prepayments spread)."),
    OpenApiParameter("currency", str, description="One currency; else the one with most lines."),
    OpenApiParameter("from", str, description="First month, such as 2026-01."),
    OpenApiParameter("to", str, description="Last month."),
    OpenApiParameter("engagement", str, description="An id, unallocated or overhead."),
    *(OpenApiParameter(name, str, description="Only this value.") for name in (*COLUMNS, *ITEM_COLUMNS)),
]


class GroupSerializer(PlainSerializer):
    """One value of the dimension."""

    key = serializers.CharField(allow_blank=True)
    name = serializers.CharField(allow_blank=True)
    gross = serializers.CharField()
    credits = serializers.CharField()
    net = serializers.CharField()
    rows = serializers.IntegerField()
    months = serializers.DictField(child=serializers.CharField())


@extend_schema_serializer(many=False)
class ExplorationSerializer(PlainSerializer):
    """Sums by month and dimension; amounts are texts, unallocated money stands first."""

    by = serializers.CharField()
    basis = serializers.CharField()
    currency = serializers.CharField(allow_blank=True)
    currencies = serializers.ListField(child=serializers.CharField(allow_blank=True))
    months = serializers.ListField(child=serializers.DateField())
    gross = serializers.CharField()
    credits = serializers.CharField()
    net = serializers.CharField()
    unallocated = serializers.CharField()
    rows = serializers.IntegerField()
    groups = GroupSerializer(many=True)


class LineSerializer(PlainSerializer):
    """One line of a bill, every amount as its exact text."""

    source = serializers.UUIDField(source="source_id")  # type: ignore[assignment]  # the wire's word
    row = serializers.IntegerField()
    provider = serializers.CharField(allow_blank=True)
    billing_account = serializers.CharField(allow_blank=True)
    sub_account = serializers.CharField(allow_blank=True)
    service = serializers.CharField(allow_blank=True)
    category = serializers.CharField(allow_blank=True)
    region = serializers.CharField(allow_blank=True)
    resource = serializers.CharField(allow_blank=True)
    sku = serializers.CharField(allow_blank=True)
    description = serializers.CharField(allow_blank=True)
    usage_start = serializers.DateTimeField(allow_null=True)
    period_start = serializers.DateField(allow_null=True)
    tags = serializers.CharField(allow_blank=True)
    billed = serializers.CharField(allow_null=True)
    effective = serializers.CharField(allow_null=True)
    list_cost = serializers.CharField(allow_null=True)
    contracted = serializers.CharField(allow_null=True)
    credits = serializers.CharField(allow_null=True)
    currency = serializers.CharField(allow_blank=True)
    rule = serializers.UUIDField(source="rule_id", allow_null=True)


class LinesSerializer(PlainSerializer):
    """Some lines and how many there are."""

    count = serializers.IntegerField()
    results = LineSerializer(many=True)


class CurrencyCostSerializer(PlainSerializer):
    """Costs in one currency."""

    currency = serializers.CharField()
    compute = serializers.CharField()
    cloud = serializers.CharField()
    total = serializers.CharField()


class CostSerializer(PlainSerializer):
    """What an engagement or a milestone has cost."""

    costs = CurrencyCostSerializer(many=True)
    cpu_hours = serializers.CharField()
    gpu_hours = serializers.CharField()
    bookings = serializers.IntegerField()
    unpriced = serializers.IntegerField()


class CostWishSerializer(PlainSerializer):
    """Whose costs: one of the two."""

    engagement = ScopedPrimaryKeyField(queryset=Engagement.objects.all(), required=False)
    milestone = ScopedPrimaryKeyField(queryset=Milestone.objects.all(), required=False)


class SpendViewSet(ActorViewSet):
    """Where the money went."""

    serializer_class = ExplorationSerializer
    list_parameters: ClassVar[tuple[str, ...]] = tuple(parameter.name for parameter in QUERY)
    pagination_class = None

    @extend_schema(parameters=QUERY, responses=ExplorationSerializer)
    def list(self, request: Request) -> Response:
        """Sum spend by month and a dimension."""
        return Response(explore(self.actor, self._question(request)).to_dict())

    def _refuse_unknown_parameters(self, request: Request) -> None:
        """Leave it to the question, which takes tags by their keys too."""

    @extend_schema(
        parameters=[*QUERY, OpenApiParameter("start", int, description="How many lines to leave out.")],
        responses=LinesSerializer,
    )
    @action(detail=False, methods=["get"])
    def lines(self, request: Request) -> Response:
        """Read the lines behind the sums, 100 at a time, the latest month first."""
        question = self._question(request, "start")
        start = request.query_params.get("start", "0")
        if not (start.isascii() and start.isdigit() and len(start) < 10):  # noqa: PLR2004  # what a number of lines may have
            raise ApiProblemError("invalid-input", "start is a number of lines, 0 or more.")
        found = find_lines(self.actor, question)
        lines = found.some(start=int(start), size=LINES)
        return Response({"count": found.total, "results": LineSerializer(lines, many=True).data})

    @extend_schema(
        parameters=[*QUERY, OpenApiParameter("form", str, enum=["csv", "focus"])],
        responses={(200, "text/csv"): OpenApiResponse(OpenApiTypes.STR)},
    )
    @action(detail=False, methods=["get"])
    def export(self, request: Request) -> StreamingHttpResponse:
        """Write the lines out, as CSV or as FOCUS 1.3."""
        question = self._question(request, "form")
        form = request.query_params.get("form", "csv")
        if form not in FORMATS:
            raise ApiProblemError("invalid-input", "form is csv or focus.")
        answer = StreamingHttpResponse(written(self.actor, question, form), content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = f'attachment; filename="spend-{form}.csv"'
        return answer

    @extend_schema(
        parameters=[OpenApiParameter(name, OpenApiTypes.UUID) for name in ("engagement", "milestone")],
        responses=CostSerializer,
    )
    @action(detail=False, methods=["get"])
    def costs(self, request: Request) -> Response:
        """Sum what one engagement or milestone has cost, in machine time and in the cloud."""
        wish = CostWishSerializer(data=request.query_params.dict(), context=self.get_serializer_context())
        wish.is_valid(raise_exception=True)
        if len(wish.validated_data) != 1:
            raise ApiProblemError("invalid-input", "Name one engagement, or one milestone.")
        milestone = wish.validated_data.get("milestone")
        if milestone is not None:
            return Response(milestone_cost(milestone).to_dict())
        mine = Engagement.objects.visible_to(self.actor)
        return Response(engagement_cost(get_object_or_404(mine, pk=wish.validated_data["engagement"].pk)).to_dict())

    def _question(self, request: Request, *more: str) -> Question:
        unknown = [name for name in unknown_parameters(request.query_params) if name not in more]
        if unknown:
            raise ApiProblemError("unknown-parameter", f"Unknown: {unknown[0][:80]!r}. See the schema.")
        return read_question(request.query_params.dict())
