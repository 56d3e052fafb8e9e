"""What the operator's machines ask: is it well, and how much is going on."""

import hmac
import ipaddress
import logging
from collections.abc import Iterator

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from freelance_ml import broker
from freelance_ml.metrics import exposition
from projects.models import Job

logger = logging.getLogger(__name__)

OUTSIDE = ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_VIA")


@never_cache
@require_safe
def health(request: HttpRequest) -> HttpResponse:
    """Answer 200 when pages can be served, else 503; a broker that is away is said but harms no page."""
    database = "ok" if _database_answers() else "away"
    answer = {
        "status": "ok" if database == "ok" else "unavailable",
        "database": database,
        "broker": broker.state(),
    }
    response = JsonResponse(answer, status=200 if database == "ok" else 503)
    if database != "ok":
        response["Retry-After"] = "5"
    return response


def _database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except (DatabaseError, OSError):
        logger.exception("The database does not answer.")
        return False
    return True


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Give Prometheus its figures; who is neither on this machine nor has the token finds nothing here."""
    if not may_read_metrics(request):
        raise Http404
    body = exposition(JobFigures())
    return HttpResponse(body, content_type="text/plain; version=0.0.4; charset=utf-8")


def may_read_metrics(request: HttpRequest) -> bool:
    """Let in the bearer of METRICS_TOKEN, else programs on this machine that no proxy speaks for."""
    sent = request.headers.get("Authorization", "")
    if settings.METRICS_TOKEN:
        return hmac.compare_digest(sent.encode(), f"Bearer {settings.METRICS_TOKEN}".encode())
    if any(name in request.META for name in OUTSIDE):
        return False  # a proxy on this machine asks for somebody else
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


class JobFigures(Collector):
    """Counts jobs by state over the whole installation, without naming a workspace."""

    def collect(self) -> Iterator[Metric]:
        """Ask the database at the moment of the question."""
        family = GaugeMetricFamily("freelance_ml_jobs", "Jobs by state.", labels=["state"])
        counts = dict(Job.objects.order_by().values_list("state").annotate(count=Count("pk")))
        for state in Job.State.values:
            family.add_metric([state], counts.get(state, 0))
        yield family
        away = GaugeMetricFamily("freelance_ml_broker_up", "Whether the broker answers.")
        away.add_metric([], 0 if broker.state() == "away" else 1)
        yield away
