"""Links for clients, and what clients said."""

from collections.abc import Callable
from typing import Any, ClassVar

import django_filters
from django.http import Http404, HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from projects.access import Actor
from projects.api.base import (
    LINES,
    PlainSerializer,
    ReadRows,
    ScopedFilterSet,
    ScopedModelSerializer,
    ScopedViewSet,
    row_action,
)
from projects.models import Comment, Decision, ShareLink, ShareView
from projects.queries.shares import answer_to, subject_of
from projects.services.comments import add_comment
from projects.services.sending import send_again
from projects.services.shares import (
    DEFAULT_DAYS,
    MOST_DAYS,
    SHORTEST_PASSCODE,
    address_of,
    create_share_link,
    revoke_share_link,
)
from projects.shares import Purpose, every_purpose, label_of, purpose_named, purpose_of

SUBJECT = "The row that it is about, with its kind in front; the filter takes the id alone, too."


class ShareViewSerializer(ScopedModelSerializer):
    """The first look of a browser."""

    class Meta:
        model = ShareView
        fields = ["created_at", "address", "agent"]
        read_only_fields = fields


class SubjectFilter(django_filters.CharFilter):
    """By the row that something is about: its id, or its id with its kind in front, as rows carry it."""

    def filter(self, rows: Any, value: str) -> Any:
        """Try every kind that can be shared."""
        wanted = [value, *(f"{purpose.model}:{value}" for purpose in every_purpose())]
        return rows.filter(subject__in=wanted) if value else rows


class OnWhatSerializer(PlainSerializer):
    """Which document."""

    purpose = serializers.SlugField(max_length=40, help_text="scope, change-order or report")
    subject_id = serializers.UUIDField(help_text="The id of the document.")


def find_subject(fields: dict[str, Any], actor: Actor) -> tuple[Purpose, Any]:
    """Take the document out of checked fields, with its purpose."""
    purpose = purpose_named(fields.pop("purpose"))
    if purpose is None:
        known = ", ".join(one.name for one in every_purpose())
        raise ValidationError({"purpose": [f"Nothing of this name can be shared. Choose one of: {known}."]})
    subject = subject_of(purpose, subject_id=fields.pop("subject_id"), actor=actor)
    if subject is None:
        raise ValidationError({"subject_id": ["There is no such row."]})
    return purpose, subject


class ShareLinkSerializer(ScopedModelSerializer):
    """A link for a client; its token is shown only in the answer that makes it."""

    subject = serializers.CharField(read_only=True, help_text=SUBJECT)
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


class NewShareLinkSerializer(OnWhatSerializer):
    """What is shared, with whom, for how long."""

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
        required=False,
        default="",
        min_length=SHORTEST_PASSCODE,
        max_length=128,
        trim_whitespace=False,
        allow_blank=True,
    )


def send_document(view: ScopedViewSet, request: Request, serializer: type[WithAddress]) -> Response:
    """Send a view's document; the row is looked up before anything is said about the body."""
    row, wish = view.get_object(), SendSerializer(data=request.data)
    wish.is_valid(raise_exception=True)
    sent = purpose_of(row).load_room().send(row, by=view.actor, **wish.validated_data)
    context = {**view.get_serializer_context(), "address": sent.address}
    return Response(serializer(sent.row, context=context).data)


KINDS = {"pdf": "application/pdf", "html": "text/html", "md": "text/markdown", "json": "application/json"}


def draw_files(*forms: str) -> Callable[[Any], Any]:
    """Mark a viewset's method as ``/<rows>/<id>/files/<form>/`` with the forms of its documents."""
    types = {"json": OpenApiTypes.OBJECT, "pdf": OpenApiTypes.BINARY}
    drawn = extend_schema(
        request=None,
        responses={(200, KINDS[form]): types.get(form, OpenApiTypes.STR) for form in forms},
        parameters=[OpenApiParameter("form", OpenApiTypes.STR, OpenApiParameter.PATH, enum=sorted(forms))],
    )
    marked = action(detail=True, methods=["get"], url_path="files/<str:form>", url_name="file")
    return lambda handler: drawn(marked(handler))


