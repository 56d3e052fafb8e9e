"""Papers: what is sent, as PDF, set by Typst in milliseconds with the fonts that it carries."""

import json
from typing import Any

from django.conf import settings

from projects.models import Decision

TEMPLATES = settings.BASE_DIR / "templates" / "pdf"


def set_paper(template: str, data: dict[str, Any], *, decision: Decision | None) -> bytes:
    """Set a paper; with an answer, its certificate stands at the end.

    The same data and answer give the same bytes: nothing of the moment of setting goes in.
    """
    import typst  # noqa: PLC0415  # a library of 80 MB, which few processes ever need

    answer = None
    if decision is not None:
        answer = {**decision.evidence(), "said": decision.get_answer_display(), "sha256": decision.evidence_digest}
    values = data | {"site": settings.SITE_URL, "decision": answer}
    made: bytes = typst.compile(
        (TEMPLATES / template).read_bytes(),
        format="pdf",
        sys_inputs={"data": json.dumps(values)},
        ignore_system_fonts=True,
    )
    return made
