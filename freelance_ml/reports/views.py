"""The freelancer's own view of reports, and the page on which anyone checks one."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from freelance_ml.reports import dispatch
from freelance_ml.reports.checking import check_report
from freelance_ml.reports.forms import VerifyForm
from freelance_ml.reports.shared import ReportRoom
from projects.errors import DomainError
from projects.models import Milestone
from projects.queries.shares import answer_to
from projects.secrets import key_ring, public_key
from projects.services.shares import DEFAULT_DAYS
from projects.views.documents import send_form
from projects.views.share_links import share_context
from projects.web import ActorRequest, member, render_page, writer


@require_GET
@member
def report_page(request: ActorRequest, report_id: UUID) -> HttpResponse:
    """Show exactly what the client sees, beside the ways to send it."""
    room = ReportRoom()
    report = get_object_or_404(room.rows().visible_to(request.actor), pk=report_id)
    context = {
        **room.context(report, answer_to(report, actor=request.actor)),
        **share_context(request, report),
        "send_form": send_form(report.milestone.engagement.client, days=DEFAULT_DAYS),
        "crumbs": [
            (report.milestone.engagement.title, reverse("projects:engagement", args=[report.milestone.engagement_id])),
            (report.milestone.title, reverse("projects:milestone", args=[report.milestone_id])),
        ],
    }
    return render_page(request, "reports/report_page.html", context)


@require_POST
@writer
def report_make(request: ActorRequest, milestone_id: UUID) -> HttpResponse:
    """Freeze a report on a milestone's verdict."""
    milestone = get_object_or_404(Milestone.objects.visible_to(request.actor), pk=milestone_id)
    try:
        report = dispatch.make_report(milestone=milestone, by=request.actor)
    except DomainError as error:
        messages.error(request, str(error))
        return redirect("projects:milestone", milestone.pk)
    return redirect("report", report.pk)


@require_http_methods(["GET", "POST"])
def verify(request: HttpRequest) -> HttpResponse:
    """Check whether a report's file is unchanged and was signed here."""
    form = VerifyForm(request.POST or None, request.FILES or None)
    outcome = None
    if request.method == "POST" and form.is_valid():
        outcome = check_report(form.cleaned_data["file"].read())
    status = 422 if request.method == "POST" and outcome is None else 200
    key = public_key(key_ring().signer) or b""
    context = {"form": form, "outcome": outcome, "key": key.hex()}
    return render_page(request, "reports/verify.html", context, status=status)
