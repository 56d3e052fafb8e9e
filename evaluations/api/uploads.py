"""Files on their way in: open an upload, send its pieces in any order, take it up again after a break."""

import io
from typing import IO, Any, ClassVar, cast

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from evaluations.models import Upload, UploadChunk
from evaluations.services import uploads
from projects.api.base import CreateRows, DeleteRows, ReadRows, ScopedModelSerializer


class BytesParser(BaseParser):
    """Hands the body on as a stream; the service reads no more than a piece may hold."""

    media_type = "application/octet-stream"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        """Return the stream unread."""
        return stream


class UploadSerializer(ScopedModelSerializer):
    """An upload and the pieces that have arrived."""

    received = serializers.SerializerMethodField(help_text="Numbers of the pieces that have arrived.")
    chunk_count = serializers.IntegerField(read_only=True)

    class Meta:
        model = Upload
        fields: ClassVar[list[str]] = [
            "id",
            "name",
            "size",
            "chunk_size",
            "chunk_count",
            "received",
            "touched_at",
            "completed_at",
            "created_at",
        ]
        read_only_fields: ClassVar[list[str]] = ["id", "chunk_size", "touched_at", "completed_at", "created_at"]
        extra_kwargs: ClassVar[dict[str, Any]] = {"size": {"min_value": 1, "max_value": 2**53}}

    def get_received(self, upload: Upload) -> list[int]:
        """List the pieces that are there."""
        return [chunk.index for chunk in upload.chunks.all()]


class ChunkSerializer(ScopedModelSerializer):
    """One piece that has arrived."""

    class Meta:
        model = UploadChunk
        fields: ClassVar[list[str]] = ["index", "size", "sha256"]


class UploadViewSet(CreateRows, DeleteRows, ReadRows):
    """Uploads: POST opens one, PUT sends a piece, GET says which pieces are there, DELETE gives it up."""

    queryset = Upload.objects.prefetch_related("chunks")
    serializer_class = UploadSerializer
    http_method_names = ["get", "post", "put", "delete", "head"]
    long_bodies: ClassVar[frozenset[str]] = frozenset({"chunk"})

    def create_row(self, fields: dict[str, Any]) -> Upload:
        """Open an upload."""
        return uploads.open_upload(name=fields["name"], size=fields["size"], by=self.actor)

    def delete_row(self, row: Upload) -> None:
        """Give an upload up."""
        uploads.drop_upload(upload=row, by=self.actor)

    @extend_schema(
        request={"application/octet-stream": OpenApiTypes.BINARY},
        responses=ChunkSerializer,
        parameters=[
            OpenApiParameter(
                "index", OpenApiTypes.INT, OpenApiParameter.PATH, description="Number of the piece, from 0."
            ),
            OpenApiParameter(
                "Content-SHA256", OpenApiTypes.STR, OpenApiParameter.HEADER, description="SHA-256 of the piece, in hex."
            ),
        ],
    )
    @action(detail=True, methods=["put"], url_path=r"chunks/<int:index>", parser_classes=[BytesParser])
    def chunk(self, request: Request, index: int, **kwargs: Any) -> Response:
        """Store one piece; sending it again is harmless."""
        upload: Upload = self.get_object()
        sha256 = request.headers.get("Content-SHA256", "")
        content = request.data if hasattr(request.data, "read") else io.BytesIO()  # no body at all
        stored = uploads.store_chunk(
            upload=upload, index=index, content=cast("IO[bytes]", content), by=self.actor, sha256=sha256
        )
        return Response(ChunkSerializer(stored).data)
