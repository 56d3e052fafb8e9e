"""Reports through the API: frozen on a milestone's verdict, downloaded, sent."""

from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from evaluations.models import Report
from freelance_ml.reports import dispatch
from freelance_ml.reports.shared import ReportRoom
from projects.api.base import CreateRows, ReadRows, ScopedFilterSet, ScopedModelSerializer, row_action
from projects.api.shares import SendSerializer, WithAddress, draw_files, file_of, send_document


class ReportSerializer(ScopedModelSerializer):
    """A report; what it says is frozen from the beginning."""

    body = serializers.DictField(read_only=True, help_text="The frozen value that every form of the report shows.")

    class Meta:
        model = Report
        fields: ClassVar[list[str]] = [
            "id",
            "milestone",
            "number",
            "run",
            "body",
            "digest",
            "signature",
            "key_id",
            "sent_at",
            "created_at",
        ]
        read_only_fields: ClassVar[list[str]] = [name for name in fields if name != "milestone"]


class SentReportSerializer(WithAddress, ReportSerializer):
    """A report on its way, with the address of its link."""

    class Meta(ReportSerializer.Meta):
        fields: ClassVar[list[str]] = [*ReportSerializer.Meta.fields, "address"]


class ReportFilter(ScopedFilterSet):
    """By milestone."""

    class Meta:
        model = Report
        fields: ClassVar[list[str]] = ["milestone"]


class ReportViewSet(CreateRows, ReadRows):
    """Milestone reports; the client answers through a share link."""

    queryset = Report.objects.select_related(ReportRoom.related)
    serializer_class = ReportSerializer
    filterset_class = ReportFilter
    ordering_fields: ClassVar[list[str]] = ["number", "created_at"]
    takes_idempotency_key = False  # the answer of send holds the link's token, which is kept nowhere

    def create_row(self, fields: dict[str, Any]) -> Report:
        """Freeze a report on the look that speaks for the milestone."""
        return dispatch.make_report(milestone=fields["milestone"], by=self.actor)

    @extend_schema(request=SendSerializer, responses=SentReportSerializer)
    @row_action("post")
    def send(self, request: Request, pk: str) -> Response:
        """Submit the milestone and make a link for the client; its address is in this answer only."""
        return send_document(self, request, SentReportSerializer)

    @draw_files("html", "json", "pdf")
    def file(self, request: Request, pk: str, form: str) -> HttpResponse:
        """Download the report as PDF, as one HTML page without script, or as signed JSON."""
        return file_of(self, form)
