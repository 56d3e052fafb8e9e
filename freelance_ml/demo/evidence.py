"""Sample evidence: the client's data, protocols, models, looks, reports and the client's answers."""

import io
from typing import Any

from evaluations import dispatch
from evaluations.models import Dataset, DatasetVersion, EvaluationRun, Protocol, Report, TrainedModel
from evaluations.services import datasets, protocols, uploads
from freelance_ml.demo import churn, jobs, work
from freelance_ml.demo.links import client_link, keep_client_link
from freelance_ml.demo.saying import Say
from freelance_ml.reports.dispatch import answer_report, make_report, send_to_client
from freelance_ml.reports.shared import ReportRoom
from projects.access import Actor
from projects.models import Decision, Job, Milestone
from projects.queries.shares import open_link
from projects.services.milestones import set_milestone_status
from projects.services.sending import Sent
from projects.services.shares import exchange_token, note_view, visitor_of
from projects.shares import Visit

DATASET = "Prepaid customers, February"
FILE = "nordlicht-prepaid-2026-02.csv"
ALL_RECIPES: list[str] = []
LINK_DAYS = 90
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_4 like Mac OS X) Safari"


def add_data(actor: Actor, say: Say) -> None:
    """Upload the client's table and have it read, with what is to be predicted known from the start."""
    dataset = Dataset.objects.visible_to(actor).filter(name=DATASET).first() or datasets.add_dataset(
        by=actor,
        name=DATASET,
        engagement=work.the_engagement(actor),
        source="Export of the billing system, one row for each customer active on 28 February",
        owner=work.CLIENT,
        licence="For this engagement only",
        lawful_basis=Dataset.Basis.CONTRACT,
        target=churn.TARGET,
    )
    version = dataset.versions.first()
    if version is None:
        content = churn.churn_csv()
        upload = uploads.store_whole(file=io.BytesIO(content), name=FILE, size=len(content), by=actor)
        version = dispatch.add_version(dataset=dataset, upload=upload, by=actor)
    jobs.finish(version.job, doing="Reading the data", say=say)


def add_accepted(actor: Actor, say: Say) -> None:
    """Show a simple model's promise, and let the client accept it by link."""
    milestone = work.milestone_named(actor, work.BASELINE)
    if milestone.status in Milestone.ACCEPTED_OR_LATER:
        return
    gates = [{"metric": "roc_auc", "direction": "at_least", "threshold": 0.70}]
    _judge(milestone, actor, say, gates=gates, looks=2, recipes=["linear"], seconds=4)
    sent = _send(milestone, actor, say)
    _accept(sent)


def add_sent(actor: Actor, say: Say) -> None:
    """Show the real model's promise and send the report; the client's answer is left to whoever tries the demo."""
    milestone = work.milestone_named(actor, work.MODEL)
    token = client_link().rstrip("/").rpartition("/")[2]
    if milestone.status in Milestone.ACCEPTED_OR_LATER or (token and open_link(token)):
        return
    gates = [
        {"metric": "roc_auc", "direction": "at_least", "threshold": 0.75},
        {"metric": "ece", "direction": "at_most", "threshold": 0.10},
    ]
    _judge(milestone, actor, say, gates=gates, looks=3, recipes=ALL_RECIPES, seconds=24)
    keep_client_link(_send(milestone, actor, say).address)


def add_undecided(actor: Actor, say: Say) -> None:
    """Look at a promise that the rows are too few to decide."""
    milestone = work.milestone_named(actor, work.NEW_CUSTOMERS)
    gate = {"metric": "roc_auc", "direction": "at_least", "threshold": 0.82}
    gates = [gate | {"slice": {"column": "phase", "value": "new"}}]
    _judge(milestone, actor, say, gates=gates, looks=1, recipes=["boosting"], seconds=4)


# --- from a promise to its verdict -----------------------------------------------------------------
def _judge(
    milestone: Milestone, actor: Actor, say: Say, *, looks: int, recipes: list[str], seconds: int, **terms: Any
) -> None:
    """Freeze a protocol, train, look; each part that is there already is left alone."""
    if milestone.status == Milestone.Status.PLANNED:
        set_milestone_status(milestone=milestone, to=Milestone.Status.IN_PROGRESS, by=actor)
    protocol = _frozen(milestone, actor, say, body=_terms(looks=looks, **terms))
    model = _trained(protocol, actor, say, recipes=recipes, seconds=seconds)
    run = EvaluationRun.objects.filter(protocol=protocol).first()
    if run is None:
        run = dispatch.start_look(protocol=protocol, by=actor, model=model)
    jobs.finish(run.job, doing="Judging it on the rows set aside", say=say)


def _terms(**changes: Any) -> dict[str, Any]:
    return {
        "task": "binary",
        "target": churn.TARGET,
        "positive_class": churn.POSITIVE,
        "left_out": [churn.IDENTIFIER, churn.LEAK],
        "split": {"method": "stratified", "share": 0.35, "seed": 11},
        "slices": {"columns": ["tariff", "phase"]},
        "baseline": {"kind": "constant", "metric": "log_loss"},
        **changes,
    }


def _frozen(milestone: Milestone, actor: Actor, say: Say, *, body: dict[str, Any]) -> Protocol:
    protocol = milestone.protocols.first()
    if protocol is None:
        version = DatasetVersion.objects.visible_to(actor).get(dataset__name=DATASET)
        draft = protocols.draft_protocol(milestone=milestone, by=actor)
        protocol = protocols.edit_protocol(protocol=draft, body=body, dataset_version=version, by=actor)
    if protocol.state == Protocol.State.DRAFT:
        protocol = dispatch.freeze_protocol(protocol=protocol, by=actor)
    jobs.finish(protocol.job, doing="Setting rows aside and freezing the protocol", say=say)
    protocol.refresh_from_db()
    return protocol


def _trained(protocol: Protocol, actor: Actor, say: Say, *, recipes: list[str], seconds: int) -> TrainedModel:
    run = protocol.training_runs.first() or dispatch.start_training(
        protocol=protocol, by=actor, recipes=recipes, budget_seconds=seconds
    )
    jobs.finish(run.job, doing="Training", say=say)
    proposed: TrainedModel = run.models.get(proposed=True)
    return proposed


# --- from a verdict to the client's answer ----------------------------------------------------------
def _send(milestone: Milestone, actor: Actor, say: Say) -> Sent[Report]:
    report = Report.objects.filter(milestone=milestone).first() or make_report(milestone=milestone, by=actor)
    drawing = Job.objects.visible_to(actor).filter(subject=f"evaluations.report:{report.pk}").first()
    jobs.finish(drawing, doing="Drawing the report", say=say)
    name, email, _ = work.CLIENTS[0][2][0]
    return send_to_client(report=report, by=actor, name=name, email=email, days=LINK_DAYS)


def _accept(sent: Sent[Report]) -> None:
    """Answer as the client does: through the link, which is the only way to do it."""
    opened = exchange_token(token=sent.address.rstrip("/").rpartition("/")[2])
    visit = Visit(sent.link, opened.session, visitor_of(sent.link), PHONE)
    note_view(session=opened.session, by=visit.actor, agent=PHONE)
    name, email, _ = work.CLIENTS[0][2][0]
    fields = {
        "answer": Decision.Answer.ACCEPTED.value,
        "name": name,
        "email": email,
        "message": "Clear and honest, thank you. Please go on.",
    }
    answer_report(visit=visit, report=sent.row, fields=fields, consent=ReportRoom().consent(sent.row))
