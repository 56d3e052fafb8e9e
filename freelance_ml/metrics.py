"""Figures of the web processes for Prometheus; kept in files when there are several processes."""

import os
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

REQUESTS = Counter("http_requests", "Requests answered.", ["method", "status"])
SECONDS = Histogram(
    "http_request_seconds",
    "Time to answer a request.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}  # others must not make new series


def count_request(*, method: str, status: int, seconds: float) -> None:
    """Remember one request."""
    REQUESTS.labels(method if method in METHODS else "other", str(status)).inc()
    SECONDS.observe(seconds)


def exposition(*collectors: Collector) -> bytes:
    """Write all figures in Prometheus' text format, the given collectors' too."""
    registry = CollectorRegistry()
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR", "")
    if folder and Path(folder).is_dir():
        MultiProcessCollector(registry)
    else:
        registry.register(REQUESTS)
        registry.register(SECONDS)
    for collector in collectors:
        registry.register(collector)
    return generate_latest(registry)
