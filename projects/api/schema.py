"""How the schema is drawn: every operation also lists the problems it may answer with."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter

from projects.api.problems import CONTENT_TYPE

EVERYWHERE = ("400", "401", "403", "404", "405")
WITH_BODY = ("409", "413", "415", "422", "429")
PROBLEM = {
    "type": "object",
    "description": "Problem details of RFC 9457; match on code.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "code", "detail"],
                "properties": {name: {"type": "string"} for name in ("field", "code", "detail")},
            },
        },
    },
}
KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="The same key with the same body gives the same answer for 24 hours and acts once.",
    pattern=r"^[\x21-\x7e]{1,200}$",
)


class ProblemSchema(AutoSchema):
    """The framework's schema, with problems on every operation and the key on every POST."""

    def get_override_parameters(self) -> list[Any]:
        """Add the idempotency key where it is taken."""
        wanted = self.method == "POST" and getattr(self.view, "takes_idempotency_key", False)
        return [*super().get_override_parameters(), *([KEY] if wanted else [])]

    def _postprocess_serializer_schema(self, schema: Any, serializer: Any, direction: Any) -> Any:
        """Promise no form of an address in an answer, as it may be empty; a request takes no other names."""
        drawn = super()._postprocess_serializer_schema(schema, serializer, direction)
        if direction == "request" and "properties" in drawn:
            drawn["additionalProperties"] = False
        for part in drawn.get("properties", {}).values() if direction == "response" else ():
            if part.get("format") in {"email", "uri"}:
                del part["format"]
        return drawn

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        """Add the problems that every operation may answer with."""
        operation = super().get_operation(*args, **kwargs)
        if operation is not None:
            safe = self.method in {"GET", "HEAD", "OPTIONS"}
            for status in EVERYWHERE if safe else EVERYWHERE + WITH_BODY:
                content = {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
                operation["responses"].setdefault(status, {"description": "A problem.", "content": content})
        return operation


def add_problem(result: dict[str, Any], generator: Any, **options: Any) -> dict[str, Any]:
    """Put the form of a problem among the schema's components."""
    result.setdefault("components", {}).setdefault("schemas", {})["Problem"] = PROBLEM
    _strip(result, "x-spec-enum-id")  # the framework's own mark, of no use to a reader
    return result


def _strip(part: Any, key: str) -> None:
    if isinstance(part, dict):
        part.pop(key, None)
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        _strip(inner, key)


class TokenScheme(OpenApiAuthenticationExtension):
    """How the schema describes the token."""

    target_class = "projects.api.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Name the scheme."""
        return {"type": "http", "scheme": "bearer"}


class BrowserScheme(OpenApiAuthenticationExtension):
    """How the schema describes the browser's session."""

    target_class = "projects.api.authentication.BrowserAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Name the cookie."""
        return {"type": "apiKey", "in": "cookie", "name": "session"}
