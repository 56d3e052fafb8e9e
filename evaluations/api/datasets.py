"""Datasets, their versions and columns."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from evaluations import dispatch
from evaluations.models import Column, Dataset, DatasetVersion, Upload
from evaluations.services import datasets
from projects.api.base import (
    AS_IT_IS,
    ChangeRows,
    CreateRows,
    PlainSerializer,
    ReadRows,
    ScopedFilterSet,
    ScopedModelSerializer,
    ScopedPrimaryKeyField,
    row_action,
)


class DatasetSerializer(ScopedModelSerializer):
    """A dataset: where it comes from and by what right it is used."""

    class Meta:
        model = Dataset
        fields: ClassVar[list[str]] = [
            "id",
            "name",
            "engagement",
            "source",
            "owner",
            "licence",
            "lawful_basis",
            "retention_on",
            "target",
            "created_at",
        ]
        read_only_fields: ClassVar[list[str]] = ["id", "created_at"]
        extra_kwargs: ClassVar[dict[str, Any]] = {"target": {"style": AS_IT_IS}}


class DatasetFilter(ScopedFilterSet):
    """Filters of the list of datasets."""

    class Meta:
        model = Dataset
        fields: ClassVar[list[str]] = ["engagement"]


class VersionSerializer(ScopedModelSerializer):
    """A version: how its file was read, its figures and what is wrong with it."""

    original_sha256 = serializers.CharField(source="original.sha256", default=None, read_only=True)
    table_sha256 = serializers.CharField(source="table.sha256", default=None, read_only=True)

    class Meta:
        model = DatasetVersion
        fields: ClassVar[list[str]] = [
            "id",
            "dataset",
            "number",
            "file_name",
            "state",
            "rows",
            "column_count",
            "original_sha256",
            "table_sha256",
            "options",
            "report",
            "profile",
            "findings",
            "job",
            "created_at",
        ]
        read_only_fields = fields


class NewVersionSerializer(PlainSerializer):
    """A finished upload to be read as the next version."""

    upload = ScopedPrimaryKeyField(queryset=Upload.objects.all())
    options = serializers.DictField(required=False, help_text="How to read the file, where the guess would be wrong.")


class ReadingSerializer(PlainSerializer):
    """Corrections of how a file is read."""

    options = serializers.DictField(help_text="See the questions and choices in the version's report.")


class QuestionSerializer(PlainSerializer):
    """What is to be predicted, for the audit."""

    target = serializers.CharField(max_length=255, style=AS_IT_IS)
    positive = serializers.CharField(max_length=255, required=False, style=AS_IT_IS)
    task = serializers.ChoiceField(["binary", "multiclass", "regression", "text"], required=False)
    group = serializers.CharField(max_length=255, required=False, style=AS_IT_IS)


class ColumnSerializer(ScopedModelSerializer):
    """A column and its figures."""

    class Meta:
        model = Column
        fields: ClassVar[list[str]] = ["id", "version", "position", "name", "kind", "facts"]
        read_only_fields = fields


class DatasetViewSet(CreateRows, ChangeRows, ReadRows):
    """Datasets; versions come with files."""

    queryset = Dataset.objects.select_related("engagement")
    serializer_class = DatasetSerializer
    filterset_class = DatasetFilter
    search_fields: ClassVar[list[str]] = ["name"]
    ordering_fields: ClassVar[list[str]] = ["name", "created_at"]

    def create_row(self, fields: dict[str, Any]) -> Dataset:
        """Add a dataset."""
        return datasets.add_dataset(by=self.actor, **fields)

    def change_row(self, row: Dataset, fields: dict[str, Any]) -> Dataset:
        """Change what is known of a dataset."""
        return datasets.change_dataset(dataset=row, by=self.actor, **fields)

    @extend_schema(request=NewVersionSerializer, responses={201: VersionSerializer})
    @row_action("POST", NewVersionSerializer)
    def add_version(self, request: Request, **kwargs: Any) -> Response:
        """Read a finished upload as the next version."""
        dataset: Dataset = self.get_object()
        wish = self.get_serializer(data=request.data)
        wish.is_valid(raise_exception=True)
        version = dispatch.add_version(
            dataset=dataset,
            upload=wish.validated_data["upload"],
            by=self.actor,
            options=wish.validated_data.get("options"),
        )
        return Response(VersionSerializer(version, context=self.get_serializer_context()).data, status.HTTP_201_CREATED)


class VersionFilter(ScopedFilterSet):
    """Filters of the list of versions."""

    class Meta:
        model = DatasetVersion
        fields: ClassVar[list[str]] = ["dataset", "state"]


class VersionViewSet(ReadRows):
    """Versions of datasets: read, corrected, audited."""

    queryset = DatasetVersion.objects.select_related("dataset", "original", "table")
    serializer_class = VersionSerializer
    filterset_class = VersionFilter
    ordering_fields: ClassVar[list[str]] = ["number", "created_at"]

    @extend_schema(request=ReadingSerializer, responses=VersionSerializer)
    @row_action("POST", ReadingSerializer)
    def read_again(self, request: Request, **kwargs: Any) -> Response:
        """Read the file again with corrections; refused once a protocol rests on the version."""
        version: DatasetVersion = self.get_object()
        wish = self.get_serializer(data=request.data)
        wish.is_valid(raise_exception=True)
        changed = dispatch.read_again(version=version, options=wish.validated_data["options"], by=self.actor)
        return Response(VersionSerializer(changed, context=self.get_serializer_context()).data)

    @extend_schema(request=QuestionSerializer, responses=VersionSerializer)
    @row_action("POST", QuestionSerializer)
    def audit(self, request: Request, **kwargs: Any) -> Response:
        """Look for leaks and faults, given what is to be predicted; the findings appear on the version."""
        version: DatasetVersion = self.get_object()
        wish = self.get_serializer(data=request.data)
        wish.is_valid(raise_exception=True)
        dispatch.audit_version(version=version, by=self.actor, question=wish.validated_data)
        return Response(VersionSerializer(version, context=self.get_serializer_context()).data)


class ColumnFilter(ScopedFilterSet):
    """Filters of the list of columns."""

    class Meta:
        model = Column
        fields: ClassVar[list[str]] = ["version", "kind"]


class ColumnViewSet(ReadRows):
    """Columns of a version with their figures."""

    queryset = Column.objects.select_related("version")
    serializer_class = ColumnSerializer
    filterset_class = ColumnFilter
    search_fields: ClassVar[list[str]] = ["name"]
    ordering_fields: ClassVar[list[str]] = ["position", "name"]
