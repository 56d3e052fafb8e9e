"""Long work: what runs, how far it is, what it says; cancel and start again."""

import threading
import time
from typing import Any, ClassVar

import django_filters
from django.db import connection
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from projects.api.base import LINES, PlainSerializer, ReadRows, ScopedFilterSet, ScopedModelSerializer, row_action
from projects.dispatch import cancel_job, retry_job
from projects.models import Job
from projects.queries.jobs import log_of

LONGEST_WAIT = 20  # seconds
LOOK_EVERY = 0.5  # seconds
MOST_WAITING = 2  # of one process; who comes later is answered at once, so that pages always find a thread
LONGEST_PAGE = 500  # log lines
waiting = threading.BoundedSemaphore(MOST_WAITING)


class JobSerializer(ScopedModelSerializer):
    """A job with its progress, use and outcome."""

    version = serializers.SerializerMethodField(help_text="Changes with every change; send it back as since.")
    share_done = serializers.FloatField(read_only=True, allow_null=True, help_text="Of the phase, from 0 to 1.")
    seconds_left = serializers.SerializerMethodField()

    class Meta:
        model = Job
        fields = [
            "id",
            "kind",
            "title",
            "subject",
            "parent",
            "state",
            "phase",
            "share_done",
            "seconds_left",
            "attempts",
            "max_attempts",
            "log_lines",
            "error_code",
            "error_message",
            "result",
            "seed",
            "versions",
            "isolation",
            "wall_seconds",
            "cpu_seconds",
            "peak_bytes",
            "created_at",
            "started_at",
            "finished_at",
            "version",
        ]
        read_only_fields = fields

    def get_version(self, job: Job) -> str:
        """Name the present state of the row."""
        return version_of(job)

    def get_seconds_left(self, job: Job) -> float | None:
        """Estimate how long the phase still takes; null when unknown."""
        left = job.time_left
        return None if left is None else round(left.total_seconds(), 1)


class LogLineSerializer(PlainSerializer):
    """One line that a job said."""

    number = serializers.IntegerField()
    text = serializers.CharField()


class LogSerializer(PlainSerializer):
    """Lines of a job's log, and where to go on."""

    lines = LogLineSerializer(many=True)
    last = serializers.IntegerField(help_text="Send it back as after.")
    over = serializers.BooleanField(help_text="Whether no line will follow.")


class LogQuery(PlainSerializer):
    """Which lines are wished."""

    after = serializers.IntegerField(required=False, default=0, min_value=0, max_value=2**31 - 1)
    limit = serializers.IntegerField(required=False, default=200, min_value=1, max_value=LONGEST_PAGE)


class WaitQuery(PlainSerializer):
    """How long to wait for a change, and since which version."""

    wait = serializers.IntegerField(required=False, default=0, min_value=0, max_value=LONGEST_WAIT)
    since = serializers.CharField(required=False, default="", max_length=100, allow_blank=True)


class RetrySerializer(PlainSerializer):
    """Why the job is started again."""

    reason = serializers.CharField(required=False, default="", max_length=500, allow_blank=True, style=LINES)


class JobFilter(ScopedFilterSet):
    """By state, kind and what it is for."""

    open = django_filters.BooleanFilter(method="keep_open", label="Whether it is not over yet.")

    class Meta:
        model = Job
        fields: ClassVar[list[str]] = ["state", "kind", "subject", "parent"]

    def keep_open(self, queryset: Any, name: str, value: object) -> Any:
        """Keep what is not over, or what is."""
        return queryset.open() if value else queryset.over()


class JobViewSet(ReadRows):
    """Jobs; they are started where their work belongs, such as at an upload."""

    queryset = Job.objects.all()
    serializer_class = JobSerializer
    filterset_class = JobFilter
    search_fields = ["title"]
    ordering_fields = ["created_at", "finished_at"]

    @extend_schema(
        parameters=[
            OpenApiParameter("wait", {"type": "integer", "minimum": 0, "maximum": LONGEST_WAIT}),
            OpenApiParameter("since", {"type": "string", "maxLength": 100}),
        ]
    )
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Read a job; with wait and since, answer when it changed or the seconds are over."""
        job, query = self.get_object(), WaitQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        wish = query.validated_data
        if wish["wait"] and wish["since"] == version_of(job) and not job.is_over:
            job = self._wait_for_change(job, seconds=wish["wait"])
        return Response(self.get_serializer(job).data)

    def _wait_for_change(self, job: Job, *, seconds: int) -> Job:
        if not waiting.acquire(blocking=False):
            return job
        try:
            seen, until = version_of(job), time.monotonic() + seconds
            while version_of(job) == seen and time.monotonic() < until:
                if not connection.in_atomic_block:
                    connection.close()  # a waiting client must not hold one of the database's few
                time.sleep(LOOK_EVERY)
                job = self.get_object()
            return job
        finally:
            waiting.release()

    @extend_schema(request=None, responses=JobSerializer)
    @row_action("post")
    def cancel(self, request: Request, pk: str) -> Response:
        """Cancel a job: at once if it waits, within seconds if it runs; over stays over."""
        job = cancel_job(job=self.get_object(), by=self.actor)
        return Response(self.get_serializer(job).data)

    @extend_schema(request=RetrySerializer, responses=JobSerializer)
    @row_action("post")
    def retry(self, request: Request, pk: str) -> Response:
        """Start a failed or cancelled job again."""
        found, wish = self.get_object(), RetrySerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        job = retry_job(job=found, by=self.actor, reason=wish.validated_data["reason"])
        return Response(self.get_serializer(job).data)

    @extend_schema(
        parameters=[
            OpenApiParameter("after", {"type": "integer", "minimum": 0, "maximum": 2**31 - 1}),
            OpenApiParameter("limit", {"type": "integer", "minimum": 1, "maximum": LONGEST_PAGE}),
        ],
        responses=LogSerializer,
    )
    @row_action("get")
    def log(self, request: Request, pk: str) -> Response:
        """Read the log after a line; without after, its end."""
        job, query = self.get_object(), LogQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        lines = log_of(job, **query.validated_data)
        last = lines[-1].number if lines else query.validated_data["after"]
        answer = {"lines": lines, "last": last, "over": job.is_over and last >= job.log_lines}
        return Response(LogSerializer(answer).data)


def version_of(job: Job) -> str:
    """Name the present state of a job's row in a few letters."""
    moved = job.progress_at.timestamp() if job.progress_at else 0
    asked = "c" if job.cancel_requested_at else ""
    return f"{job.state}{asked}.{job.fence}.{job.retries}.{job.log_lines}.{moved:.3f}"
