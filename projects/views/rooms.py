"""The room of a document: what its client sees, keeps and answers. A kind of document says what is its own."""

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Any, ClassVar

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect, render
from django.urls import reverse

from projects.access import Actor
from projects.errors import DomainError
from projects.forms.shares import DecisionForm, VisitorCommentForm
from projects.models import Decision
from projects.queries.shares import answer_to, comments_on
from projects.services.sending import Sent
from projects.shares import Visit, label_of, purpose_of


class Room(ABC):
    """One kind of document, on its way to a client and back."""

    model: ClassVar[Any]
    related: ClassVar[str]  # the way to the workspace, which every page of it needs
    template: ClassVar[str]  # extends shares/room.html
    files: ClassVar[dict[str, str]]  # the forms in which it can be kept, with their names
    choices: ClassVar[list[tuple[str, str]]]  # the answers that it offers
    ask: ClassVar[str]  # the button that leads to them
    labels: ClassVar[dict[str, str]] = {}  # of the answer's fields, where they differ

    @abstractmethod
    def check(self, row: Any) -> None:
        """Raise a DomainError if no link to this row may be made (yet)."""

    @abstractmethod
    def was_sent(self, row: Any) -> bool:
        """Whether a visitor may look at it."""

    @abstractmethod
    def waits(self, row: Any) -> bool:
        """Whether it may be answered, unless it was."""

    @abstractmethod
    def consent(self, row: Any) -> str:
        """Write the sentence that is agreed to."""

    @abstractmethod
    def context(self, row: Any, decision: Decision | None) -> dict[str, Any]:
        """Give what the template shows of the document; ``body`` is its frozen value."""

    @abstractmethod
    def file(self, row: Any, form: str, decision: Decision | None) -> HttpResponse:
        """Return it in one of its forms."""

    @abstractmethod
    def freeze(self, row: Any) -> None:
        """Bring a row in memory to where it is once it is sent; raises DomainError if it is not fit for that."""

    @abstractmethod
    def send(self, row: Any, *, by: Actor, **to: Any) -> Sent[Any]:
        """Send it, and return its link; ``to``: see ``services.sending.send_link``."""

    @abstractmethod
    def told(self, row: Any) -> str:
        """Say in one sentence what it is, now that its link is made."""

    @abstractmethod
    def answer(self, row: Any, *, visit: Visit, fields: dict[str, Any], consent: str) -> Decision:
        """Take the visitor's answer, with all that follows from it."""

    def rows(self) -> Any:
        """List all rows of this kind."""
        return self.model.objects.select_related(self.related)

    def show(self, request: HttpRequest, *, visit: Visit, rest: str) -> HttpResponse:
        """Show the document of a link, one of its files, or take the answer."""
        row = self.rows().in_workspace(visit.link.workspace).filter(pk=visit.link.subject_id).first()
        if row is None or not self.was_sent(row):
            raise Http404
        answers = rest == "answer/"
        if answers != (request.method == "POST"):
            return HttpResponseNotAllowed(["POST"] if answers else ["GET", "HEAD"])
        if answers:
            return self._answer(request, visit, row)
        form = rest.removesuffix("/")
        if form in self.files and rest.endswith("/"):
            return self.file(row, form, answer_to(row, actor=visit.actor))
        if rest:
            raise Http404
        return self._page(request, row, actor=visit.actor, visit=visit)

    def preview(self, request: HttpRequest, row: Any, *, actor: Actor) -> HttpResponse:
        """Show what the client will see; without a visit nothing can be answered and nothing is noted."""
        self.freeze(row)
        return self._page(request, row, actor=actor)

    def _answer(self, request: HttpRequest, visit: Visit, row: Any) -> HttpResponse:
        form = self._form(row, request.POST)
        if form.is_valid():
            try:
                who = named(visit, form.cleaned_data["name"])
                self.answer(row, visit=who, fields=form.cleaned_data, consent=self.consent(row))
            except DomainError as error:
                form.add_error(None, str(error))
            else:
                return redirect(reverse("projects:share-room", args=[visit.link.pk]) + "#answer")
        return self._page(request, row, actor=visit.actor, visit=visit, form=form, status=422)

    def _form(self, row: Any, data: object = None) -> DecisionForm:
        form = DecisionForm(data, choices=self.choices, consent=self.consent(row))
        for name, label in self.labels.items():
            form.fields[name].label = label
        return form

    def _page(
        self,
        request: HttpRequest,
        row: Any,
        *,
        actor: Actor,
        visit: Visit | None = None,
        form: DecisionForm | None = None,
        status: int = 200,
    ) -> HttpResponse:
        decision = answer_to(row, actor=actor)
        context = {
            **self.context(row, decision),
            "visit": visit,
            "preview": visit is None,
            "room": reverse("projects:share-room", args=[visit.link.pk]) if visit else "",
            "back": reverse(purpose_of(row).page, args=[row.pk]),
            "files": self.files,
            "ask": self.ask,
            "decision": decision,
            "waits": decision is None and self.waits(row),
            "decision_form": form or self._form(row),
            "comments": comments_on(label_of(row), actor=actor),
            "visitor_form": VisitorCommentForm(),
        }
        return render(request, self.template, context, status=status)


def named(visit: Visit, name: str) -> Visit:
    """Let the trail tell what is said by the name that was given, where the link was made for nobody by name."""
    if visit.link.recipient_name or visit.link.recipient_email:
        return visit
    return replace(visit, actor=replace(visit.actor, name=f"{name} (by link)"))
