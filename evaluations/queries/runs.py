"""What may be shown of an evaluation."""

from typing import Any

from evaluations.engine.verdict import seal
from evaluations.models import EvaluationRun, Protocol
from evaluations.queries.protocols import looks_left
from projects.models import Milestone


def is_sealed(run: EvaluationRun) -> bool:
    """Whether only one bit of a look may be told: it did not pass, and the budget holds more looks."""
    return run.verdict not in {"", EvaluationRun.Verdict.PASS} and looks_left(run.protocol) > 0


def shown_result(run: EvaluationRun) -> dict[str, Any] | None:
    """Return the result as far as it may be shown; None while the evaluation is running."""
    if run.result is None:
        return None
    return seal(run.result) if is_sealed(run) else run.result


def frozen_protocol(milestone: Milestone) -> Protocol | None:
    """Return the protocol in force."""
    found: Protocol | None = milestone.protocols.filter(state=Protocol.State.FROZEN).first()
    return found


def deciding_run(milestone: Milestone) -> EvaluationRun | None:
    """Return the look that speaks for a milestone under its protocol in force: a pass, else the latest."""
    looks = EvaluationRun.objects.filter(
        protocol__milestone=milestone,
        protocol__state=Protocol.State.FROZEN,
        finished_at__isnull=False,
    ).select_related("protocol", "model", "predictions")
    return looks.filter(verdict=EvaluationRun.Verdict.PASS).first() or looks.first()
