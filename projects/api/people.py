"""Who calls, where, and what was done there."""

from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from projects.api.base import ActorViewSet, PlainSerializer, ReadRows, ScopedFilterSet, ScopedModelSerializer
from projects.models import AuditEntry, Membership, Workspace


class WorkspaceSerializer(ScopedModelSerializer):
    """The workspace in which the caller acts."""

    class Meta:
        model = Workspace
        fields = ["id", "name", "currency", "time_zone", "created_at"]
        read_only_fields = fields


class MeSerializer(PlainSerializer):
    """The caller as the application sees it."""

    id = serializers.UUIDField(source="user.pk", read_only=True)
    name = serializers.CharField(source="user.name", read_only=True)
    email = serializers.EmailField(source="user.email", read_only=True)
    role = serializers.CharField(read_only=True, help_text="owner, member or reviewer")
    via = serializers.CharField(read_only=True, help_text="page or token")
    scopes = serializers.SerializerMethodField()
    workspace = WorkspaceSerializer(read_only=True)

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_scopes(self, actor: Any) -> list[str]:
        """List what the token allows."""
        return sorted(actor.scopes)


class MeViewSet(ActorViewSet):
    """Who calls."""

    serializer_class = MeSerializer
    pagination_class = None
    filter_backends = []

    @extend_schema(operation_id="me", responses=MeSerializer)
    def show(self, request: Request) -> Response:
        """Say as whom the caller acts, with which role and scopes, and in which workspace."""
        return Response(MeSerializer(self.actor).data)


class MemberSerializer(ScopedModelSerializer):
    """A person of the workspace."""

    name = serializers.CharField(source="user.name", read_only=True)
    email = serializers.EmailField(source="user.email", read_only=True)

    class Meta:
        model = Membership
        fields = ["id", "name", "email", "role", "created_at"]
        read_only_fields = fields


class MemberViewSet(ReadRows):
    """The people of the workspace; they are invited and removed in the pages."""

    queryset = Membership.objects.select_related("user")
    serializer_class = MemberSerializer
    search_fields = ["user__name", "user__email"]
    ordering_fields = ["created_at"]


class AuditEntrySerializer(ScopedModelSerializer):
    """One act in the audit trail."""

    detail = serializers.DictField(read_only=True)
    actor = serializers.CharField(source="actor_name", read_only=True)

    class Meta:
        model = AuditEntry
        fields = [
            "id",
            "sequence",
            "at",
            "actor",
            "via",
            "action",
            "target_type",
            "target_id",
            "target_label",
            "detail",
            "hash",
            "previous_hash",
        ]
        read_only_fields = fields


class AuditEntryFilter(ScopedFilterSet):
    """By what was done, to what, and since when."""

    since = django_filters.IsoDateTimeFilter(
        field_name="at", lookup_expr="gte", help_text="A moment; without a zone it is one of the workspace's."
    )

    class Meta:
        model = AuditEntry
        fields = ["action", "target_type", "target_id"]


class AuditEntryViewSet(ReadRows):
    """The audit trail of the workspace, newest first; it can only be read."""

    queryset = AuditEntry.objects.all()
    serializer_class = AuditEntrySerializer
    filterset_class = AuditEntryFilter
    ordering_fields = ["sequence"]
