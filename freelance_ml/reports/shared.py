"""What the client sees of a report through a link: read, ask, accept or ask for changes."""

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect, render
from django.urls import reverse

from evaluations.errors import ReportNotLatestError, ReportNotSentError
from evaluations.models import Report
from freelance_ml.reports.dispatch import answer_report, last_day_of_review
from freelance_ml.reports.views import in_form, report_context
from projects.errors import DomainError
from projects.forms.shares import DecisionForm, VisitorCommentForm
from projects.models import Decision, Milestone
from projects.queries.shares import comments_on, decision_on
from projects.shares import Visit, label_of

FORMS = {"pdf/": "pdf", "html/": "html", "json/": "json"}
CHOICES = [
    (Decision.Answer.ACCEPTED.value, "I accept this milestone"),
    (Decision.Answer.CHANGES_REQUESTED.value, "I ask for changes"),
]


def may_be_shared(report: Report) -> None:
    """Raise unless the report has been sent and is the latest."""
    if not report.is_latest:
        raise ReportNotLatestError(number=report.number)
    if report.sent_at is None:
        raise ReportNotSentError(number=report.number)


def consent_for(report: Report) -> str:
    """Write the sentence that the client agrees to."""
    return (
        f"I have read report {report.number} on “{report.body['milestone']['title']}” "
        f"and may answer for {report.body['to']}."
    )


def shared_report(request: HttpRequest, *, visit: Visit, rest: str) -> HttpResponse:
    """Show the report of a link, its files, or take the answer."""
    report = (
        Report.objects.in_workspace(visit.link.workspace)
        .select_related("milestone__engagement__client__workspace")
        .filter(pk=visit.link.subject_id, sent_at__isnull=False)
        .first()
    )
    if report is None:
        raise Http404
    decision = decision_on(label_of(report), document_digest=report.digest, actor=visit.actor)
    if rest == "answer/":
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        return _answer(request, visit, report, decision)
    if request.method == "POST":
        return HttpResponseNotAllowed(["GET", "HEAD"])
    if rest in FORMS:
        return in_form(report, FORMS[rest], decision)
    if rest:
        raise Http404
    return _show(request, visit, report, decision)


def _answer(request: HttpRequest, visit: Visit, report: Report, decision: Decision | None) -> HttpResponse:
    form = DecisionForm(request.POST, choices=CHOICES, consent=consent_for(report))
    if form.is_valid():
        try:
            answer_report(visit=visit, report=report, fields=form.cleaned_data, consent=consent_for(report))
        except DomainError as error:
            form.add_error(None, str(error))
        else:
            return redirect(reverse("projects:share-room", args=[visit.link.pk]) + "#answer")
    return _show(request, visit, report, decision, form=form, status=422)


def _show(
    request: HttpRequest,
    visit: Visit,
    report: Report,
    decision: Decision | None,
    *,
    form: DecisionForm | None = None,
    status: int = 200,
) -> HttpResponse:
    room = reverse("projects:share-room", args=[visit.link.pk])
    waits = report.milestone.status == Milestone.Status.SUBMITTED and report.is_latest
    context = {
        **report_context(report, decision),
        "visit": visit,
        "room": room,
        "waits": waits,
        "last_day": last_day_of_review(report.milestone) if waits else None,
        "decision_form": form or DecisionForm(choices=CHOICES, consent=consent_for(report)),
        "decision_action": f"{room}answer/",
        "decision_button": "Send your answer",
        "comments": comments_on(label_of(report), actor=visit.actor),
        "visitor_form": VisitorCommentForm(),
    }
    return render(request, "reports/shared_report.html", context, status=status)
