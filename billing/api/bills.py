"""Bills on their way in, and what is stored of them."""

from collections.abc import Iterator
from typing import Any, ClassVar

from django.http import FileResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from billing import dispatch, storage
from billing.bills.dates import ORDERS
from billing.bills.lines import CATEGORIES, FIELDS
from billing.models import Bill, BillImport, ColumnMapping
from billing.queries.bills import difference_of
from billing.services import bills
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
from projects.api.problems import CONTENT_TYPE

BLOCK = 1 << 20  # bytes


class BillParser(BaseParser):
    """Hands the body on as a stream; it is written to disk block by block."""

    media_type = "application/octet-stream"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        """Return the stream unread."""
        return stream


class MappingBodySerializer(PlainSerializer):
    """Which column of a file fills which field of a charge: at least a cost, a date and the currency."""

    columns = serializers.DictField(
        child=serializers.CharField(),
        help_text=f"Fields and the headers of their columns. Fields: {', '.join(FIELDS)}.",
    )
    constants = serializers.DictField(
        child=serializers.CharField(), required=False, help_text="One value for all rows, such as a currency."
    )
    tags = serializers.DictField(
        child=serializers.CharField(), required=False, help_text="Keys of tags and the headers of their columns."
    )
    categories = serializers.DictField(
        child=serializers.CharField(),
        required=False,
        help_text=f"Words of the file and what they mean: {', '.join(CATEGORIES)}.",
    )
    date_order = serializers.ChoiceField(tuple(ORDERS), required=False)
    decimal_point = serializers.ChoiceField([".", ","], required=False)
    delimiter = serializers.CharField(required=False, allow_blank=True, help_text="Empty: found out.")
    total_words = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="Rows that begin with one are sums and left out."
    )


@extend_schema_field(MappingBodySerializer)
class BodyField(serializers.DictField):
    """A mapping as a plain value, which the service checks."""


class ColumnMappingSerializer(ScopedModelSerializer):
    """A saved mapping of the columns of a file that is in no known form."""

    body = BodyField()

    class Meta:
        model = ColumnMapping
        fields: ClassVar[list[str]] = ["id", "name", "body", "created_at"]
        read_only_fields: ClassVar[list[str]] = ["id", "created_at"]


class ColumnMappingViewSet(CreateRows, ChangeRows, DeleteRows, ReadRows):
    """Saved column mappings for bills of any other form."""

    queryset = ColumnMapping.objects.all()
    serializer_class = ColumnMappingSerializer
    search_fields: ClassVar[list[str]] = ["name"]
    ordering_fields: ClassVar[list[str]] = ["name", "created_at"]

    def create_row(self, fields: dict[str, Any]) -> ColumnMapping:
        """Save a mapping."""
        return bills.save_mapping(by=self.actor, **fields)

    def change_row(self, row: ColumnMapping, fields: dict[str, Any]) -> ColumnMapping:
        """Change a mapping."""
        return bills.save_mapping(by=self.actor, mapping=row, **({"name": row.name, "body": None} | fields))

    def delete_row(self, row: ColumnMapping) -> None:
        """Delete a mapping."""
        bills.delete_mapping(mapping=row, by=self.actor)


class TallySerializer(PlainSerializer):
    """A sum with all its digits, and how many cells hold a number, none, zero, or less."""

    total = serializers.CharField()
    present = serializers.IntegerField()
    null = serializers.IntegerField()
    zero = serializers.IntegerField()
    negative = serializers.IntegerField()


class SliceSerializer(PlainSerializer):
    """One account, month and currency of a file; the end of the period is the day after its last."""

    billing_account = serializers.CharField(allow_blank=True)
    period_start = serializers.CharField(allow_null=True)
    period_end = serializers.CharField(allow_null=True)
    currency = serializers.CharField()
    rows = serializers.IntegerField()
    sums = serializers.DictField(child=serializers.CharField())


class CategorySerializer(PlainSerializer):
    """The lines of one kind of charge."""

    rows = serializers.IntegerField()
    total = serializers.CharField()


class FindingSerializer(PlainSerializer):
    """Something about a file that its reader should know."""

    code = serializers.CharField()
    column = serializers.CharField(allow_blank=True)
    message = serializers.CharField()
    count = serializers.IntegerField()
    first_line = serializers.IntegerField(allow_null=True)


