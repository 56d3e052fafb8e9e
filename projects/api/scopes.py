"""Scopes in versions: begun, written, sent, countersigned, revised."""

from dataclasses import asdict, fields
from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from projects.api.base import (
    ChangeRows,
    CreateRows,
    PlainSerializer,
    ReadRows,
    ScopedFilterSet,
    ScopedModelSerializer,
    row_action,
)
from projects.api.shares import SendSerializer, WithAddress, draw_files, file_of, send_document
from projects.models import ScopeVersion
from projects.queries.scopes import estimate_of, findings_of
from projects.scoping.diff import diff_documents
from projects.scoping.documents import SECTIONS, ScopeDocument
from projects.scoping.payments import payment_plan
from projects.scoping.starters import starters
from projects.services import scope_drafts, scopes

LONG = 6  # digits that no version's number has
STARTERS = f"The kind of work to start from: {', '.join(one.key for one in starters())}."
PARTS = {
    "id": "Stays the same when the item changes or moves, so that versions can be compared; choose any.",
    "due_on": "Such as 2026-11-20; empty while it is open.",
    "milestone": "The id of the milestone that is judged by this; empty for the whole contract.",
    "amount_minor": "In minor units; paid when the milestone is accepted.",
    "rows": "How many acceptance rows, where a protocol is named.",
    "protocol": "The digest of the protocol that decides.",
}


def _item_serializer(kind: type[Any]) -> type[PlainSerializer]:
    """Draw an item of the document as its dataclass has it; what may stand in it is checked by the service."""
    drawn: dict[str, Any] = {"__doc__": kind.__doc__, "__module__": __name__}
    for part in fields(kind):
        told = PARTS.get(part.name, "")
        if part.type in (int, "int"):
            drawn[part.name] = serializers.IntegerField(required=False, help_text=told)
        else:
            drawn[part.name] = serializers.CharField(required=part.name == "id", allow_blank=True, help_text=told)
    return type(f"Scope{kind.__name__}Serializer", (PlainSerializer,), drawn)


class _Terms(PlainSerializer):
    title = serializers.CharField(required=False, allow_blank=True)
    currency = serializers.CharField(required=False, help_text="That of the engagement.")
    review_days = serializers.IntegerField(required=False, help_text="Silence so long counts as acceptance.")
    deposit_percent = serializers.IntegerField(required=False, help_text="Due at signing.")
    notes = serializers.CharField(required=False, allow_blank=True)


ITEMS = {kind: _item_serializer(kind) for _, kind, _ in SECTIONS.values()}
ScopeDocumentSerializer = type(
    "ScopeDocumentSerializer",
    (_Terms,),
    {
        "__doc__": "A statement of work: its terms, and sections of items in their order.",
        "__module__": __name__,
        **{name: ITEMS[kind](many=True, required=False) for name, (_, kind, _needed) in SECTIONS.items()},
    },
)


@extend_schema_field(ScopeDocumentSerializer)
class DocumentField(serializers.DictField):
    """The document as a plain value."""


class WorkItemSerializer(PlainSerializer):
    """A piece of work and its three points: 10 % of cases end below low, 10 % above high."""

    id = serializers.CharField(required=False, allow_blank=True, help_text="Made where none is given.")
    title = serializers.CharField(required=False, allow_blank=True)
    low = serializers.CharField(required=False, allow_blank=True, help_text="Hours, such as 12.5; empty while open.")
    likely = serializers.CharField(required=False, allow_blank=True)
    high = serializers.CharField(required=False, allow_blank=True)


@extend_schema_field(WorkItemSerializer(many=True))
class WorkField(serializers.ListField):
    """The private estimate as plain values."""


class ScopeVersionSerializer(ScopedModelSerializer):
    """A version of a scope; while it is a draft, sections of the document are replaced by those that are sent."""

    starter = serializers.SlugField(required=False, write_only=True, max_length=60, help_text=STARTERS)
    document = DocumentField(required=False, help_text="A section or term that is not sent stays as it is.")
    work = WorkField(
        child=serializers.DictField(), required=False, help_text="The estimate as a whole; the client never sees it."
    )
    rate_minor = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=10**12, help_text="What an hour costs."
    )
    links = serializers.DictField(
        child=serializers.CharField(),
        read_only=True,
        help_text="The milestones by their ids in the document, once the scope is signed.",
    )
    body = serializers.DictField(read_only=True, allow_null=True, help_text="What was frozen when it was sent.")

    class Meta:
        model = ScopeVersion
        fields = [
            "id",
            "engagement",
            "starter",
            "number",
            "status",
            "document",
            "work",
            "rate_minor",
            "links",
            "body",
            "digest",
            "sent_at",
            "signed_at",
            "superseded_at",
            "countersigned_name",
            "created_at",
        ]
        read_only_fields = [
            "id",
            "number",
            "status",
            "digest",
            "sent_at",
            "signed_at",
            "superseded_at",
            "countersigned_name",
            "created_at",
        ]
        fixed_fields = ["engagement", "starter"]


