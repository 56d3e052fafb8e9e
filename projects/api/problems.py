"""Errors as problem details (RFC 9457): one body, one stable code each, the same for all storeys."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from django.apps import apps
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import DataError, IntegrityError
from django.http import Http404
from django.urls import reverse
from rest_framework import exceptions
from rest_framework.exceptions import ErrorDetail
from rest_framework.response import Response

from projects.errors import DomainError

CONTENT_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Problem:
    """A kind of answer that is not a success: its code never changes once published."""

    code: str
    status: int
    title: str
    sentence: str = ""  # the template of the detail, where the code belongs to one rule


GENERAL = {
    problem.code: problem
    for problem in (
        Problem("invalid-input", 400, "Some fields are not right; see errors."),
        Problem("malformed-body", 400, "The body cannot be read."),
        Problem("unknown-parameter", 400, "The address carries a parameter that does not exist."),
        Problem("idempotency-key-invalid", 400, "The Idempotency-Key cannot be used here."),
        Problem("not-signed-in", 401, "Sign in, or send a token."),
        Problem("bad-credentials", 401, "The token is not valid."),
        Problem("not-permitted", 403, "Your role or token may not do this."),
        Problem("csrf-failed", 403, "The request of a signed-in browser lacks its CSRF token."),
        Problem("second-factor-required", 403, "The workspace demands a second factor, and this person has none."),
        Problem("not-found", 404, "There is nothing here that you may see."),
        Problem("method-not-allowed", 405, "This address does not take this method."),
        Problem("not-acceptable", 406, "This cannot be sent in the wished form."),
        Problem("conflict", 409, "The row clashes with another one, or refers to one that is gone."),
        Problem("body-too-large", 413, "The body is too large."),
        Problem("unsupported-media-type", 415, "The body must be JSON."),
        Problem("idempotency-key-reused", 422, "This Idempotency-Key was used with another request."),
        Problem("too-many-attempts", 429, "Too many attempts; wait a little."),
    )
}

# A DomainError answers 409 unless it, or a class that it stands on, has its own line here (by code).
DOMAIN_STATUS: dict[str, int] = {
    "not-permitted": 403,
    "too-many-tries": 429,
    "share-link-gone": 404,
    "passcode-wrong": 403,
    "chunk-too-large": 413,
    "upload-too-large": 413,
    "idempotency-key-invalid": 400,
    "idempotency-key-reused": 422,
}

DOMAIN_STATUS |= dict.fromkeys(  # what was sent is wrong by itself, whatever the state of the row
    (
        "bad-change",
        "bad-estimate",
        "bad-price-line",
        "bad-rule",
        "bad-scope",
        "comment-empty",
        "decision-incomplete",
        "engagement-dates",
        "passcode-too-short",
        "protocol-invalid",
        "share-days-out-of-range",
        "token-lifetime",
        "token-scope",
        "unknown-currency",
        "unknown-time-zone",
    ),
    400,
)

CODE_OF_EXCEPTION: dict[type[Exception], str] = {
    exceptions.ParseError: "malformed-body",
    exceptions.ValidationError: "invalid-input",
    exceptions.NotAuthenticated: "not-signed-in",
    exceptions.AuthenticationFailed: "bad-credentials",
    exceptions.PermissionDenied: "not-permitted",
    PermissionDenied: "not-permitted",
    exceptions.NotFound: "not-found",
    Http404: "not-found",
    exceptions.MethodNotAllowed: "method-not-allowed",
    exceptions.NotAcceptable: "not-acceptable",
    exceptions.UnsupportedMediaType: "unsupported-media-type",
    exceptions.Throttled: "too-many-attempts",
    IntegrityError: "conflict",
    DataError: "invalid-input",
}


class ApiProblemError(exceptions.APIException):
    """A problem of the API's own front, named by its code in ``GENERAL``."""

    def __init__(self, code: str, detail: str) -> None:
        self.problem = GENERAL[code]
        self.status_code = self.problem.status
        super().__init__(detail, code)


def status_of(kind: type[DomainError]) -> int:
    """Return the status for a broken rule: a conflict unless a more fitting one is registered."""
    for cls in kind.__mro__:
        status = DOMAIN_STATUS.get(getattr(cls, "code", ""))
        if status:
            return status
    return HTTPStatus.CONFLICT


def title_of_code(code: str) -> str:
    """Return a short title that is the same for every occurrence of the code."""
    known = GENERAL.get(code)
    return known.title if known else code.replace("-", " ").capitalize() + "."


