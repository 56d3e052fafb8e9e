"""What every request carries: an id and the actor behind it."""

import re
import uuid
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from projects.services.people import actor_of

SAFE_ID = re.compile(r"[A-Za-z0-9-]{8,64}")

Handler = Callable[[HttpRequest], HttpResponse]


class RequestIdMiddleware:
    """Give every request an id, taken from the proxy's header when that is harmless."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Set ``request.id`` and send it back as X-Request-ID."""
        sent = request.headers.get("X-Request-ID", "")
        request.id = sent if SAFE_ID.fullmatch(sent) else uuid.uuid4().hex  # type: ignore[attr-defined]
        response = self.get_response(request)
        response["X-Request-ID"] = request.id  # type: ignore[attr-defined]
        return response


class ActorMiddleware:
    """Set ``request.actor``: who asks, in which workspace and with which role; None when signed out."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Find the actor of the session."""
        request.actor = None  # type: ignore[attr-defined]
        if request.user.is_authenticated:
            request.actor = actor_of(  # type: ignore[attr-defined]
                user=request.user,
                wished=request.session.get("workspace"),
                address=request.META.get("REMOTE_ADDR"),
                request_id=request.id,  # type: ignore[attr-defined]
            )
        return self.get_response(request)