def file_of(view: ScopedViewSet, form: str) -> HttpResponse:
    """Give a view's document in one of its forms."""
    row = view.get_object()
    room = purpose_of(row).load_room()
    if form not in room.files:
        raise Http404
    return room.file(row, form, answer_to(row, actor=view.actor))


class CreatedShareLinkSerializer(WithAddress, ShareLinkSerializer):
    """A new link with its address."""

    class Meta(ShareLinkSerializer.Meta):
        fields = [*ShareLinkSerializer.Meta.fields, "address"]
        read_only_fields = fields


class ShareLinkFilter(ScopedFilterSet):
    """By what is shown."""

    subject = SubjectFilter()

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
        purpose, subject = find_subject(fields, self.actor)
        made = create_share_link(subject=subject, purpose=purpose, by=self.actor, **fields)
        context = {**self.get_serializer_context(), "address": address_of(made.token)}
        return Response(CreatedShareLinkSerializer(made.link, context=context).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses={201: CreatedShareLinkSerializer})
    @row_action("post")
    def again(self, request: Request, pk: str) -> Response:
        """Send the document once more to whom a link was for; the new address is in this answer only."""
        link = self.get_object()
        purpose = purpose_named(link.purpose)
        row = purpose and subject_of(purpose, subject_id=link.subject_id, actor=self.actor)
        if row is None:
            raise Http404
        sent = send_again(link=link, row=row, by=self.actor)
        context = {**self.get_serializer_context(), "address": sent.address}
        return Response(CreatedShareLinkSerializer(sent.link, context=context).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses=ShareLinkSerializer)
    @row_action("post")
    def revoke(self, request: Request, pk: str) -> Response:
        """Close a link at once."""
        return Response(self.get_serializer(revoke_share_link(link=self.get_object(), by=self.actor)).data)


class CommentSerializer(ScopedModelSerializer):
    """A question or remark."""

    subject = serializers.CharField(read_only=True, help_text=SUBJECT)
    by_client = serializers.BooleanField(read_only=True)

    class Meta:
        model = Comment
        fields = ["id", "subject", "text", "author_name", "author_email", "by_client", "created_at"]
        read_only_fields = fields


class CommentFilter(ScopedFilterSet):
    """By what it is about."""

    subject = SubjectFilter()

    class Meta:
        model = Comment
        fields: ClassVar[list[str]] = ["subject"]


class NewCommentSerializer(OnWhatSerializer):
    """An answer or a remark on a document."""

    text = serializers.CharField(max_length=4000, style=LINES)


class CommentViewSet(ReadRows):
    """What was said about documents, by clients and by the people of the workspace."""

    queryset = Comment.objects.all()
    serializer_class = CommentSerializer
    filterset_class = CommentFilter
    ordering_fields = ["created_at"]

    @extend_schema(request=NewCommentSerializer, responses={201: CommentSerializer})
    def create(self, request: Request) -> Response:
        """Answer or remark; whoever has a link to the document reads it there."""
        wish = NewCommentSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        fields = dict(wish.validated_data)
        _, subject = find_subject(fields, self.actor)
        made = add_comment(subject=label_of(subject), by=self.actor, **fields)
        return Response(self.get_serializer(made).data, status=status.HTTP_201_CREATED)


class DecisionSerializer(ScopedModelSerializer):
    """A client's answer with its evidence."""

    subject = serializers.CharField(read_only=True, help_text=SUBJECT)

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

    subject = SubjectFilter()

    class Meta:
        model = Decision
        fields: ClassVar[list[str]] = ["subject", "answer", "document_digest"]


class DecisionViewSet(ReadRows):
    """What clients decided; the answers are given through share links."""

    queryset = Decision.objects.all()
    serializer_class = DecisionSerializer
    filterset_class = DecisionFilter
    ordering_fields = ["created_at"]