class PreviewSerializer(PlainSerializer):
    """What a file holds, before any of it is stored; empty until it is read."""

    format = serializers.CharField(required=False)
    version = serializers.CharField(required=False, allow_blank=True)
    title = serializers.CharField(required=False)
    columns = serializers.IntegerField(required=False)
    rows = serializers.IntegerField(required=False)
    usage_first = serializers.CharField(required=False, allow_null=True)
    usage_last = serializers.CharField(required=False, allow_null=True)
    providers = serializers.ListField(child=serializers.CharField(), required=False)
    services = serializers.IntegerField(required=False)
    tagged_rows = serializers.IntegerField(required=False)
    tag_keys = serializers.DictField(child=serializers.IntegerField(), required=False)
    skipped = serializers.DictField(
        child=serializers.IntegerField(), required=False, help_text="Rows that are left out, by reason."
    )
    currencies = serializers.ListField(child=serializers.CharField(), required=False)
    tallies = serializers.DictField(
        child=serializers.DictField(child=TallySerializer()), required=False, help_text="By currency and amount."
    )
    categories = serializers.DictField(child=CategorySerializer(), required=False)
    slices = SliceSerializer(many=True, required=False)
    findings = FindingSerializer(many=True, required=False, help_text="Departures from the specification.")
    warnings = FindingSerializer(many=True, required=False, help_text="Dangers for the figures.")


@extend_schema_field(PreviewSerializer)
class PreviewField(serializers.DictField):
    """A preview as the job left it."""


class DifferenceSerializer(PlainSerializer):
    """One account, month and currency of a file beside what is stored of it."""

    billing_account = serializers.CharField(allow_blank=True)
    period = serializers.CharField(allow_blank=True)
    period_end = serializers.CharField(allow_blank=True)
    currency = serializers.CharField()
    state = serializers.CharField(
        help_text="new; same (this very file); newer (replaces what is stored); closed (would change a closed period, "
        "which is refused); closed-same (a closed period with equal rows and sums)."
    )
    rows = serializers.IntegerField()
    rows_before = serializers.IntegerField()
    sums = serializers.DictField(child=serializers.CharField())
    sums_before = serializers.DictField(child=serializers.CharField())
    beside = serializers.ListField(
        child=serializers.CharField(),
        help_text="Other exports that hold this account and month: both would count; see beside at commit.",
    )
    cost = serializers.CharField(required=False, help_text="What the file asks for; not of what was stored long ago.")
    cost_before = serializers.CharField(required=False, help_text="What is stored asks for.")
    change = serializers.CharField(help_text="By how much the stored cost moves.")


class BillImportSerializer(ScopedModelSerializer):
    """A file that arrived: what it holds, and what its commit would change or has changed."""

    job: serializers.PrimaryKeyRelatedField = serializers.PrimaryKeyRelatedField(
        read_only=True, allow_null=True, help_text="The job that reads or stores it; wait for it."
    )
    difference = serializers.SerializerMethodField()
    preview = PreviewField(read_only=True)

    class Meta:
        model = BillImport
        fields: ClassVar[list[str]] = [
            "id",
            "name",
            "size",
            "sha256",
            "export",
            "currency",
            "basis",
            "mapping",
            "state",
            "job",
            "preview",
            "difference",
            "error_code",
            "error_message",
            "committed_at",
            "created_at",
        ]
        read_only_fields = fields

    @extend_schema_field(DifferenceSerializer(many=True))
    def get_difference(self, source: BillImport) -> list[dict[str, Any]]:
        """Compare with what is stored as long as the file waits."""
        if source.state == BillImport.State.READY:
            return [part.to_dict() for part in difference_of(source)]
        found: list[dict[str, Any]] = source.difference
        return found


class BillWishSerializer(PlainSerializer):
    """How a file is read."""

    currency = serializers.CharField(max_length=3, required=False, allow_blank=True)
    basis = serializers.ChoiceField(BillImport.Basis.choices, required=False)
    export = serializers.CharField(max_length=100, required=False, allow_blank=True)
    mapping = ScopedPrimaryKeyField(queryset=ColumnMapping.objects.all(), required=False, allow_null=True)


class NewBillSerializer(BillWishSerializer):
    """How a file is called and read; these stand in the address, the file is the body."""

    name = serializers.CharField(max_length=200)


class CommitSerializer(PlainSerializer):
    """Whether the file may count beside another export of the same account and month."""

    beside = serializers.BooleanField(
        required=False, default=False, help_text="Count this file although another export holds its account and month."
    )


class BillImportFilter(ScopedFilterSet):
    """By where the file stands."""

    class Meta:
        model = BillImport
        fields: ClassVar[list[str]] = ["state", "sha256"]


WISHES = [
    OpenApiParameter(name, kind, OpenApiParameter.QUERY, required=name == "name", description=said)
    for name, kind, said in (
        ("name", OpenApiTypes.STR, "The file's name."),
        ("currency", OpenApiTypes.STR, "Only where the file does not say it."),
        ("basis", OpenApiTypes.STR, "Azure only: actual or amortised."),
        ("export", OpenApiTypes.STR, "Only where one account delivers several files for one month."),
        ("mapping", OpenApiTypes.UUID, "A saved column mapping; else the header decides."),
    )
]


