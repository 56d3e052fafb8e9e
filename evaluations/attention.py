"""What evaluations say to the pages of the ground: parts of the milestone, what waits, what can be found."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from django.db.models import Count, Exists, OuterRef, QuerySet
from django.urls import reverse
from django.utils import timezone

from evaluations.models import EvaluationRun, Protocol
from evaluations.queries.protocols import look_budget, looks_left
from evaluations.queries.runs import Evidence, evidence_of, models_of
from evaluations.queries.steps import opens_rows
from projects.access import Actor
from projects.addresses import address
from projects.attention import DUE, FAILED, INCONCLUSIVE, TO_DO, Need, register_needs
from projects.models import Milestone
from projects.palette import Entry, register_source
from projects.parts import Other, Part, Stage, Step, register_part
from projects.prepared import Prepared

# What each step of the evidence asks for, the button, and where it leads.
SAID = {
    "write": (
        (
            "If “{title}” promises a figure, write down how it will be judged, before the work begins. "
            "An assessment, a hand-over and the like need no protocol: {without}."
        ),
        "Write the protocol",
        "start",
    ),
    "edit": ("Freeze the protocol of “{title}” before anything is trained.", "Go on and freeze", "draft"),
    "wait-draw": ("The acceptance rows of “{title}” are being set aside.", "Open", "draft"),
    "train": ("The promise of “{title}” is frozen: train on the other rows.", "Train models", "train"),
    "wait-train": ("Models are being trained for “{title}”.", "Open", "training"),
    "look": ("{model} is proposed for “{title}”: judge it on the sealed rows.", "Evaluate it", "look"),
    "wait-look": ("The evaluation for “{title}” is running.", "Open", "run"),
    "retry": ("The last look at “{title}” ended without a result.", "See why", "run"),
    "over": (
        "“{title}” is inconclusive, and no look is left. More rows would decide it: agree on a new version.",
        "New version of the protocol",
        "start",
    ),
    "again": (
        "“{title}” is not shown yet. More rows or a better model may show it: {left} of {budget} looks are left.",
        "Train further",
        "train",
    ),
}
AT_ONCE = ("start", "look")
# What is done with a promise that nothing measures: in words, the button, and the status it leads to.
WITHOUT = {
    "planned": ("start work", "Start work", "in_progress"),
    "in_progress": ("submit it when it is done", "Submit without one", "submitted"),
    "changes_requested": ("submit it again", "Submit without one", "submitted"),
}
# The way of a promise, and the steps of its evidence at which each stage stands.
WAY = {
    "Protocol": ("write", "edit", "wait-draw"),
    "Model": ("train", "wait-train"),
    "Verdict": ("look", "wait-look", "retry", "again", "over"),
    "Report": ("report",),
    "Acceptance": (),
}
SOON = timedelta(days=14)
MOST = 50
OPEN = (Milestone.Status.PLANNED, Milestone.Status.IN_PROGRESS, Milestone.Status.CHANGES_REQUESTED)
RUNNING = (Milestone.Status.IN_PROGRESS, Milestone.Status.CHANGES_REQUESTED)


def evidence_of_milestone(actor: Actor, milestone: Milestone) -> Part | None:
    """Show how a promise stands, and the one next step of its evidence."""
    evidence = evidence_of(milestone)
    if evidence.step == "write" and milestone.status not in OPEN:
        return None
    values: dict[str, Any] = {"milestone": milestone, "evidence": evidence, "may_write": actor.may_write}
    step, way = step_of_evidence(milestone, evidence), way_of_promise(milestone, evidence)
    return Part("evaluations/milestone_evidence.html", values, step, way)


def way_of_promise(milestone: Milestone, evidence: Evidence) -> tuple[Stage, ...]:
    """Name the stages from protocol to acceptance: what is behind, what is now, what comes."""
    names = list(WAY)
    now = next(place for place, steps in enumerate(WAY.values()) if evidence.step in steps)
    if milestone.status not in OPEN:
        now = names.index("Acceptance") + (milestone.status in Milestone.ACCEPTED_OR_LATER)
    protocol = evidence.protocol or evidence.draft
    pages = {
        "Protocol": protocol and address("evaluations:protocol", protocol.pk),
        "Model": evidence.trainings and reverse("evaluations:training", args=[evidence.trainings[0].pk]),
        "Verdict": evidence.runs and reverse("evaluations:run", args=[evidence.runs[0].pk]),
    }
    states = ["done" if place < now else "now" if place == now else "ahead" for place in range(len(names))]
    return tuple(Stage(name, state, pages.get(name) or "") for name, state in zip(names, states, strict=True))


def step_of_evidence(milestone: Milestone, evidence: Evidence) -> Step | None:
    """Say what the evidence of a promise needs next; None once there is a verdict to report."""
    name = "edit" if evidence.step == "over" and evidence.draft else evidence.step
    undecided = evidence.run is not None and evidence.run.verdict == EvaluationRun.Verdict.INCONCLUSIVE
    if milestone.status not in OPEN or name == "report":
        return None
    if name == "over" and (not undecided or milestone.reports.exists()):
        return None
    best = evidence.proposed
    to = {
        "start": address("evaluations:protocol-start", milestone.pk),
        "draft": evidence.draft and address("evaluations:protocol", evidence.draft.pk),
        "train": evidence.protocol and address("evaluations:training-new", evidence.protocol.pk),
        "training": evidence.trainings and reverse("evaluations:training", args=[evidence.trainings[0].pk]),
        "look": best and address("evaluations:model-look", best.best_id),  # type: ignore[attr-defined]  # annotated
        "run": evidence.runs and reverse("evaluations:run", args=[evidence.runs[0].pk]),
    }
    text, action, where = SAID[name]
    words = {
        "title": milestone,
        "left": evidence.looks_left,
        "budget": evidence.budget,
        "model": best.best_title if best else "",  # type: ignore[attr-defined]  # annotated
        "without": WITHOUT[milestone.status][0],
    }
    return Step(
        text.format(**words),
        action,
        to[where] or address("projects:milestone", milestone.pk) + "#evidence",
        "machine" if name.startswith("wait-") else "you",
        posts=where in AT_ONCE,
        question=opens_rows(1, evidence.budget) if where == "look" else "",
        other=_without_protocol(milestone) if name == "write" else None,
    )


def _without_protocol(milestone: Milestone) -> Other:
    _, action, to = WITHOUT[milestone.status]
    return Other(action, address("projects:milestone-status", milestone.pk), to)


def verdicts_that_wait(actor: Actor) -> Iterable[Need]:
    """Name the milestones whose newest look did not pass, and those whose budget is spent."""
    seen: set[Any] = set()
    for run in _runs_that_wait(actor):
        milestone = run.protocol.milestone
        if milestone.pk not in seen:
            seen.add(milestone.pk)
            yield _need_of_verdict(run, milestone)


@Prepared
def _runs_that_wait(actor: Actor) -> QuerySet[EvaluationRun]:
    passed = EvaluationRun.objects.filter(protocol=OuterRef("protocol"), verdict=EvaluationRun.Verdict.PASS)
    rows: QuerySet[EvaluationRun] = (
        EvaluationRun.objects.visible_to(actor)
        .filter(protocol__state=Protocol.State.FROZEN, protocol__milestone__status__in=RUNNING)
        .filter(~Exists(passed), finished_at__isnull=False)
        .select_related("protocol__milestone")
        .annotate(taken=Count("protocol__looks"))
        .defer("result")
        .order_by("-finished_at")
    )
    return rows[: MOST * 4]


def _need_of_verdict(run: EvaluationRun, milestone: Milestone) -> Need:
    url = address("projects:milestone", milestone.pk)
    left = looks_left(run.protocol, taken=run.taken)  # type: ignore[attr-defined]  # counted by the query
    if run.verdict and left:
        return Need(
            text=f"{milestone}: not shown yet",
            why=f"The look did not pass. {left} of {look_budget(run.protocol)} looks are left.",
            url=url,
            action="See what is next",
            harm=INCONCLUSIVE,
            icon="half",
            tone="unsure",
            at=run.finished_at,
        )
    failed = run.verdict == EvaluationRun.Verdict.FAIL
    return Need(
        text=f"{milestone}: {'the promise was not kept' if failed else 'not shown yet'}",
        why="No look is left. Report it, or agree on a new version of the protocol.",
        url=url,
        action="See the verdict",
        harm=FAILED if failed else INCONCLUSIVE,
        icon="x" if failed else "half",
        tone="bad" if failed else "unsure",
        at=run.finished_at,
    )


def protocols_missing(actor: Actor) -> Iterable[Need]:
    """Name the milestones in progress that are due soon and whose promise nobody can judge yet."""
    for milestone in _unjudged(actor, timezone.localdate() + SOON):
        yield Need(
            text=f"{milestone}: no protocol is frozen",
            why="It is due soon. What is measured needs one; anything else is submitted without.",
            url=address("projects:milestone", milestone.pk),
            action="See what is next",
            harm=max(TO_DO, DUE - 5),
            icon="scale",
            at=milestone.due_on,
        )


@Prepared
def _unjudged(actor: Actor, until: date) -> QuerySet[Milestone]:
    frozen = Protocol.objects.filter(milestone=OuterRef("pk"), state=Protocol.State.FROZEN)
    rows: QuerySet[Milestone] = Milestone.objects.visible_to(actor).filter(~Exists(frozen))
    return rows.filter(status=Milestone.Status.IN_PROGRESS, due_on__lte=until).order_by("due_on")[:MOST]


def models_by_name(actor: Actor, words: str, most: int) -> list[Entry]:
    """Find models by their name or their milestone's."""
    return [
        Entry(
            model.title,
            address("evaluations:model", model.pk),
            what=model.run.protocol.milestone.title,
            icon="brain",
        )
        for model in models_of(actor, words)[:most]
    ]


def runs_by_name(actor: Actor, words: str, most: int) -> list[Entry]:
    """Find evaluations by their milestone's name."""
    rows = (
        EvaluationRun.objects.visible_to(actor)
        .filter(protocol__milestone__title__icontains=words, look__isnull=False)
        .select_related("protocol__milestone", "look")
        .defer("result")
        .order_by("-created_at")
    )
    return [
        Entry(
            f"Look {run.look.number}: {run.protocol.milestone.title}",
            address("evaluations:run", run.pk),
            icon="test-pipe",
        )
        for run in rows[:most]
    ]


def register_all() -> None:
    """Add the parts, needs and names."""
    register_part(page="milestone", name="evidence", build=evidence_of_milestone, order=40, leads=True)
    register_needs("verdicts", verdicts_that_wait)
    register_needs("protocols", protocols_missing)
    register_source("Models", models_by_name)
    register_source("Evaluations", runs_by_name)
