"""The roof's own pages: the dashboard and the first run."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from freelance_ml.dashboard import STOP_POLLING, dashboard_of, running_jobs
from projects.access import Actor
from projects.accounts import enter_with_new_password
from projects.errors import DomainError
from projects.forms.people import SetUpForm
from projects.models import Membership, User
from projects.services.people import set_up
from projects.web import ActorRequest, commenter, member, render_page


@require_GET
@member
def dashboard(request: HttpRequest) -> HttpResponse:
    """Show what needs me now; htmx asks for the running jobs again as long as something runs."""
    actor: Actor = request.actor  # type: ignore[attr-defined]  # set by the door
    if request.headers.get("X-Poll"):
        running = list(running_jobs(actor))
        response = render_page(request, "dashboard.html", {"running": running}, partial="running")
        response.status_code = 200 if running else STOP_POLLING
        return response
    return render_page(request, "dashboard.html", dashboard_of(actor))


@require_http_methods(["GET", "POST"])
def welcome(request: HttpRequest) -> HttpResponse:
    """Make the first owner and workspace; afterwards tell those without a workspace how to get into one."""
    if User.objects.exists():
        if not request.user.is_authenticated:
            return redirect("account_login")
        return redirect("dashboard") if getattr(request, "actor", None) else render_page(request, "welcome.html")
    form = SetUpForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            owner = set_up(**form.cleaned_data)
        except DomainError as error:
            messages.error(request, str(error))
            return redirect("account_login")
        return enter_with_new_password(request, owner)
    return render_page(request, "welcome.html", {"form": form}, status=422 if form.errors else 200)


@require_POST
@commenter
def choose_theme(request: ActorRequest) -> HttpResponse:
    """Keep the theme that a person likes, on their account."""
    wished = request.POST.get("theme", "")
    if wished in {"system", "light", "dark"}:
        User.objects.filter(pk=str(request.user.pk)).update(theme=wished)
    return redirect(_way_back(request))


@require_POST
@commenter
def choose_workspace(request: ActorRequest) -> HttpResponse:
    """Go on in another workspace of the same person."""
    mine = Membership.objects.filter(user_id=str(request.user.pk)).select_related("workspace")
    for membership in mine:
        if str(membership.workspace_id) == request.POST.get("workspace", ""):
            request.session["workspace"] = str(membership.workspace_id)
            messages.success(request, f"You are now in {membership.workspace.name}.")
    return redirect("dashboard")


def _way_back(request: HttpRequest) -> str:
    """Return the page that a form was sent from, if it is ours."""
    wished = request.POST.get("next", "")
    ours = url_has_allowed_host_and_scheme(wished, {request.get_host()}, require_https=request.is_secure())
    return wished if ours and wished.startswith("/") else "dashboard"  # a word alone would be taken for a name
