"""One JSON object per log line, with the request and the job it belongs to and without secrets."""

import json
import logging
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest, HttpResponse

from freelance_ml.metrics import count_request
from projects.tracing import job_id, request_id

logger = logging.getLogger("freelance_ml.requests")

HIDDEN = "[hidden]"
REDACTIONS = [
    # key = value, key: value, "key": "value"
    (
        re.compile(
            r"(?i)\b(password|passwd|secret|token|api[_-]?key|csrfmiddlewaretoken|sessionid|otp|recovery[_-]?code)"
            r"(\"?'?\s*[=:]\s*\"?'?)[^\s\"',;&)}]+"
        ),
        rf"\1\2{HIDDEN}",
    ),
    (re.compile(r"(?i)\b(bearer|basic|token)\s+[A-Za-z0-9._~+/=-]{8,}"), rf"\1 {HIDDEN}"),
    # What may repeat has an end: a long line without "@" or "://" would else be read again from each of its letters.
    (
        re.compile(r"(?i)([a-z][a-z0-9+.-]{0,20}://)[^\s/@:]*:[^\s/@]+@"),
        rf"\1{HIDDEN}@",
    ),  # an address with its password
    (re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,255}\.[A-Za-z]{2,}"), "[e-mail]"),
    (re.compile(r"\b(?:fml|shr|inv)_[A-Za-z0-9_-]{8,}"), HIDDEN),  # tokens with a prefix
    # Long random words: share links, invitations, password resets. Hexadecimal ids are shorter or dashed.
    (re.compile(r"(?<![A-Za-z0-9_.-])(?=[A-Za-z0-9_-]*[A-Z])(?=[A-Za-z0-9_-]*\d)[A-Za-z0-9_-]{32,}"), HIDDEN),
]
RESET_LINK = re.compile(r"(/password/reset/key/|/confirm-email/)[^/\s]+")
QUIET = {"/health", "/metrics"}
STANDARD = set(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}

Handler = Callable[[HttpRequest], HttpResponse]


def redact(text: str) -> str:
    """Hide what must not stand in a log: passwords, tokens, links that open doors, e-mail addresses."""
    text = RESET_LINK.sub(rf"\1{HIDDEN}", text)
    for pattern, replacement in REDACTIONS:
        text = pattern.sub(replacement, text)
    return text


class JsonFormatter(logging.Formatter):
    """Writes a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Give the line; what cannot be written as JSON is written as text."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        for name, variable in (("request", request_id), ("job", job_id)):
            if value := variable.get():
                line[name] = value
        for name, value in record.__dict__.items():
            if name not in STANDARD and isinstance(value, str | int | float | bool):
                line[name] = redact(value) if isinstance(value, str) else value
        if record.exc_info:
            line["exception"] = redact(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False, default=str)


class RequestLogMiddleware:
    """Write one line for each request: what was asked, what came of it, how long it took. Never the query."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Time the request and log it."""
        token = request_id.set(getattr(request, "id", ""))
        began = time.perf_counter()
        try:
            response = self.get_response(request)
            seconds = time.perf_counter() - began
            count_request(method=request.method or "", status=response.status_code, seconds=seconds)
            if request.path not in QUIET:
                logger.info(
                    "%s %s %s",
                    request.method,
                    request.path,
                    response.status_code,
                    extra={"status": response.status_code, "ms": round(seconds * 1000, 1)},
                )
            return response
        finally:
            request_id.reset(token)


def configuration(level: str) -> dict[str, Any]:
    """Give the logging of all processes: JSON lines on standard error."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": "freelance_ml.logs.JsonFormatter"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Django's own handlers would print a second time and mail the settings to the operators.
            "django": {"handlers": [], "level": level, "propagate": True},
            "django.server": {"handlers": [], "level": level, "propagate": True},
            "django.request": {"level": "ERROR"},  # 4xx are in the request lines already
        },
    }
