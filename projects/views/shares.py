"""What a client sees through a share link, without an account."""

import uuid
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from projects.errors import DomainError
from projects.forms.shares import PasscodeForm, VisitorCommentForm
from projects.queries.shares import comments_on, open_link, open_session
from projects.services.comments import add_comment
from projects.services.guards import TooManyTriesError
from projects.services.shares import LinkGoneError, OpenedLink, exchange_token, note_view, visitor_of
from projects.shares import Visit, purpose_named
from projects.views.rooms import named

Room = Callable[..., HttpResponse]


def cookie_name(link_id: uuid.UUID) -> str:
    """Name the cookie of one link, so that several can be open side by side."""
    return f"{'__Host-' if settings.SECURE_SITE else ''}share-{link_id.hex}"


def gone(request: HttpRequest) -> HttpResponse:
    """Answer for wrong, expired and revoked links: the same body for each."""
    return render(request, "shares/gone.html", status=404)


@csrf_exempt  # under no-referrer a browser sends Origin: null; who can post here holds the token already
@require_http_methods(["GET", "HEAD", "POST"])
def share_door(request: HttpRequest, token: str) -> HttpResponse:
    """Show a button, so that link previews open nothing; pressing it swaps the token for a cookie."""
    link = open_link(token)
    if link is None:
        return gone(request)
    form, status = PasscodeForm(request.POST if request.method == "POST" else None), 200
    if request.method == "POST":
        try:
            opened = exchange_token(
                token=token, passcode=request.POST.get("passcode", ""), address=request.META.get("REMOTE_ADDR")
            )
            return _let_in(opened)
        except LinkGoneError:
            return gone(request)
        except DomainError as error:
            status = 429 if isinstance(error, TooManyTriesError) else 422
            form.full_clean()
            form.add_error(None, str(error))
    with timezone.override(link.workspace.zone):
        return render(request, "shares/door.html", {"link": link, "form": form}, status=status)


def _let_in(opened: OpenedLink) -> HttpResponse:
    link_id = opened.session.link_id
    response = HttpResponseRedirect(reverse("projects:share-room", args=[link_id]))
    response.set_cookie(
        cookie_name(link_id),
        opened.secret,
        expires=opened.session.expires_at,
        secure=settings.SECURE_SITE,
        httponly=True,
        samesite="Lax",
    )
    return response


def visitor(room: Room) -> Room:
    """Let in a browser that came through the link of the address; everyone else gets 404."""

    @wraps(room)
    def guarded(request: HttpRequest, link_id: uuid.UUID, **kwargs: Any) -> HttpResponse:
        session = open_session(link_id=link_id, secret=request.COOKIES.get(cookie_name(link_id), ""))
        if session is None:
            return gone(request)
        actor = visitor_of(session.link, address=request.META.get("REMOTE_ADDR"), request_id=getattr(request, "id", ""))
        agent = request.headers.get("User-Agent", "")[:200]
        visit = Visit(link=session.link, session=session, actor=actor, agent=agent)
        with timezone.override(actor.workspace.zone):  # so both sides read the same days
            return room(request, visit=visit, **kwargs)

    return guarded


@require_http_methods(["GET", "HEAD", "POST"])
@visitor
def share_room(request: HttpRequest, *, visit: Visit, rest: str = "") -> HttpResponse:
    """Show the document, or a part of it, by the room that its storey registered."""
    purpose = purpose_named(visit.link.purpose)
    if purpose is None:
        raise Http404
    response = purpose.load_room().show(request, visit=visit, rest=rest)
    if request.method == "GET" and not rest:
        note_view(session=visit.session, by=visit.actor, agent=visit.agent)
    return response


@require_POST
@visitor
def share_comment(request: HttpRequest, *, visit: Visit) -> HttpResponse:
    """Take a client's question or remark."""
    form = VisitorCommentForm(request.POST)
    status = 422
    if form.is_valid():
        try:
            who = named(visit, form.cleaned_data["name"])
            add_comment(subject=visit.link.subject, by=who.actor, link=visit.link, **form.cleaned_data)
            return redirect(reverse("projects:share-room", args=[visit.link.pk]) + "#comments")
        except DomainError as error:
            status = 429 if isinstance(error, TooManyTriesError) else 422
            form.add_error(None, str(error))
    context = {
        "visit": visit,
        "form": form,
        "comments": comments_on(visit.link.subject, actor=visit.actor),
    }
    return render(request, "shares/comment.html", context, status=status)


@require_GET
def robots(request: HttpRequest) -> HttpResponse:
    """Ask search machines to stay away: everything here is private."""
    return HttpResponse("User-agent: *\nDisallow: /\n", content_type="text/plain; charset=utf-8")
