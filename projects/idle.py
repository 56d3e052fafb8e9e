"""Browsers that nobody uses are signed out; so are those that have been signed in for long enough."""

import time
from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse

KEY = "presence"  # in the session: when someone signed in, when they were last seen
NOTED_EVERY = 5 * 60  # seconds; the session is written so often, not with every request

Handler = Callable[[HttpRequest], HttpResponse]


def note_presence(request: HttpRequest) -> None:
    """Begin to count for a session that was just made."""
    now = int(time.time())
    request.session[KEY] = [now, now]


class IdleMiddleware:
    """End sessions that were left alone for SESSION_IDLE_MINUTES, or that are older than SESSION_COOKIE_AGE."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Sign out who was away for too long; what follows then meets someone who is signed out."""
        if request.user.is_authenticated:
            _look(request)
        return self.get_response(request)


def _look(request: HttpRequest) -> None:
    now = int(time.time())
    entered, seen = request.session.get(KEY) or (now, 0)
    if seen and (now - seen > settings.SESSION_IDLE_MINUTES * 60 or now - entered > settings.SESSION_COOKIE_AGE):
        logout(request)
    elif now - seen > NOTED_EVERY and "X-Poll" not in request.headers:  # a page that asks by itself is not a person
        request.session[KEY] = [entered, now]
