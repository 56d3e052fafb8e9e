"""Links for clients, and what clients said."""

from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from projects.api.base import (
    PlainSerializer,
    ReadRows,
    ScopedFilterSet,
    ScopedModelSerializer,
    ScopedViewSet,
    row_action,
)
from projects.models import Comment, Decision, ShareLink, ShareView
from projects.queries.shares import subject_of
from projects.services.shares import (
    DEFAULT_DAYS,
    MOST_DAYS,
    SHORTEST_PASSCODE,
    address_of,
    create_share_link,
    revoke_share_link,
)
from projects.shares import purpose_named, purpose_of


class ShareViewSerializer(ScopedModelSerializer):
    """The first look of a browser."""

    class Meta:
        model = ShareView
        fields = ["created_at", "address", "agent"]
        read_only_fields = fields


class ShareLinkSerializer(ScopedModelSerializer):
    """A link for a client; its token is shown only in the answer that makes it."""

    state = serializers.CharField(read_only=True, help_text="open, expired or revoked")
    has_passcode = serializers.BooleanField(read_only=True)
    views = ShareViewSerializer(many=True, read_only=True)

    class Meta:
        model = ShareLink
        fields = [
            "id",
            "purpose",
            "subject",
            "title",
            "recipient_name",
            "recipient_email",
            "has_passcode",
            "state",
            "expires_at",
            "revoked_at",
            "created_at",
            "views",
        ]
        read_only_fields = fields


class NewShareLinkSerializer(PlainSerializer):
    """What is shared, with whom, for how long."""

    purpose = serializers.SlugField(max_length=40)
    subject_id = serializers.UUIDField()
    recipient_name = serializers.CharField(required=False, default="", max_length=120, allow_blank=True)
    recipient_email = serializers.EmailField(required=False, default="", allow_blank=True)
    days = serializers.IntegerField(required=False, default=DEFAULT_DAYS, min_value=1, max_value=MOST_DAYS)
    passcode = serializers.CharField(
        required=False,
        default="",
        min_length=SHORTEST_PASSCODE,
        max_length=128,
        trim_whitespace=False,
        allow_blank=True,
    )


class WithAddress(PlainSerializer):
    """The address of the link that was just made; it cannot be asked for again."""

    address = serializers.SerializerMethodField()

    def get_address(self, row: object) -> str:
        """Return where the client goes."""
        return str(self.context["address"])


class SendSerializer(PlainSerializer):
    """For whom the link is, and how long it works."""

    name = serializers.CharField(required=False, default="", max_length=120, allow_blank=True)
    email = serializers.EmailField(required=False, default="", allow_blank=True)
    days = serializers.IntegerField(required=False, default=DEFAULT_DAYS, min_value=1, max_value=MOST_DAYS)
    passcode = serializers.CharField(
        required=False, default="", min_length=SHORTEST_PASSCODE, max_length=128, allow_blank=True
    )


def send_document(view: ScopedViewSet, request: Request, serializer: type[WithAddress]) -> Response:
    """Send a view's document; the row is looked up before anything is said about the body."""
    row, wish = view.get_object(), SendSerializer(data=request.data)
    wish.is_valid(raise_exception=True)
    sent = purpose_of(row).load_room().send(row, by=view.actor, **wish.validated_data)
    context = {**view.get_serializer_context(), "address": sent.address}
    return Response(serializer(sent.row, context=context).data)


class CreatedShareLinkSerializer(WithAddress, ShareLinkSerializer):
    """A new link with its address."""

    class Meta(ShareLinkSerializer.Meta):
        fields = [*ShareLinkSerializer.Meta.fields, "address"]
        read_only_fields = fields


class ShareLinkFilter(ScopedFilterSet):
    """By what is shown."""

    class Meta:
        model = ShareLink
        fields: ClassVar[list[str]] = ["purpose", "subject"]


class ShareLinkViewSet(ReadRows):
    """Links for clients."""

    queryset = ShareLink.objects.prefetch_related("views")
    serializer_class = ShareLinkSerializer
    filterset_class = ShareLinkFilter
    ordering_fields = ["created_at", "expires_at"]
    takes_idempotency_key = False  # the answer holds the token, which is kept nowhere

    @extend_schema(request=NewShareLinkSerializer, responses={201: CreatedShareLinkSerializer})
    def create(self, request: Request) -> Response:
        """Make a link; its address is in this answer only."""
        wish = NewShareLinkSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        fields = dict(wish.validated_data)
        purpose = purpose_named(fields.pop("purpose"))
        if purpose is None:
            raise ValidationError({"purpose": ["Nothing of this name can be shared."]})
        subject = subject_of(purpose, subject_id=fields.pop("subject_id"), actor=self.actor)
        if subject is None:
            raise ValidationError({"subject_id": ["There is no such row."]})
        made = create_share_link(subject=subject, purpose=purpose, by=self.actor, **fields)
        context = {**self.get_serializer_context(), "address": address_of(made.token)}
        return Response(CreatedShareLinkSerializer(made.link, context=context).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses=ShareLinkSerializer)
    @row_action("post")
    def revoke(self, request: Request, pk: str) -> Response:
        """Close a link at once."""
        return Response(self.get_serializer(revoke_share_link(link=self.get_object(), by=self.actor)).data)


class CommentSerializer(ScopedModelSerializer):
    """A question or remark."""

    by_client = serializers.BooleanField(read_only=True)

    class Meta:
        model = Comment
        fields = ["id", "subject", "text", "author_name", "author_email", "by_client", "created_at"]
        read_only_fields = fields


class CommentFilter(ScopedFilterSet):
    """By what it is about."""

    class Meta:
        model = Comment
        fields: ClassVar[list[str]] = ["subject"]


class CommentViewSet(ReadRows):
    """What was said about documents."""

    queryset = Comment.objects.all()
    serializer_class = CommentSerializer
    filterset_class = CommentFilter
    ordering_fields = ["created_at"]


class DecisionSerializer(ScopedModelSerializer):
    """A client's answer with its evidence."""

    class Meta:
        model = Decision
        fields = [
            "id",
            "subject",
            "document_digest",
            "answer",
            "name",
            "email",
            "consent",
            "message",
            "address",
            "agent",
            "evidence_digest",
            "created_at",
        ]
        read_only_fields = fields


class DecisionFilter(ScopedFilterSet):
    """By what was decided on, and the answer."""

    class Meta:
        model = Decision
        fields: ClassVar[list[str]] = ["subject", "answer", "document_digest"]


class DecisionViewSet(ReadRows):
    """What clients decided; the answers are given through share links."""

    queryset = Decision.objects.all()
    serializer_class = DecisionSerializer
    filterset_class = DecisionFilter
    ordering_fields = ["created_at"]
