"""What the client sees of a scope through a link: read, ask, sign or ask for changes."""

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect, render
from django.urls import reverse

from projects.errors import DomainError
from projects.forms.shares import DecisionForm, VisitorCommentForm
from projects.models import Decision, ScopeVersion
from projects.queries.scopes import signature_on
from projects.queries.shares import comments_on
from projects.services.scopes import ScopeNotSentError, answer_scope
from projects.shares import Visit, label_of
from projects.views.scopes import document_context, in_form

FORMS = {"pdf/": "pdf", "md/": "md", "json/": "json"}
CHOICES = [
    (Decision.Answer.SIGNED.value, "I sign this scope"),
    (Decision.Answer.CHANGES_REQUESTED.value, "I ask for changes first"),
]


def may_be_shared(scope: ScopeVersion) -> None:
    """Raise unless the version is frozen and not superseded."""
    if scope.status not in (ScopeVersion.Status.SENT, ScopeVersion.Status.SIGNED):
        raise ScopeNotSentError(number=scope.number, status=scope.get_status_display().lower())


def shared_scope(request: HttpRequest, *, visit: Visit, rest: str) -> HttpResponse:
    """Show the scope of a link, its files, or take the answer."""
    rows = ScopeVersion.objects.in_workspace(visit.link.workspace).select_related("engagement__client__workspace")
    scope = rows.filter(pk=visit.link.subject_id, body__isnull=False).first()
    if scope is None:
        raise Http404
    decision = signature_on(scope, actor=visit.actor)
    if rest == "answer/":
        return _answer(request, visit, scope) if request.method == "POST" else HttpResponseNotAllowed(["POST"])
    if request.method == "POST":
        return HttpResponseNotAllowed(["GET", "HEAD"])
    if rest in FORMS:
        return in_form(scope, FORMS[rest], decision)
    if rest:
        raise Http404
    return _show(request, visit, scope, decision)


def _form(scope: ScopeVersion, data: object = None) -> DecisionForm:
    body = scope.body or {}
    consent = f"I have read version {scope.number} of “{body['document']['title']}” and may sign for {body['to']}."
    form = DecisionForm(data, choices=CHOICES, consent=consent)
    form.fields["name"].label = "Your full name, as your signature"
    return form


def _answer(request: HttpRequest, visit: Visit, scope: ScopeVersion) -> HttpResponse:
    form = _form(scope, request.POST)
    if form.is_valid():
        try:
            consent = str(form.fields["agreed"].label)
            answer_scope(visit=visit, scope=scope, fields=form.cleaned_data, consent=consent)
        except DomainError as error:
            form.add_error(None, str(error))
        else:
            return redirect(reverse("projects:share-room", args=[visit.link.pk]) + "#answer")
    return _show(request, visit, scope, signature_on(scope, actor=visit.actor), form=form, status=422)


def _show(
    request: HttpRequest,
    visit: Visit,
    scope: ScopeVersion,
    decision: Decision | None,
    *,
    form: DecisionForm | None = None,
    status: int = 200,
) -> HttpResponse:
    room = reverse("projects:share-room", args=[visit.link.pk])
    context = {
        **document_context(scope, decision),
        "visit": visit,
        "room": room,
        "decision": decision,
        "waits": scope.status == ScopeVersion.Status.SENT and decision is None,
        "decision_form": form or _form(scope),
        "decision_action": f"{room}answer/",
        "decision_button": "Send your answer",
        "comments": comments_on(label_of(scope), actor=visit.actor),
        "visitor_form": VisitorCommentForm(),
    }
    return render(request, "scopes/shared_scope.html", context, status=status)
