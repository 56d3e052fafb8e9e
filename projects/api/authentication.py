"""Who calls: a program with a token, or a signed-in browser; either way ``request.auth`` is the Actor."""

from typing import Any

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, SessionAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from projects.access import Actor
from projects.api.problems import ApiProblemError
from projects.models import User
from projects.second_factor import lacks_second_factor
from projects.services.tokens import authenticate_token

REFUSED = "The token is not valid: it may be mistyped, expired or revoked. Make a new one under Settings."


class TokenAuthentication(BaseAuthentication):
    """``Authorization: Bearer <token>``; the token decides the workspace, the role and the scopes."""

    keyword = "Bearer"

    def authenticate(self, request: Request) -> tuple[User, Actor] | None:
        """Look the token up; None when the request carries none."""
        words = get_authorization_header(request).split()
        if not words or words[0].lower() != b"bearer":
            return None
        try:
            (plaintext,) = (word.decode("ascii") for word in words[1:])
        except ValueError:
            raise AuthenticationFailed(REFUSED) from None
        actor = authenticate_token(
            plaintext,
            address=request.META.get("REMOTE_ADDR"),
            request_id=getattr(request, "id", ""),
        )
        if actor is None or actor.user is None:
            raise AuthenticationFailed(REFUSED)
        request._request.actor = actor  # type: ignore[attr-defined]  # as the middleware does for a session
        timezone.activate(actor.workspace.zone)  # until the middleware ends the request
        return actor.user, actor

    def authenticate_header(self, request: Request) -> str:
        """Ask for a token, so that an unknown caller gets 401 and not 403."""
        return self.keyword


class BrowserAuthentication(SessionAuthentication):
    """A signed-in browser; every change needs its CSRF token."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        """Take the actor that the middleware found for the session."""
        found = super().authenticate(request)
        if not found:
            return None
        actor = getattr(request._request, "actor", None)
        if actor is not None and lacks_second_factor(actor, request._request):
            raise ApiProblemError("second-factor-required", "Set up a second factor in the pages, or use an API token.")
        return found[0], actor

    def enforce_csrf(self, request: Any) -> None:
        """Refuse a change without the token that the page gave."""
        try:
            super().enforce_csrf(request)
        except Exception as error:  # the parent raises PermissionDenied with a technical reason
            detail = "Send the CSRF token of the page in the X-CSRFToken header, or use an API token."
            raise ApiProblemError("csrf-failed", detail) from error


class ActorPermission(BasePermission):
    """Lets in actors of a workspace; a change needs the write scope and a role that may write."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Judge by the actor alone, never by the row: a refusal tells nothing about what exists."""
        actor = request.auth
        if not isinstance(actor, Actor):
            return False
        if request.method in SAFE_METHODS:
            return "read" in actor.scopes
        return actor.may_write
