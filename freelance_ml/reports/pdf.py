"""The report as a PDF."""

from evaluations.models import Report
from projects.models import Decision
from projects.papers import set_paper


def report_pdf(report: Report, decision: Decision | None = None) -> bytes:
    """Set a report; with an answer, the last page is its certificate."""
    data = {
        "body": report.body,
        "digest": report.digest,
        "signature": report.signature,
        "key": report.key_id,
        "charts": report.charts or [],
    }
    return set_paper("report.typ", data, decision=decision)
