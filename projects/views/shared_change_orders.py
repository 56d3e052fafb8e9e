"""What the client sees of a change order through a link: read, ask, approve or decline."""

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect, render
from django.urls import reverse

from projects.errors import DomainError
from projects.forms.shares import DecisionForm, VisitorCommentForm
from projects.models import ChangeOrder, Decision
from projects.queries.shares import comments_on
from projects.services.change_orders import ChangeOrderIncompleteError, answer_order
from projects.shares import Visit, label_of
from projects.views.change_orders import answer_to, as_pdf

CHOICES = [
    (Decision.Answer.APPROVED.value, "I approve this change"),
    (Decision.Answer.DECLINED.value, "I decline it"),
]


def may_be_shared(order: ChangeOrder) -> None:
    """Raise unless the change has been sent."""
    if not order.body or order.status == ChangeOrder.Status.WITHDRAWN:
        raise ChangeOrderIncompleteError(missing="Only a change that was sent can be shown.")


def shared_change_order(request: HttpRequest, *, visit: Visit, rest: str) -> HttpResponse:
    """Show the change order of a link, its PDF, or take the answer."""
    rows = ChangeOrder.objects.in_workspace(visit.link.workspace).select_related("engagement__client__workspace")
    order = rows.filter(pk=visit.link.subject_id, body__isnull=False).first()
    if order is None:
        raise Http404
    if rest == "answer/":
        return _answer(request, visit, order) if request.method == "POST" else HttpResponseNotAllowed(["POST"])
    if request.method == "POST":
        return HttpResponseNotAllowed(["GET", "HEAD"])
    if rest == "pdf/":
        return as_pdf(order, answer_to(order, visit.actor))
    if rest:
        raise Http404
    return _show(request, visit, order)


def _form(order: ChangeOrder, data: object = None) -> DecisionForm:
    body = order.body or {}
    consent = (
        f"I have read change order {order.number} on “{body['engagement']['title']}” and may answer for {body['to']}."
    )
    form = DecisionForm(data, choices=CHOICES, consent=consent)
    form.fields["name"].label = "Your full name, as your signature"
    form.fields["message"].label = "Anything to add"
    return form


def _answer(request: HttpRequest, visit: Visit, order: ChangeOrder) -> HttpResponse:
    form = _form(order, request.POST)
    if form.is_valid():
        try:
            consent = str(form.fields["agreed"].label)
            answer_order(visit=visit, order=order, fields=form.cleaned_data, consent=consent)
        except DomainError as error:
            form.add_error(None, str(error))
        else:
            return redirect(reverse("projects:share-room", args=[visit.link.pk]) + "#answer")
    return _show(request, visit, order, form=form, status=422)


def _show(
    request: HttpRequest, visit: Visit, order: ChangeOrder, *, form: DecisionForm | None = None, status: int = 200
) -> HttpResponse:
    room = reverse("projects:share-room", args=[visit.link.pk])
    context = {
        "order": order,
        "body": order.body or {},
        "currency": order.engagement.currency,
        "visit": visit,
        "room": room,
        "decision": answer_to(order, visit.actor),
        "waits": order.state == "sent",
        "decision_form": form or _form(order),
        "decision_action": f"{room}answer/",
        "decision_button": "Send your answer",
        "comments": comments_on(label_of(order), actor=visit.actor),
        "visitor_form": VisitorCommentForm(),
    }
    return render(request, "scopes/shared_change_order.html", context, status=status)
