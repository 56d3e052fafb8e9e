"""The freelancer's own view of reports, and the page on which anyone checks one."""

import base64
import json
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from evaluations.models import Report
from freelance_ml.reports import dispatch
from freelance_ml.reports.checking import check_report
from freelance_ml.reports.forms import SendForm, VerifyForm
from freelance_ml.reports.pdf import report_pdf
from projects.errors import DomainError
from projects.models import Decision, Milestone
from projects.queries.shares import decision_on
from projects.secrets import public_key
from projects.shares import label_of, purpose_named
from projects.views.share_links import share_context, show_address_once, take_address
from projects.web import ActorRequest, member, render_page, writer

FORMS = ("pdf", "html", "json")


def report_context(report: Report, decision: Decision | None) -> dict[str, object]:
    """Give what every form of the report shows: the frozen value, its pictures and its answer."""
    pictures = [
        {**chart, "data": "data:image/svg+xml;base64," + base64.b64encode(chart["svg"].encode()).decode()}
        for chart in report.charts
    ]
    return {"report": report, "body": report.body, "pictures": pictures, "decision": decision}


def bundle_of(report: Report) -> dict[str, object]:
    """Return the report with all that is needed to check it without us."""
    key = public_key(report.key_id)
    return {
        "report": report.body,
        "sha256": report.digest,
        "signature": report.signature,
        "key_id": report.key_id,
        "public_key": key.hex() if key else "",
    }


def in_form(report: Report, form: str, decision: Decision | None) -> HttpResponse:
    """Return a report as a file: "pdf", "html" (one file without script) or "json" (for checking)."""
    name = f"report-{report.number}-{report.digest[:8]}.{form}"
    if form == "pdf":
        body, kind = report_pdf(report, decision), "application/pdf"
    elif form == "json":
        body, kind = json.dumps(bundle_of(report), indent=1, ensure_ascii=False).encode(), "application/json"
    else:
        style = (settings.BASE_DIR / "freelance_ml/static/freelance_ml/app.css").read_text(encoding="utf-8")
        page = render_to_string("reports/standalone.html", {**report_context(report, decision), "style": style})
        body, kind = page.encode(), "text/html; charset=utf-8"
    response = HttpResponse(body, content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@require_GET
@member
def report_page(request: ActorRequest, report_id: UUID) -> HttpResponse:
    """Show exactly what the client sees, beside the ways to send it."""
    report = _report(request, report_id)
    decision = decision_on(label_of(report), document_digest=report.digest, actor=request.actor)
    purpose = purpose_named(dispatch.PURPOSE)
    context = {
        **report_context(report, decision),
        **(share_context(request, purpose=purpose, subject=report) if purpose else {}),
        "send_form": SendForm(initial=_first_contact(report)),
        "last_day": dispatch.last_day_of_review(report.milestone),
        "address": take_address(request, subject=report),
        "crumbs": [
            (report.milestone.engagement.title, reverse("projects:engagement", args=[report.milestone.engagement_id])),
            (report.milestone.title, reverse("projects:milestone", args=[report.milestone_id])),
        ],
    }
    return render_page(request, "reports/report_page.html", context)


@require_GET
@member
def report_file(request: ActorRequest, report_id: UUID, form: str) -> HttpResponse:
    """Download a report."""
    report = _report(request, report_id)
    if form not in FORMS:
        raise Http404
    return in_form(report, form, decision_on(label_of(report), document_digest=report.digest, actor=request.actor))


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


@require_POST
@writer
def report_send(request: ActorRequest, report_id: UUID) -> HttpResponse:
    """Send a report by link, and by mail where an address is given."""
    report = _report(request, report_id)
    form = SendForm(request.POST)
    if not form.is_valid():
        messages.error(request, "; ".join(str(error) for errors in form.errors.values() for error in errors))
        return redirect("report", report.pk)
    try:
        sent = dispatch.send_to_client(report=report, by=request.actor, **form.cleaned_data)
    except DomainError as error:
        messages.error(request, str(error))
    else:
        show_address_once(request, subject=report, address=sent.address)
        messages.success(request, "The report is sent. The milestone is submitted.")
    return redirect("report", report.pk)


@require_http_methods(["GET", "POST"])
def verify(request: HttpRequest) -> HttpResponse:
    """Check whether a report's file is unchanged and was signed here."""
    form = VerifyForm(request.POST or None, request.FILES or None)
    outcome = None
    if request.method == "POST" and form.is_valid():
        outcome = check_report(form.cleaned_data["file"].read())
    status = 422 if request.method == "POST" and outcome is None else 200
    return render_page(request, "reports/verify.html", {"form": form, "outcome": outcome}, status=status)


def _report(request: ActorRequest, report_id: UUID) -> Report:
    rows = Report.objects.visible_to(request.actor).select_related("milestone__engagement__client__workspace", "run")
    return get_object_or_404(rows, pk=report_id)


def _first_contact(report: Report) -> dict[str, str]:
    contact = report.milestone.engagement.client.contacts.first()
    return {"name": contact.name, "email": contact.email} if contact else {}
