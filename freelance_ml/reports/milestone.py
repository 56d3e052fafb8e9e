"""The milestone report as one plain value: what was promised, what was shown, how sure, what it means."""

from datetime import datetime
from typing import Any

from evaluations.engine.protocols import describe_gate
from evaluations.models import EvaluationRun, TrainedModel
from evaluations.queries.protocols import looks_left
from projects.canonical import digest
from projects.models import Job, Milestone

SCHEMA = "freelance-ml/report/1"

HEADLINES = {
    "pass": "The promise was kept.",
    "fail": "The promise was not kept.",
    "inconclusive": "It is not shown yet whether the promise is kept.",
}
SPLITS = {
    "stratified": "drawn at random, each class in its share",
    "grouped": "whole groups, drawn at random, so that no group is on both sides",
    "time-ordered": "the latest ones, as the model will meet the future",
}


def report_body(
    *, milestone: Milestone, run: EvaluationRun, cost: dict[str, Any], ledger: dict[str, Any], at: datetime
) -> dict[str, Any]:
    """Put a milestone's report together; every figure comes from the frozen result and protocol."""
    protocol, result = run.protocol, run.result or {}
    engagement = milestone.engagement
    terms = protocol.body["terms"]
    return {
        "schema": SCHEMA,
        "made_at": at.isoformat(timespec="seconds"),
        "from": engagement.client.workspace.name,
        "to": engagement.client.name,
        "engagement": {"title": engagement.title, "purchase_order": engagement.purchase_order},
        "milestone": {
            "title": milestone.title,
            "promise": milestone.promise,
            "deliverables": milestone.deliverables,
            "criteria": milestone.criteria,
            "due_on": milestone.due_on.isoformat() if milestone.due_on else None,
            "fee_minor": milestone.fee_minor,
            "currency": engagement.currency,
        },
        "verdict": {
            "verdict": result["verdict"]["verdict"],
            "headline": HEADLINES[result["verdict"]["verdict"]],
            "sentence": result["verdict"]["sentence"],
        },
        "gates": result["gates"],
        "metrics": result["metrics"],
        "slices": result["slices"],
        "comparison": result["comparison"],
        "curves": result["curves"],
        "facts": result["facts"],
        "how": _how(run, terms),
        "limits": _limits(run, terms),
        "data": _data(run),
        "looks": {"taken": protocol.looks.count(), "budget": terms["looks"], "left": looks_left(protocol)},
        "model": _model(run.model) if run.model else {"predictions": run.predictions.name if run.predictions else ""},
        "provenance": _provenance(run),
        "cost": cost,
        "ledger": ledger,
    }


def job_usage(milestone: Milestone) -> dict[str, Any]:
    """Add up the machine time of all jobs that worked for a milestone."""
    subjects = [f"evaluations.protocol:{pk}" for pk in milestone.protocols.values_list("pk", flat=True)]
    for protocol in milestone.protocols.prefetch_related("training_runs", "runs"):
        subjects += [f"evaluations.trainingrun:{row.pk}" for row in protocol.training_runs.all()]
        subjects += [f"evaluations.evaluationrun:{row.pk}" for row in protocol.runs.all()]
    jobs = Job.objects.in_workspace(milestone.engagement.client.workspace).filter(subject__in=subjects)
    rows = list(jobs.values_list("cpu_seconds", "wall_seconds"))
    return {
        "jobs": len(rows),
        "cpu_seconds": round(sum(cpu for cpu, _ in rows), 1),
        "wall_seconds": round(sum(wall for _, wall in rows), 1),
    }


def _how(run: EvaluationRun, terms: dict[str, Any]) -> list[dict[str, str]]:
    """Say in the client's words how the promise was tested."""
    aside = run.protocol.body["acceptance"]
    split = SPLITS[terms["split"]["method"]]
    risk = 1 - terms["confidence"]
    looks = terms["looks"]
    parts = [
        {
            "title": "Rows nobody trained on",
            "text": f"{aside['rows']:,} rows were set aside before the work began: {split}. "
            "They were sealed, and opened only for the counted looks below.",
        },
        {
            "title": "The promise came first",
            "text": f"What counts as kept was written down and frozen on "
            f"{run.protocol.frozen_at:%d %B %Y}, before anything was trained. It has not changed since.",
        },
        {
            "title": "How sure",
            "text": "A promise counts as shown only if it holds at the cautious end of what the rows allow. "
            f"A model that does not keep it would pass by luck in at most {100 * risk:.3g} of 100 such tests"
            + (f", all {looks} looks together." if looks > 1 else "."),
        },
    ]
    if len(terms["gates"]) > 1:
        promises = "; ".join(describe_gate(gate) for gate in terms["gates"] if gate["primary"])
        parts.append({"title": "All of them", "text": f"Every one of these had to be shown: {promises}."})
    return parts


def _limits(run: EvaluationRun, terms: dict[str, Any]) -> list[str]:
    """Say what the report does not say."""
    limits = [
        "It speaks of this model and of rows like those set aside. If the data changes, so may the result.",
        "It does not say why the model answers as it does, nor that acting on its answers causes an effect.",
    ]
    if terms["split"]["method"] != "time-ordered":
        limits.append("The rows were not the latest ones, so it does not show how the model does as time goes on.")
    if run.predictions is not None:
        limits.append("The predictions were made elsewhere and brought as a file; how they were made was not seen.")
    return limits


def _data(run: EvaluationRun) -> dict[str, Any]:
    version = run.protocol.dataset_version
    if version is None or version.table is None or version.original is None:
        return {}
    dataset = version.dataset
    return {
        "name": dataset.name,
        "version": version.number,
        "file": version.file_name,
        "rows": version.rows,
        "columns": version.column_count,
        "source": dataset.source,
        "owner": dataset.owner,
        "licence": dataset.licence,
        "file_sha256": version.original.sha256,
        "table_sha256": version.table.sha256,
        "findings": [
            {"severity": finding.get("severity", ""), "message": finding["message"]}
            for finding in version.findings
            if finding.get("severity") in {"critical", "high"}
        ],
    }


def _model(model: TrainedModel) -> dict[str, Any]:
    facts = model.facts
    return {
        "title": model.title,
        "recipe": model.recipe,
        "settings": facts["settings"],
        "trained_rows": facts["rows"],
        "left_out": [name for name, _ in facts["plan"]["left_out"]],
        "importance": facts["importance"][:10],
        "sha256": model.artifact.sha256 if model.artifact else "",
    }


def _provenance(run: EvaluationRun) -> dict[str, Any]:
    protocol = run.protocol
    return {
        "protocol_number": protocol.number,
        "protocol_sha256": protocol.digest,
        "protocol_frozen_at": protocol.frozen_at.isoformat(timespec="seconds") if protocol.frozen_at else None,
        "acceptance_sha256": protocol.body["acceptance"]["sha256"],
        "result_sha256": run.digest,
        "terms_sha256": digest(protocol.body["terms"]),
        "evaluated_at": run.finished_at.isoformat(timespec="seconds") if run.finished_at else None,
        "seed": (run.result or {}).get("seed"),
        "versions": run.job.versions if run.job else {},
        "isolation": run.job.isolation if run.job else "",
    }