class SentScopeSerializer(WithAddress, ScopeVersionSerializer):
    """A scope on its way, with the address of its link."""

    class Meta(ScopeVersionSerializer.Meta):
        fields = [*ScopeVersionSerializer.Meta.fields, "address"]


class CountersignSerializer(PlainSerializer):
    """The freelancer's signature."""

    name = serializers.CharField(max_length=120)


class StarterSerializer(PlainSerializer):
    """A kind of work that a scope can start from."""

    key = serializers.CharField()
    title = serializers.CharField()
    summary = serializers.CharField()


class GapSerializer(PlainSerializer):
    """What keeps a scope from being sent, or is odd about its estimate, and where."""

    text = serializers.CharField()
    section = serializers.CharField(allow_blank=True)
    item = serializers.CharField(allow_blank=True)
    part = serializers.CharField(allow_blank=True)


class QuantilesSerializer(PlainSerializer):
    """Hours that are not passed in 50, 80 and 95 of 100 cases."""

    p50 = serializers.CharField()
    p80 = serializers.CharField()
    p95 = serializers.CharField()


class EstimateSerializer(PlainSerializer):
    """What the work may take, from the items whose three points are there; drawn anew alike each time."""

    sum_likely = serializers.CharField()
    mean = serializers.CharField()
    hours = QuantilesSerializer()
    gap = serializers.CharField(help_text="P80 less the sum of the likely values: what a quote of the sum forgets.")
    price_minor = serializers.ListField(
        child=serializers.IntegerField(), allow_null=True, help_text="P50, P80 and P95 at the rate; null without one."
    )
    chance_of_loss = serializers.CharField(
        allow_null=True, help_text="Share of draws in which the work costs more than the price; null without a rate."
    )
    shared = serializers.CharField(help_text="Correlation of the items.")
    draws = serializers.IntegerField()
    seed = serializers.IntegerField()


class InstalmentSerializer(PlainSerializer):
    """One payment."""

    title = serializers.CharField(allow_blank=True)
    due_on = serializers.CharField(allow_blank=True)
    amount_minor = serializers.IntegerField()
    is_deposit = serializers.BooleanField()


class ScopeCheckSerializer(PlainSerializer):
    """What the editor tells beside the document."""

    missing = GapSerializer(many=True, help_text="Empty: it can be sent.")
    price_minor = serializers.IntegerField()
    deposit_minor = serializers.IntegerField()
    payment_plan = InstalmentSerializer(many=True)
    estimate = EstimateSerializer(allow_null=True)


class PieceSerializer(PlainSerializer):
    """Some words: same, added or removed."""

    kind = serializers.CharField()
    text = serializers.CharField(allow_blank=True)


class FieldChangeSerializer(PlainSerializer):
    """One term, or one part of an item, that reads differently."""

    field = serializers.CharField()
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)
    pieces = PieceSerializer(many=True)


class ItemChangeSerializer(PlainSerializer):
    """What happened to one item; places count from 1."""

    section = serializers.CharField()
    id = serializers.CharField()
    kind = serializers.CharField(help_text="added, removed, changed or moved")
    moved = serializers.BooleanField()
    before = serializers.DictField(allow_null=True)
    after = serializers.DictField(allow_null=True)
    fields = FieldChangeSerializer(many=True)  # type: ignore[assignment]  # the wire's word
    place_before = serializers.IntegerField(allow_null=True)
    place_after = serializers.IntegerField(allow_null=True)


class ScopeChangesSerializer(PlainSerializer):
    """What a version changed against another one."""

    before = serializers.IntegerField(allow_null=True, help_text="The other version's number; null: there is none.")
    after = serializers.IntegerField()
    terms = FieldChangeSerializer(many=True)
    items = ItemChangeSerializer(many=True)


class ScopeFilter(ScopedFilterSet):
    """By engagement and status."""

    class Meta:
        model = ScopeVersion
        fields: ClassVar[list[str]] = ["engagement", "status"]


