"""The roof's own pages: the dashboard and the first run."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET, require_http_methods

from projects.web import member, render_page


@require_GET
@member
def dashboard(request: HttpRequest) -> HttpResponse:
    """Show what needs me now."""
    return render_page(request, "dashboard.html")


@require_http_methods(["GET", "POST"])
def welcome(request: HttpRequest) -> HttpResponse:
    """Make the first workspace."""
    return render_page(request, "welcome.html")
