"""A document for the tests of sharing: a milestone's promise, shown by the smallest possible room."""

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render

from projects.errors import DomainError
from projects.forms.shares import VisitorCommentForm
from projects.models import Milestone
from projects.queries.shares import comments_on
from projects.services.decisions import record_decision
from projects.services.sending import Sent
from projects.services.shares import address_of, create_share_link
from projects.shares import Purpose, label_of


class NotReadyError(DomainError):
    code = "test-not-ready"
    template = "“{title}” is not ready to be shared. Finish it first."


class NoteRoom:
    def show(self, request, *, visit, rest):
        milestone = get_object_or_404(Milestone.objects.in_workspace(visit.link.workspace), pk=visit.link.subject_id)
        if rest == "answer/" and request.method == "POST":
            decision = record_decision(
                subject=label_of(milestone),
                document_digest="a" * 64,
                answer=request.POST["answer"],
                name="Carla",
                email="carla@client.example",
                consent="I accept.",
                by=visit.actor,
                agent=visit.agent,
                link=visit.link,
            )
            return HttpResponse(decision.answer, status=201)
        if rest == "ask/":
            comments = comments_on(visit.link.subject, actor=visit.actor)
            context = {"visit": visit, "form": VisitorCommentForm(), "comments": comments}
            return render(request, "shares/comment.html", context)
        if rest:
            raise Http404
        return HttpResponse(f"The promise: {milestone.promise}")

    def check(self, milestone):
        if milestone.title == "Unfinished":
            raise NotReadyError(title=milestone.title)

    def rows(self):
        return Milestone.objects.all()

    files = {}

    def send(self, milestone, *, by, name="", email="", **to):
        made = create_share_link(
            subject=milestone, purpose=NOTE, by=by, recipient_name=name, recipient_email=email, **to
        )
        return Sent(milestone, made.link, address_of(made.token))

    def preview(self, request, milestone, *, actor):
        return HttpResponse(f"The promise: {milestone.promise}")


NOTE = Purpose(
    name="test-note",
    title="Note",
    model="projects.milestone",
    page="projects:milestone",
    room="tests.projects.shared_note.NoteRoom",
)