def field_errors(detail: Any, path: str = "") -> Iterator[dict[str, str]]:
    """Flatten nested errors into one line a message, with the field's dotted path."""
    if isinstance(detail, Mapping):
        for key, value in detail.items():
            name = "" if key == "non_field_errors" else str(key)
            yield from field_errors(value, ".".join(part for part in (path, name) if part))
    elif isinstance(detail, list | tuple):
        for index, value in enumerate(detail):
            nested = isinstance(value, Mapping | list | tuple)
            yield from field_errors(value, f"{path}.{index}" if nested and path else path)
    else:
        yield {"field": path, "code": str(getattr(detail, "code", "invalid")), "detail": str(detail)}


def problem_response(
    request: Any,
    *,
    code: str,
    status: int,
    detail: str,
    errors: list[dict[str, str]] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """Build the answer; ``type`` points at the list of all problems."""
    body: dict[str, Any] = {
        "type": request.build_absolute_uri(reverse("api-problems")) + f"#{code}",
        "title": title_of_code(code),
        "status": int(status),
        "detail": detail,
        "code": code,
    }
    if errors:
        body["errors"] = errors
    return Response(body, status=status, headers=headers, content_type=CONTENT_TYPE)


def _sentence(error: Exception, code: str) -> str:
    if isinstance(error, IntegrityError | DataError | Http404):  # their text names tables, or a row's model
        return GENERAL[code].title
    detail = getattr(error, "detail", None)
    if isinstance(detail, ErrorDetail | str):
        return str(detail)
    return str(error) if not isinstance(error, PermissionDenied) and str(error) else GENERAL[code].title


def _known(error: Exception) -> str | None:
    return next((CODE_OF_EXCEPTION[cls] for cls in type(error).__mro__ if cls in CODE_OF_EXCEPTION), None)


def _headers(error: Exception) -> dict[str, str]:
    challenge, wait = getattr(error, "auth_header", None), getattr(error, "retry_after", getattr(error, "wait", None))
    found = {"WWW-Authenticate": challenge} if challenge else {}
    return found | ({"Retry-After": str(int(wait))} if wait else {})


def answer_problem(error: Exception, context: dict[str, Any]) -> Response | None:
    """Turn what a view raised into problem details; None lets a true fault surface as one."""
    request = context["request"]
    if isinstance(error, DomainError):
        place = [{"field": error.field, "code": error.code, "detail": str(error)}] if error.field else None
        return problem_response(
            request,
            code=error.code,
            status=DOMAIN_STATUS.get(error.code) or status_of(type(error)),
            detail=str(error),
            errors=place,
            headers=_headers(error),
        )
    if isinstance(error, ApiProblemError):
        return problem_response(request, code=error.problem.code, status=error.problem.status, detail=str(error.detail))
    if isinstance(error, ValidationError):  # Django's, from a service that checks the row as a whole
        error = exceptions.ValidationError(exceptions_detail(error))
    code = _known(error)
    if code is None:
        return None
    errors = None
    detail = _sentence(error, code)
    if isinstance(error, exceptions.ValidationError):
        errors, detail = list(field_errors(error.detail)), GENERAL[code].title
    return problem_response(
        request, code=code, status=GENERAL[code].status, detail=detail, errors=errors, headers=_headers(error)
    )


def exceptions_detail(error: ValidationError) -> Any:
    """Return Django's field errors in the framework's form."""
    if hasattr(error, "error_dict"):
        named = error.message_dict.items()
        return {("non_field_errors" if name == "__all__" else name): messages for name, messages in named}
    return {"non_field_errors": error.messages}


def all_problems() -> list[Problem]:
    """List every problem that an answer may carry: the general ones, then the rules of the business."""
    found = dict(GENERAL)
    errors = [one for one in _subclasses(DomainError) if apps.is_installed(one.__module__.partition(".")[0])]
    named = [(code, error) for error in errors for code in error.codes]
    for code, error in [*((one.code, one) for one in errors if not one.codes), *named]:
        status = DOMAIN_STATUS.get(code) or status_of(error)
        found.setdefault(code, Problem(code, status, title_of_code(code), error.template))
    return sorted(found.values(), key=lambda problem: (problem.status, problem.code))


def _subclasses(parent: type[DomainError]) -> Iterator[type[DomainError]]:
    for child in parent.__subclasses__():
        yield child
        yield from _subclasses(child)
