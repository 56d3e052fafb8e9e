"""A report on its way to the client: read, asked about, kept, accepted or sent back for changes."""

import base64
import json
from typing import Any, ClassVar

from django.conf import settings
from django.http import HttpResponse
from django.template.loader import render_to_string
from django.utils import timezone

from evaluations.errors import ReportNotLatestError, ReportNotSentError
from evaluations.models import Report
from freelance_ml.reports import dispatch
from freelance_ml.reports.pdf import report_pdf
from projects.access import Actor
from projects.models import Decision, Milestone
from projects.secrets import public_key
from projects.services.milestones import CLOSED
from projects.services.sending import Sent
from projects.shares import Visit
from projects.views.rooms import Room
from projects.web import file_answer


class ReportRoom(Room):
    """A milestone's report; it waits while it is the latest and the milestone is submitted."""

    model = Report
    related = "milestone__engagement__client__workspace"
    template = "reports/shared_report.html"
    files: ClassVar = {"pdf": "PDF", "html": "One page (HTML)", "json": "Signed data (JSON)"}
    choices: ClassVar = [
        (Decision.Answer.ACCEPTED.value, "I accept this milestone"),
        (Decision.Answer.CHANGES_REQUESTED.value, "I ask for changes"),
    ]
    ask = "Accept or ask for changes"

    def check(self, row: Report) -> None:
        """Raise unless the report has been sent and is the latest."""
        if not row.is_latest:
            raise ReportNotLatestError(number=row.number)
        if row.sent_at is None:
            raise ReportNotSentError(number=row.number)

    def was_sent(self, row: Report) -> bool:
        """Whether it was sent; it is frozen from the beginning."""
        return row.sent_at is not None

    def waits(self, row: Report) -> bool:
        """Whether it can still be answered."""
        over = row.milestone.engagement.status in CLOSED
        return row.milestone.status == Milestone.Status.SUBMITTED and row.is_latest and not over

    def consent(self, row: Report) -> str:
        """Write what is answered."""
        title, client = row.body["milestone"]["title"], row.body["to"]
        return f"I have read report {row.number} on “{title}” and may answer for {client}."

    def context(self, row: Report, decision: Decision | None) -> dict[str, Any]:
        """Give what every form of the report shows: the frozen value, its pictures and its answer."""
        pictures = [
            {**chart, "data": "data:image/svg+xml;base64," + base64.b64encode(chart["svg"].encode()).decode()}
            for chart in row.charts
        ]
        last_day = dispatch.last_day_of_review(row.milestone)
        return {"report": row, "body": row.body, "pictures": pictures, "decision": decision, "last_day": last_day}

    def file(self, row: Report, form: str, decision: Decision | None) -> HttpResponse:
        """Return a report as PDF, as one HTML file without script, or as JSON for checking."""
        name = f"report-{row.number}-{row.digest[:8]}.{form}"
        if form == "pdf":
            return file_answer(report_pdf(row, decision), "application/pdf", name)
        if form == "json":
            bundle = json.dumps(bundle_of(row), indent=1, ensure_ascii=False)
            return file_answer(bundle.encode(), "application/json", name)
        style = (settings.BASE_DIR / "freelance_ml/static/freelance_ml/app.css").read_text(encoding="utf-8")
        page = render_to_string("reports/standalone.html", {**self.context(row, decision), "style": style})
        return file_answer(page.encode(), "text/html; charset=utf-8", name)

    def freeze(self, row: Report) -> None:
        """Let a report in memory be sent, and its milestone submitted with it."""
        if row.sent_at is None and row.is_latest:
            row.sent_at = row.milestone.submitted_at = timezone.now()
            row.milestone.status = Milestone.Status.SUBMITTED

    def send(self, row: Report, *, by: Actor, **to: Any) -> Sent[Report]:
        """Submit the milestone and send the link."""
        return dispatch.send_to_client(report=row, by=by, **to)

    def told(self, row: Report) -> str:
        """Say what was submitted."""
        return "The milestone is submitted."

    def answer(self, row: Report, *, visit: Visit, fields: dict[str, Any], consent: str) -> Decision:
        """Accept the milestone, or send it back."""
        return dispatch.answer_report(visit=visit, report=row, fields=fields, consent=consent)


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
