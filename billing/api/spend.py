"""The explorer for programs: sums by any dimension, the lines, and costs beside fees."""

from collections.abc import Sequence
from typing import ClassVar

from django.http import StreamingHttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from billing.forms.spend import BASES, faults_in, read_question, unknown_parameters
from billing.models import BillImport, Charge
from billing.queries.costs import engagement_cost, milestone_cost
from billing.queries.lines import FORMATS, find_lines, written
from billing.queries.narrowing import COLUMNS, ITEM_COLUMNS, Question
from billing.queries.rules import allocating, reasons_for
from billing.queries.spend import currencies_of, current_forecast, explore
from projects.api.base import ActorViewSet, PlainSerializer, ScopedPrimaryKeyField
from projects.api.problems import ApiProblemError
from projects.models import Engagement, Milestone

LINES = 100
QUERY = [
    OpenApiParameter(
        "by",
        str,
        description="What to group by: "
        + ", ".join(COLUMNS)
        + ", engagement or tag:KEY; else service. A filter by a tag is a parameter tag:KEY=value.",
    ),
    OpenApiParameter("basis", str, enum=BASES, description="Billed (cash) or effective (prepayments spread)."),
    OpenApiParameter("currency", str, description="One currency; else the one with most lines."),
    OpenApiParameter("from", str, description="First month, such as 2026-01; without from and to, see each address."),
    OpenApiParameter("to", str, description="Last month."),
    OpenApiParameter("engagement", str, description="An id, unallocated or overhead."),
    *(OpenApiParameter(name, str, description="Only this value.") for name in (*COLUMNS, *ITEM_COLUMNS)),
]


class GroupSerializer(PlainSerializer):
    """One value of the dimension."""

    key = serializers.CharField(
        allow_blank=True,
        help_text="What to filter by; by engagement its id, unallocated or overhead; empty: not named.",
    )
    name = serializers.CharField(allow_blank=True)
    gross = serializers.CharField(help_text="Without credits.")
    credits = serializers.CharField(help_text="Zero or below.")
    net = serializers.CharField(help_text="Gross and credits together.")
    rows = serializers.IntegerField(help_text="Lines that are shared count in each group that has a part of them.")
    months = serializers.DictField(child=serializers.CharField())


@extend_schema_serializer(many=False)
class ExplorationSerializer(PlainSerializer):
    """Sums by month and dimension; unallocated money stands first.

    Amounts are texts with nine places, to which each line is rounded; all digits of a bill stand in its sums.
    """

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
    allocating = serializers.UUIDField(
        allow_null=True, help_text="The job that lets the lines follow the rules; null: they have."
    )
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
    tags = serializers.CharField(allow_blank=True, help_text="An object of JSON as a text; empty: none.")
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


class ForecastSerializer(PlainSerializer):
    """The month of the newest lines: its cost so far and at its end; null where no line is recent."""

    currency = serializers.CharField(allow_blank=True)
    month = serializers.DateField(allow_null=True)
    through = serializers.DateField(allow_null=True, help_text="The last day whose cost is known.")
    actual = serializers.CharField(allow_null=True)
    expected = serializers.CharField(allow_null=True)
    low = serializers.CharField(allow_null=True, help_text="low to high holds about 80 % of outcomes.")
    high = serializers.CharField(allow_null=True)
    days_left = serializers.IntegerField(allow_null=True)


class ReasonSerializer(PlainSerializer):
    """Why a rule took a line, or did not."""

    rule = serializers.CharField(source="rule.key")
    matched = serializers.BooleanField()
    sentence = serializers.CharField()


