"""A scope on its way to the client: read, asked about, kept, signed or sent back for changes."""

import json
from typing import Any, ClassVar

from django.http import HttpResponse

from projects.access import Actor
from projects.forms.amounts import written_amount
from projects.models import Decision, ScopeVersion
from projects.scope_pdf import scope_pdf
from projects.scoping.documents import ScopeDocument
from projects.scoping.markdown import render_markdown
from projects.scoping.payments import payment_plan
from projects.services import scopes
from projects.services.milestones import CLOSED
from projects.services.sending import Sent
from projects.shares import Visit
from projects.views.rooms import Room
from projects.web import file_answer


class ScopeRoom(Room):
    """A version of a scope; it waits from its sending to its one answer."""

    model = ScopeVersion
    related = "engagement__client__workspace"
    template = "scopes/shared_scope.html"
    files: ClassVar = {"pdf": "PDF", "md": "Markdown", "json": "Data (JSON)"}
    choices: ClassVar = [
        (Decision.Answer.SIGNED.value, "I sign this scope"),
        (Decision.Answer.CHANGES_REQUESTED.value, "I ask for changes first"),
    ]
    ask = "Sign or ask for changes"
    labels: ClassVar = {"name": "Your full name, as your signature"}

    def check(self, row: ScopeVersion) -> None:
        """Raise unless the version is frozen and not superseded."""
        if row.status not in (ScopeVersion.Status.SENT, ScopeVersion.Status.SIGNED):
            raise scopes.ScopeNotSentError(number=row.number, status=row.get_status_display().lower())

    def was_sent(self, row: ScopeVersion) -> bool:
        """Whether it is frozen."""
        return row.body is not None

    def waits(self, row: ScopeVersion) -> bool:
        """Whether it can be signed."""
        return row.status == ScopeVersion.Status.SENT and row.engagement.status not in CLOSED

    def consent(self, row: ScopeVersion) -> str:
        """Write what is signed."""
        body = row.body or {}
        return f"I have read version {row.number} of “{body['document']['title']}” and may sign for {body['to']}."

    def context(self, row: ScopeVersion, decision: Decision | None) -> dict[str, Any]:
        """Give what ``scopes/_document.html`` shows, on every page on which the document stands."""
        document = ScopeDocument.from_dict(row.shown)
        titles = {milestone.id: milestone.title for milestone in document.milestones}
        dates = sorted(milestone.due_on for milestone in document.milestones if milestone.due_on)
        return {
            "scope": row,
            "document": document,
            "currency": document.currency,
            "body": row.body or {},
            "clauses": [
                {"clause": clause, "milestone": titles.get(clause.milestone)} for clause in document.acceptance
            ],
            "plan": payment_plan(document, row.body),
            "ends_on": dates[-1] if dates else "",
            "signature": decision,
        }

    def file(self, row: ScopeVersion, form: str, decision: Decision | None) -> HttpResponse:
        """Return a version as PDF, Markdown or JSON (the frozen value and its digest)."""
        name = f"scope-{row.number}-{row.digest[:8] or 'draft'}.{form}"
        if form == "pdf":
            return file_answer(scope_pdf(row, decision), "application/pdf", name)
        if form == "md":
            text = render_markdown(ScopeDocument.from_dict(row.shown), money=written_amount, body=row.body)
            return file_answer(text.encode(), "text/markdown; charset=utf-8", name)
        value = {"scope": row.body or row.shown, "sha256": row.digest}
        return file_answer(json.dumps(value, indent=1, ensure_ascii=False).encode(), "application/json", name)

    def freeze(self, row: ScopeVersion) -> None:
        """Freeze a draft in memory."""
        if row.is_draft:
            scopes.freeze(row)

    def send(self, row: ScopeVersion, *, by: Actor, **to: Any) -> Sent[ScopeVersion]:
        """Freeze the draft and send its link."""
        return scopes.send_scope_to_client(scope=row, by=by, **to)

    def told(self, row: ScopeVersion) -> str:
        """Name the version."""
        return f"Version {row.number} is frozen."

    def answer(self, row: ScopeVersion, *, visit: Visit, fields: dict[str, Any], consent: str) -> Decision:
        """Take the signature, or what should change first."""
        return scopes.answer_scope(visit=visit, scope=row, fields=fields, consent=consent)
