"""The addresses of the API that belong to no row: its problems, its schema's page, and what does not exist."""

import threading
from typing import Any, ClassVar

from django.http import HttpResponse
from django.utils.encoding import force_bytes
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from projects.api.base import PlainSerializer
from projects.api.problems import all_problems


class ProblemCodeSerializer(PlainSerializer):
    """A problem that an answer may carry."""

    code = serializers.CharField()
    status = serializers.IntegerField()
    title = serializers.CharField()


class ProblemList(APIView):
    """Every problem code with its status; a published code never changes its meaning."""

    permission_classes = [AllowAny]
    authentication_classes: list[Any] = []

    @extend_schema(operation_id="problems_list", responses=ProblemCodeSerializer(many=True), auth=[])
    def get(self, request: Request) -> Response:
        """List the codes."""
        return Response(ProblemCodeSerializer(all_problems(), many=True).data)


class Description(SpectacularAPIView):
    """The API's own description: drawn once in each process and form, as it takes seconds and is the same for all."""

    drawn: ClassVar[dict[str, bytes]] = {}
    drawing: ClassVar[threading.Lock] = threading.Lock()

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Give the description; no parameter changes it."""
        renderer = request.accepted_renderer
        with self.drawing:
            if renderer.media_type not in self.drawn:
                description = self.generator_class().get_schema(public=True)
                self.drawn[renderer.media_type] = force_bytes(renderer.render(description, renderer.media_type))
        return HttpResponse(self.drawn[renderer.media_type], content_type=renderer.media_type)


@extend_schema(exclude=True)
class UnknownAddress(APIView):
    """Answers in the API's own form where nothing is."""

    permission_classes = [AllowAny]
    authentication_classes: list[Any] = []

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse every method alike."""
        raise NotFound("No such address. Addresses end with a slash; /api/v1/docs/ lists them.")