class ScopeVersionViewSet(CreateRows, ChangeRows, ReadRows):
    """Versions of scopes; the client signs through a share link."""

    queryset = ScopeVersion.objects.select_related("engagement__client__workspace")
    serializer_class = ScopeVersionSerializer
    filterset_class = ScopeFilter
    ordering_fields = ["number", "created_at"]
    takes_idempotency_key = False  # the answer of send holds the link's token, which is kept nowhere

    def create_row(self, fields: dict[str, Any]) -> ScopeVersion:
        """Begin the scope of an engagement."""
        starter = fields.pop("starter", "")
        engagement = fields.pop("engagement")
        scope = scope_drafts.start_scope(engagement=engagement, by=self.actor, starter=starter)
        return self.change_row(scope, fields)

    def change_row(self, row: ScopeVersion, fields: dict[str, Any]) -> ScopeVersion:
        """Put a document or an estimate in place of the draft's."""
        changed = row
        if "document" in fields or "work" in fields:
            changed = scope_drafts.replace_draft(
                scope=row, by=self.actor, document=fields.get("document"), work=fields.get("work")
            )
        if "rate_minor" in fields:
            changed = scope_drafts.set_rate(scope=row, rate_minor=fields["rate_minor"], by=self.actor)
        return changed

    @extend_schema(responses=StarterSerializer(many=True), filters=False)
    @action(detail=False, methods=["get"], pagination_class=None)
    def starters(self, request: Request) -> Response:
        """List the kinds of work that a scope can start from."""
        return Response(StarterSerializer(starters(), many=True).data)

    @extend_schema(responses=ScopeCheckSerializer)
    @row_action("get")
    def check(self, request: Request, pk: str) -> Response:
        """Say what is missing, what the work may take, and when which part of the price is due."""
        scope = self.get_object()
        document, estimate = ScopeDocument.from_dict(scope.shown), estimate_of(scope)
        plan = payment_plan(document, scope.body)
        found = {
            "missing": [asdict(gap) for gap in findings_of(scope)],
            "price_minor": document.price_minor,
            "deposit_minor": sum(part.amount_minor for part in plan if part.is_deposit),
            "payment_plan": [asdict(part) for part in plan],
            "estimate": estimate and asdict(estimate),
        }
        return Response(ScopeCheckSerializer(found).data)

    @extend_schema(
        responses=ScopeChangesSerializer,
        parameters=[OpenApiParameter("from", int, description="The number of a version; else the one before.")],
    )
    @row_action("get")
    def changes(self, request: Request, pk: str) -> Response:
        """Compare a version with an earlier one, item by item and word by word."""
        scope, wished = self.get_object(), request.query_params.get("from", "")
        others = {one.number: one for one in scope.engagement.scopes.exclude(pk=scope.pk)}
        number = max((one for one in others if one < scope.number), default=None)
        if wished:
            number = int(wished) if wished.isascii() and wished.isdigit() and len(wished) < LONG else None
            if number not in others:
                known = ", ".join(map(str, sorted(others))) or "none"
                raise ValidationError({"from": [f"There is no other version of this number. Possible: {known}."]})
        diff = diff_documents(scope.shown if number is None else others[number].shown, scope.shown)
        found = {
            "before": number,
            "after": scope.number,
            "terms": [asdict(change) for change in diff.fields],
            "items": [asdict(change) for change in diff.items],
        }
        return Response(ScopeChangesSerializer(found).data)

    @draw_files("json", "md", "pdf")
    def file(self, request: Request, pk: str, form: str) -> HttpResponse:
        """Download a version as PDF, as Markdown or as JSON (the frozen value and its digest)."""
        return file_of(self, form)

    @extend_schema(request=None, responses=ScopeVersionSerializer)
    @row_action("post")
    def undo(self, request: Request, pk: str) -> Response:
        """Take the last change of a draft back, as often as there is one."""
        scope = self.get_object()
        scope_drafts.undo(scope=scope, by=self.actor)
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(request=SendSerializer, responses=SentScopeSerializer)
    @row_action("post")
    def send(self, request: Request, pk: str) -> Response:
        """Freeze the draft and make a link for the client; its address is in this answer only."""
        return send_document(self, request, SentScopeSerializer)

    @extend_schema(request=CountersignSerializer, responses=ScopeVersionSerializer)
    @row_action("post")
    def countersign(self, request: Request, pk: str) -> Response:
        """Sign after the client; the milestones are made and the engagement becomes active."""
        found, wish = self.get_object(), CountersignSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        row = scopes.countersign_scope(scope=found, by=self.actor, **wish.validated_data)
        return Response(self.get_serializer(row).data)

    @extend_schema(request=None, responses=ScopeVersionSerializer)
    @row_action("post")
    def revise(self, request: Request, pk: str) -> Response:
        """Withdraw what was sent, and go on with a copy."""
        return Response(self.get_serializer(scopes.revise_scope(scope=self.get_object(), by=self.actor)).data)
