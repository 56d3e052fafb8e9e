"""What every page needs: who may enter, and the page or only its changed part."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers

from projects.access import Actor
from projects.second_factor import lacks_second_factor

View = Callable[..., HttpResponseBase]
Row = TypeVar("Row")


class ActorRequest(HttpRequest):
    """A request of someone who is signed in and has a workspace."""

    actor: Actor
    htmx: Any
    id: str


def _door(view: View, may_enter: Callable[[Actor, HttpRequest], bool]) -> View:
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        actor: Actor | None = getattr(request, "actor", None)
        if actor is None:
            return redirect("welcome")
        if lacks_second_factor(actor, request):
            return redirect("projects:second-factor")
        if not may_enter(actor, request):
            raise PermissionDenied
        response = view(request, *args, **kwargs)
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response

    return guarded


def member(view: View) -> View:
    """Let in everyone of the workspace; a reviewer may look and not change."""
    return _door(view, lambda actor, request: request.method in {"GET", "HEAD"} or actor.may_write)


def commenter(view: View) -> View:
    """Let in everyone of the workspace, to change what even a reviewer may: comments, own settings."""
    return _door(view, lambda actor, request: True)


def writer(view: View) -> View:
    """Let in those who may change rows."""
    return _door(view, lambda actor, request: actor.may_write)


def owner(view: View) -> View:
    """Let in owners only."""
    return _door(view, lambda actor, request: actor.owns)


def render_page(
    request: HttpRequest,
    template: str,
    context: dict[str, Any] | None = None,
    *,
    partial: str | None = None,
    status: int = 200,
) -> HttpResponse:
    """Render a page; htmx gets the named partial alone."""
    htmx = getattr(request, "htmx", None)
    wants_part = bool(partial and htmx and not htmx.boosted and not htmx.history_restore_request)
    response = render(request, f"{template}#{partial}" if wants_part else template, context or {}, status=status)
    patch_vary_headers(response, ["HX-Request"])  # no cache may mix the two bodies
    return response


def found(rows: list[Row]) -> Row:
    """Return the one row that was asked for, else 404."""
    if not rows:
        raise Http404
    return rows[0]


def file_answer(content: bytes, kind: str, name: str) -> HttpResponse:
    """Answer with a file to keep."""
    return HttpResponse(content, content_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})
