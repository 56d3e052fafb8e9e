"""Scopes in versions: begun, written, sent, countersigned, revised."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
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
from projects.api.shares import SendSerializer, WithAddress, send_document
from projects.models import ScopeVersion
from projects.scoping.starters import starters
from projects.services import scope_drafts, scopes

STARTERS = f"The kind of work to start from: {', '.join(one.key for one in starters())}."


class ScopeVersionSerializer(ScopedModelSerializer):
    """A version of a scope; the document may be replaced while it is a draft."""

    starter = serializers.SlugField(required=False, write_only=True, max_length=60, help_text=STARTERS)
    document = serializers.DictField(required=False, help_text="Title, terms and sections of items with ids.")
    work = serializers.ListField(
        child=serializers.DictField(), required=False, help_text="Title, low, likely and high hours; never shown."
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
