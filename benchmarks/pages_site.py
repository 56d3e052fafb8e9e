"""The site with a bare view that makes one query: behind nothing, on a connection of its own, behind the same door."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "freelance_ml.settings")

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test.utils import override_settings
from django.urls import get_resolver, include, path

whole = get_wsgi_application()

from projects.models import Workspace  # noqa: E402  # Django is set up above
from projects.web import member  # noqa: E402


def bare(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(Workspace.objects.count()))


def fresh(request: HttpRequest) -> HttpResponse:
    """Open a connection for the one query and close it, as Django does unless it is told to keep it."""
    answer = bare(request)
    connection.close()
    return answer


urlpatterns = [
    path("bench/bare/", bare),
    path("bench/fresh/", fresh),
    path("bench/door/", member(bare)),
    path("", include("freelance_ml.urls")),
]
settings.ROOT_URLCONF = __name__
with override_settings(MIDDLEWARE=[]):
    naked = WSGIHandler()
get_resolver().url_patterns  # noqa: B018  # loaded before the fork


def application(environ, start_response):
    """Give the bare views to a handler without middleware, all else to the site."""
    handler = naked if environ["PATH_INFO"] in {"/bench/bare/", "/bench/fresh/"} else whole
    return handler(environ, start_response)
