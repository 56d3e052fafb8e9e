"""Protocols: drafted, frozen, and the ledger of looks."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from evaluations import dispatch
from evaluations.models import DatasetVersion, EvaluationRun, Look, Protocol, TrainedModel, TrainingRun, Upload
from evaluations.queries.protocols import looks_left
from evaluations.queries.runs import is_sealed, shown_result
from evaluations.services import protocols, runs
from projects.api.base import (
    LINES,
    ChangeRows,
    CreateRows,
    PlainSerializer,
    ReadRows,
    ScopedFilterSet,
    ScopedModelSerializer,
    ScopedPrimaryKeyField,
    row_action,
)


class ProtocolSerializer(ScopedModelSerializer):
    """A protocol; while it is a draft its body may be changed."""

    looks_left = serializers.SerializerMethodField()
    body = serializers.DictField(required=False, help_text="The terms: see the user guide on protocols.")

    class Meta:
        model = Protocol
        fields: ClassVar[list[str]] = [
            "id",
            "milestone",
            "number",
            "dataset_version",
            "state",
            "body",
            "digest",
            "reason",
            "feasibility",
            "frozen_at",
            "looks_left",
            "job",
            "created_at",
        ]
        read_only_fields: ClassVar[list[str]] = [
            "id",
            "number",
            "state",
            "digest",
            "feasibility",
            "frozen_at",
            "job",
            "created_at",
        ]

    @extend_schema_field(int)
    def get_looks_left(self, protocol: Protocol) -> int:
        """Count what is left of the budget."""
        return looks_left(protocol)

    def get_fields(self) -> dict[str, serializers.Field]:
        """Fix the milestone once the draft exists."""
        fields: dict[str, serializers.Field] = super().get_fields()
        if self.instance is not None:
            fields["milestone"].read_only = True
        return fields


class FreezeSerializer(PlainSerializer):
    """The reason for a change; needed from the second version on."""

    reason = serializers.CharField(max_length=2000, required=False, allow_blank=True, style=LINES)


class TrainingSerializer(PlainSerializer):
    """Which recipes to try, for how long."""

    recipes = serializers.ListField(child=serializers.CharField(max_length=60), required=False, max_length=20)
    budget_seconds = serializers.IntegerField(min_value=5, max_value=3600, default=60)
    seed = serializers.IntegerField(min_value=0, max_value=2**31 - 1, default=0)


class LookSerializer(PlainSerializer):
    """What is judged on the acceptance rows: a model, or an uploaded file of predictions."""

    model = ScopedPrimaryKeyField(queryset=TrainedModel.objects.all(), required=False)
    upload = ScopedPrimaryKeyField(queryset=Upload.objects.all(), required=False)

    def validate(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Want exactly one of the two."""
        if len(fields) != 1:
            message = "Name either a model or an upload with predictions."
            raise serializers.ValidationError(message)
        return fields


class TrainingRunSerializer(ScopedModelSerializer):
    """A training run and what came out."""

    class Meta:
        model = TrainingRun
        fields: ClassVar[list[str]] = [
            "id",
            "protocol",
            "recipes",
            "budget_seconds",
            "seed",
            "result",
            "finished_at",
            "job",
            "created_at",
        ]
        read_only_fields = fields


class TrainedModelSerializer(ScopedModelSerializer):
    """A trained model with its scores on the folds."""

    artifact_sha256 = serializers.CharField(source="artifact.sha256", default=None, read_only=True)

    class Meta:
        model = TrainedModel
        fields: ClassVar[list[str]] = [
            "id",
            "run",
            "recipe",
            "title",
            "artifact_sha256",
            "facts",
            "scores",
            "proposed",
            "created_at",
        ]
        read_only_fields = fields


class RunSerializer(ScopedModelSerializer):
    """An evaluation; a spare look that did not pass tells one bit only."""

    sealed = serializers.SerializerMethodField()
    verdict = serializers.SerializerMethodField()
    result = serializers.SerializerMethodField()
    digest = serializers.SerializerMethodField()
    look = serializers.IntegerField(source="look.number", default=None, read_only=True)

    class Meta:
        model = EvaluationRun
        fields: ClassVar[list[str]] = [
            "id",
            "protocol",
            "model",
            "predictions",
            "look",
            "sealed",
            "verdict",
            "result",
            "digest",
            "finished_at",
            "job",
            "created_at",
        ]
        read_only_fields = fields

    @extend_schema_field(bool)
    def get_sealed(self, run: EvaluationRun) -> bool:
        """Say whether the details are still sealed."""
        return is_sealed(run)

    @extend_schema_field(str)
    def get_verdict(self, run: EvaluationRun) -> str:
        """Tell the verdict, or only that it is not a pass."""
        return "not_pass" if is_sealed(run) else run.verdict

    @extend_schema_field(serializers.DictField(allow_null=True))
    def get_result(self, run: EvaluationRun) -> dict[str, Any] | None:
        """Give the result as far as it may be shown."""
        return shown_result(run)

    @extend_schema_field(str)
    def get_digest(self, run: EvaluationRun) -> str:
        """Give the hash of the whole result, by which a sealed one can be checked later."""
        return run.digest


class LookEntrySerializer(ScopedModelSerializer):
    """One entry of the ledger of looks."""

    class Meta:
        model = Look
        fields: ClassVar[list[str]] = ["id", "protocol", "number", "run", "by_name", "created_at"]
        read_only_fields = fields


