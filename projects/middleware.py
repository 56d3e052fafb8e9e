"""What every request carries: an id, where it comes from, and the actor behind it."""

import ipaddress
import re
import uuid
from collections.abc import Callable
from datetime import UTC
from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.cache import patch_cache_control

from projects.access import Actor
from projects.models import User
from projects.services.people import actor_of, memberships_of

SAFE_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
SHARED = "/s/"
SHARED_ROOM = re.compile(rf"{SHARED}[0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}/")  # no secret in it
PERMISSIONS = ", ".join(
    [
        *(f"{feature}=()" for feature in ("camera", "microphone", "geolocation", "payment", "usb", "browsing-topics")),
        "publickey-credentials-create=(self)",
        "publickey-credentials-get=(self)",
    ]
)

Handler = Callable[[HttpRequest], HttpResponse]


class RequestIdMiddleware:
    """Give every request an id, taken from the proxy's header when that is harmless."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Set ``request.id`` and ``request.address``, and send the id back as X-Request-ID."""
        sent = request.headers.get("X-Request-ID", "")
        request.id = sent if SAFE_ID.fullmatch(sent) else uuid.uuid4().hex  # type: ignore[attr-defined]
        request.address = client_address(request)  # type: ignore[attr-defined]
        response = self.get_response(request)
        response["X-Request-ID"] = request.id  # type: ignore[attr-defined]
        return response


class ActorMiddleware:
    """Set ``request.actor``: who asks, in which workspace and with which role; None when signed out.

    ``request.memberships`` are the workspaces that the same person may act in.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Find the actor of the session; times are shown in the zone of the actor's workspace."""
        request.actor, request.memberships = None, []  # type: ignore[attr-defined]
        if request.user.is_authenticated:
            found = getattr(request.user, "found_memberships", None)  # with the person, by a session
            request.memberships = memberships_of(request.user) if found is None else found  # type: ignore[attr-defined]
            request.actor = actor_of(  # type: ignore[attr-defined]
                user=request.user,
                memberships=request.memberships,  # type: ignore[attr-defined]
                wished=request.session.get("workspace"),
                address=request.address,  # type: ignore[attr-defined]
                request_id=request.id,  # type: ignore[attr-defined]
            )
        actor: Actor | None = request.actor  # type: ignore[attr-defined]
        with timezone.override(actor.workspace.zone if actor else UTC):
            return self.get_response(request)


class FirstRunMiddleware:
    """Lead the first visitor of an empty installation to the page that makes the owner."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Look for an owner only where someone without one would stand: before the sign-in page."""
        at_the_door = request.path.startswith("/accounts/login/") and request.method == "GET"
        if at_the_door and not User.objects.exists():
            return redirect("welcome")
        return self.get_response(request)


class PrivacyMiddleware:
    """Keep what a signed-in person sees out of every cache, and switch off what pages never need."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Add the headers where the view did not set its own."""
        response = self.get_response(request)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS)
        user: Any = getattr(request, "_cached_user", None)  # as far as the answer looked at it
        is_private = request.path.startswith("/accounts/") or "Authorization" in request.headers
        if is_private or (user is not None and user.is_authenticated):
            patch_cache_control(response, private=True, no_store=True)
        return response


class SharedPagesMiddleware:
    """Keep everything below /s/ out of caches, search machines and other sites' logs, whoever answers."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Set the headers by the address alone: refusals and redirects need them as much as pages."""
        response = self.get_response(request)
        if request.path_info.startswith(SHARED):
            response["Cache-Control"] = "private, no-store"
            response["X-Robots-Tag"] = "noindex, nofollow, noarchive"
            response["Referrer-Policy"] = "same-origin" if SHARED_ROOM.match(request.path_info) else "no-referrer"
        return response


def client_address(request: HttpRequest) -> str:
    """Return where a request comes from; X-Forwarded-For counts only as far as our own proxies wrote it."""
    address = request.META.get("REMOTE_ADDR", "")
    chain = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",") if part.strip()]
    while chain and _is_trusted(address):
        address = chain.pop()
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return ""


def _is_trusted(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in _trusted_networks(tuple(settings.TRUSTED_PROXIES)))


@cache
def _trusted_networks(proxies: tuple[str, ...]) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    return [ipaddress.ip_network(proxy, strict=False) for proxy in proxies]