class BillImportViewSet(ReadRows):
    """Bills on their way in: POST the bytes, read the preview, commit."""

    queryset = BillImport.objects.select_related("mapping")
    serializer_class = BillImportSerializer
    filterset_class = BillImportFilter
    ordering_fields: ClassVar[list[str]] = ["created_at"]
    takes_idempotency_key = False
    long_bodies: ClassVar[frozenset[str]] = frozenset({"create"})

    def get_parsers(self) -> list[BaseParser]:
        """Take bytes where a file comes in, JSON elsewhere."""
        if getattr(self, "action", None) == "create" or self.action_map.get("post") == "create":
            return [BillParser()]
        return super().get_parsers()

    @extend_schema(
        request={"application/octet-stream": OpenApiTypes.BINARY},
        responses={201: BillImportSerializer},
        parameters=WISHES,
    )
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Take a bill in and start reading it; nothing is stored before the commit."""
        wish = NewBillSerializer(data=request.query_params.dict(), context=self.get_serializer_context())
        wish.is_valid(raise_exception=True)
        path = storage.take_in(_blocks(request.data))
        try:
            source = dispatch.receive_bill(path=path, by=self.actor, **wish.validated_data)
        finally:
            path.unlink(missing_ok=True)
        return Response(self.get_serializer(source).data, status=201)

    @extend_schema(request=CommitSerializer, responses=BillImportSerializer)
    @row_action("post")
    def commit(self, request: Request, pk: str) -> Response:
        """Store a file that was read; committing it again changes nothing."""
        source, wish = self.get_object(), CommitSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        done = dispatch.commit_bill(source=source, by=self.actor, **wish.validated_data)
        return Response(self.get_serializer(done).data)

    @extend_schema(
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY, (409, CONTENT_TYPE): OpenApiTypes.OBJECT}
    )
    @row_action("get")
    def file(self, request: Request, pk: str) -> FileResponse:
        """Download the original as it arrived."""
        source = self.get_object()
        stream = storage.open_original(source.workspace_id, source.sha256)
        return FileResponse(stream, as_attachment=True, filename=source.name, content_type="application/octet-stream")

    @extend_schema(request=None, responses=BillImportSerializer)
    @row_action("post")
    def discard(self, request: Request, pk: str) -> Response:
        """Put a file away that is not wanted."""
        return Response(self.get_serializer(bills.discard_bill(source=self.get_object(), by=self.actor)).data)

    @extend_schema(request=BillWishSerializer, responses=BillImportSerializer)
    @row_action("post")
    def read_again(self, request: Request, pk: str) -> Response:
        """Read a file anew, in another way."""
        source = self.get_object()
        wish = BillWishSerializer(data=request.data, context=self.get_serializer_context())
        wish.is_valid(raise_exception=True)
        done = dispatch.read_again(source=source, by=self.actor, **wish.validated_data)
        return Response(self.get_serializer(done).data)


def _blocks(stream: Any) -> Iterator[bytes]:
    """Yield a body's bytes; nothing where none was sent."""
    while hasattr(stream, "read") and (block := stream.read(BLOCK)):
        yield block


class BillSerializer(ScopedModelSerializer):
    """What is stored of one account, export and month."""

    sums = serializers.DictField(
        child=serializers.CharField(), read_only=True, help_text="Exact sums as texts: billed, effective, …"
    )

    class Meta:
        model = Bill
        fields: ClassVar[list[str]] = [
            "id",
            "source",
            "export",
            "provider",
            "billing_account",
            "period_start",
            "period_end",
            "currency",
            "version",
            "rows",
            "sums",
            "closed_at",
            "created_at",
        ]
        read_only_fields = fields


class BillFilter(ScopedFilterSet):
    """By account, month and currency."""

    class Meta:
        model = Bill
        fields: ClassVar[list[str]] = ["billing_account", "period_start", "currency", "export"]


class BillViewSet(ReadRows):
    """Stored bills; a closed one refuses newer files."""

    queryset = Bill.objects.all()
    serializer_class = BillSerializer
    filterset_class = BillFilter
    ordering_fields: ClassVar[list[str]] = ["period_start", "created_at"]

    @extend_schema(request=None, responses=BillSerializer)
    @row_action("post")
    def close(self, request: Request, pk: str) -> Response:
        """Close the period."""
        return Response(self.get_serializer(bills.close_bill(bill=self.get_object(), by=self.actor)).data)

    @extend_schema(request=None, responses=BillSerializer)
    @row_action("post")
    def reopen(self, request: Request, pk: str) -> Response:
        """Open the period again."""
        return Response(self.get_serializer(bills.reopen_bill(bill=self.get_object(), by=self.actor)).data)