class ProtocolFilter(ScopedFilterSet):
    """Filters of the list of protocols."""

    class Meta:
        model = Protocol
        fields: ClassVar[list[str]] = ["milestone", "state"]


class ProtocolViewSet(CreateRows, ChangeRows, ReadRows):
    """Protocols: POST begins a draft, PATCH edits it, freeze sets the acceptance rows aside."""

    queryset = Protocol.objects.select_related("milestone", "dataset_version").prefetch_related("looks")
    serializer_class = ProtocolSerializer
    filterset_class = ProtocolFilter
    ordering_fields: ClassVar[list[str]] = ["number", "created_at"]

    def create_row(self, fields: dict[str, Any]) -> Protocol:
        """Begin a draft, or return the one that is open, with the sent terms."""
        draft = protocols.draft_protocol(milestone=fields.pop("milestone"), by=self.actor)
        return self.change_row(draft, fields) if fields else draft

    def change_row(self, row: Protocol, fields: dict[str, Any]) -> Protocol:
        """Edit a draft."""
        version: DatasetVersion | None = fields.get("dataset_version")
        return protocols.edit_protocol(
            protocol=row,
            body=fields.get("body", row.body),
            dataset_version=version,
            reason=fields.get("reason", ""),
            by=self.actor,
        )

    @extend_schema(request=FreezeSerializer, responses=ProtocolSerializer)
    @row_action("POST", FreezeSerializer)
    def freeze(self, request: Request, **kwargs: Any) -> Response:
        """Check the draft against its rows and have the acceptance rows set aside."""
        protocol: Protocol = self.get_object()
        wish = self.get_serializer(data=request.data)
        wish.is_valid(raise_exception=True)
        frozen = dispatch.freeze_protocol(
            protocol=protocol, by=self.actor, reason=wish.validated_data.get("reason", "")
        )
        return Response(ProtocolSerializer(frozen, context=self.get_serializer_context()).data)

    @extend_schema(request=TrainingSerializer, responses={201: TrainingRunSerializer})
    @row_action("POST", TrainingSerializer)
    def train(self, request: Request, **kwargs: Any) -> Response:
        """Train on the development rows."""
        protocol: Protocol = self.get_object()
        wish = self.get_serializer(data=request.data)
        wish.is_valid(raise_exception=True)
        run = dispatch.start_training(protocol=protocol, by=self.actor, **wish.validated_data)
        return Response(TrainingRunSerializer(run, context=self.get_serializer_context()).data, status.HTTP_201_CREATED)

    @extend_schema(request=LookSerializer, responses={201: RunSerializer})
    @row_action("POST", LookSerializer)
    def look(self, request: Request, **kwargs: Any) -> Response:
        """Judge a model or a file of predictions on the acceptance rows; charged against the budget."""
        protocol: Protocol = self.get_object()
        wish = self.get_serializer(data=request.data)
        wish.is_valid(raise_exception=True)
        run = dispatch.start_look(protocol=protocol, by=self.actor, **wish.validated_data)
        return Response(RunSerializer(run, context=self.get_serializer_context()).data, status.HTTP_201_CREATED)

    @extend_schema(request=None, responses=ProtocolSerializer)
    @row_action("POST")
    def close_looks(self, request: Request, **kwargs: Any) -> Response:
        """Give up the spare looks, so that the details of those taken may be read."""
        protocol = runs.close_looks(protocol=self.get_object(), by=self.actor)
        return Response(ProtocolSerializer(protocol, context=self.get_serializer_context()).data)


class TrainingRunFilter(ScopedFilterSet):
    """Filters of the list of training runs."""

    class Meta:
        model = TrainingRun
        fields: ClassVar[list[str]] = ["protocol"]


class TrainingRunViewSet(ReadRows):
    """Training runs."""

    queryset = TrainingRun.objects.all()
    serializer_class = TrainingRunSerializer
    filterset_class = TrainingRunFilter
    ordering_fields: ClassVar[list[str]] = ["created_at"]


class TrainedModelFilter(ScopedFilterSet):
    """Filters of the list of models."""

    class Meta:
        model = TrainedModel
        fields: ClassVar[list[str]] = ["run", "run__protocol", "proposed"]


class TrainedModelViewSet(ReadRows):
    """Trained models."""

    queryset = TrainedModel.objects.select_related("artifact")
    serializer_class = TrainedModelSerializer
    filterset_class = TrainedModelFilter
    ordering_fields: ClassVar[list[str]] = ["created_at", "recipe"]


class RunFilter(ScopedFilterSet):
    """Filters of the list of evaluations."""

    class Meta:
        model = EvaluationRun
        fields: ClassVar[list[str]] = ["protocol", "model"]


class RunViewSet(ReadRows):
    """Evaluations and their verdicts."""

    queryset = EvaluationRun.objects.select_related("protocol", "look").prefetch_related("protocol__looks")
    serializer_class = RunSerializer
    filterset_class = RunFilter
    ordering_fields: ClassVar[list[str]] = ["created_at", "finished_at"]


class LedgerFilter(ScopedFilterSet):
    """Filters of the ledger."""

    class Meta:
        model = Look
        fields: ClassVar[list[str]] = ["protocol"]


class LedgerViewSet(ReadRows):
    """The ledger of looks; it is only ever added to."""

    queryset = Look.objects.all()
    serializer_class = LookEntrySerializer
    filterset_class = LedgerFilter
    ordering_fields: ClassVar[list[str]] = ["number", "created_at"]