class LineWishSerializer(PlainSerializer):
    """Which line, as the lines name it."""

    source = ScopedPrimaryKeyField(queryset=BillImport.objects.all())  # type: ignore[assignment]  # the wire's word
    row = serializers.IntegerField(min_value=1, max_value=2**31 - 1)


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
        """Sum spend by month and a dimension; without from and to, the last twelve months that hold anything."""
        found = explore(self.actor, self._question(request)).to_dict()
        job = allocating(self.actor)
        return Response(found | {"allocating": str(job.pk) if job else None})

    @extend_schema(
        parameters=[OpenApiParameter("currency", str, description="Else the one with most lines.")],
        responses=ForecastSerializer,
    )
    @action(detail=False, methods=["get"])
    def forecast(self, request: Request) -> Response:
        """Say where the month of the newest lines will end, over all spend in one currency."""
        unknown = sorted(set(request.query_params) - {"currency"})
        if unknown:
            raise ApiProblemError("unknown-parameter", f"Unknown: {unknown[0][:80]!r}. This takes currency.")
        known = [code for code, *_ in currencies_of(self.actor)]
        currency = self._stored(request, known) or next(iter(known), "")
        found = current_forecast(self.actor, currency)
        names = ("month", "through", "actual", "expected", "low", "high", "days_left")
        return Response(
            ForecastSerializer({name: getattr(found, name, None) for name in names} | {"currency": currency}).data
        )

    @extend_schema(
        parameters=[
            OpenApiParameter("source", OpenApiTypes.UUID, required=True, description="The file of the line."),
            OpenApiParameter("row", int, required=True, description="Its row in the file."),
        ],
        responses=ReasonSerializer(many=True),
    )
    @action(detail=False, methods=["get"])
    def reasons(self, request: Request) -> Response:
        """Say rule by rule, in their order, why a line belongs where it does; the first that matched has it."""
        wish = LineWishSerializer(data=request.query_params.dict(), context=self.get_serializer_context())
        wish.is_valid(raise_exception=True)
        line = get_object_or_404(Charge.objects.visible_to(self.actor), **wish.validated_data)
        return Response(ReasonSerializer(reasons_for(line, self.actor.workspace), many=True).data)

    def _refuse_unknown_parameters(self, request: Request) -> None:
        """Leave it to the question, which takes tags by their keys too."""

    @extend_schema(
        parameters=[*QUERY, OpenApiParameter("start", int, description="How many lines to leave out.")],
        responses=LinesSerializer,
    )
    @action(detail=False, methods=["get"])
    def lines(self, request: Request) -> Response:
        """Read the lines behind the sums, 100 at a time, the latest month first; without from and to, of all months."""
        question = self._question(request, "start")
        start = request.query_params.get("start", "0")
        if not (start.isascii() and start.isdigit() and len(start) < 10):  # noqa: PLR2004  # what a number of lines may have
            raise ValidationError({"start": ["A number of lines to leave out, 0 or more."]})
        found = find_lines(self.actor, question)
        lines = found.some(start=int(start), size=LINES)
        return Response({"count": found.total, "results": LineSerializer(lines, many=True).data})

    @extend_schema(
        parameters=[*QUERY, OpenApiParameter("form", str, enum=["csv", "focus"])],
        responses={(200, "text/csv"): OpenApiResponse(OpenApiTypes.STR)},
    )
    @action(detail=False, methods=["get"])
    def export(self, request: Request) -> StreamingHttpResponse:
        """Write the lines out, as CSV or as FOCUS 1.3; without from and to, of all months."""
        question = self._question(request, "form")
        form = request.query_params.get("form", "csv")
        if form not in FORMATS:
            raise ValidationError({"form": [f"Choose one of: {', '.join(FORMATS)}."]})
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
        params = request.query_params.dict()
        if faults := faults_in(params):
            raise ValidationError({name: [sentence] for name, sentence in faults.items()})
        if params.get("currency"):
            self._stored(request, [code for code, *_ in currencies_of(self.actor)])
        return read_question(params)

    def _stored(self, request: Request, known: Sequence[str]) -> str:
        """Take a currency that was asked for; another one than meant would be answered with other money."""
        wished = request.query_params.get("currency", "")
        if wished and wished not in known:
            stored = ", ".join(known) or "nothing yet"
            raise ValidationError({"currency": [f"Nothing is stored in “{wished[:16]}”. Stored: {stored}."]})
        return wished
