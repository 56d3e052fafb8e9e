"""The report as a PDF, set by Typst in milliseconds with the fonts that it carries."""

import json
from typing import Any

import typst
from django.conf import settings

from evaluations.models import Report
from projects.models import Decision

TEMPLATE = settings.BASE_DIR / "templates" / "pdf" / "report.typ"


def report_pdf(report: Report, decision: Decision | None = None) -> bytes:
    """Set a report; with an answer, the last page is its certificate.

    The same report and answer give the same bytes: nothing of the moment of setting goes in.
    """
    data: dict[str, Any] = {
        "body": report.body,
        "digest": report.digest,
        "signature": report.signature,
        "key": report.key_id,
        "charts": report.charts or [],
        "site": settings.SITE_URL,
        "decision": {**decision.evidence(), "said": decision.get_answer_display(), "sha256": decision.evidence_digest}
        if decision
        else None,
    }
    made: bytes = typst.compile(
        TEMPLATE.read_bytes(), format="pdf", sys_inputs={"report": json.dumps(data)}, ignore_system_fonts=True
    )
    return made
