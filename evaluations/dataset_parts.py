"""What datasets add to other pages: what waits on the dashboard, the palette, an engagement's data."""

from collections.abc import Iterable
from typing import Any

from django.urls import reverse
from django.utils import timezone

from evaluations.models import Dataset
from evaluations.queries.datasets import bytes_kept, datasets_in, known_files, wanting
from evaluations.storage import DATA
from projects.access import Actor
from projects.addresses import address
from projects.attention import DUE, OVERDUE, Need, register_needs
from projects.models import Engagement
from projects.palette import Entry, register_actions, register_source
from projects.parts import Part, register_part
from projects.quota import register_files
from projects.strays import register_shelf


def dataset_needs(actor: Actor) -> Iterable[Need]:
    """Name the versions that ask something, and the data that is kept past its date."""
    today = timezone.localdate()
    late = {}
    for row in wanting(actor, today):
        if row.version_id:  # type: ignore[attr-defined]  # annotated
            yield _asks(row)
        if row.retention_on and row.retention_on < today:
            late[row.pk] = row
    yield from map(_kept_too_long, late.values())


def _asks(row: Any) -> Need:
    questions = row.asked.get("questions", [])
    return Need(
        text=f"“{row}” asks {len(questions)} question{'s' if len(questions) != 1 else ''}",
        why=questions[0]["message"] if questions else "It cannot be used before.",
        url=address("evaluations:dataset-version", row.version_id),
        action="Answer",
        harm=DUE,
        icon="help-circle",
        tone="unsure",
        at=row.asked_at,
    )


def _kept_too_long(dataset: Dataset) -> Need:
    return Need(
        text=f"“{dataset}” is kept past its date",
        why=f"It was to be deleted after {dataset.retention_on:%-d %B %Y}.",
        url=address("evaluations:dataset", dataset.pk),
        action="Delete or extend",
        harm=OVERDUE,
        icon="hourglass",
        tone="bad",
        at=dataset.retention_on,
    )


def datasets_by_name(actor: Actor, words: str, most: int) -> Iterable[Entry]:
    """Find datasets by name."""
    for dataset in Dataset.objects.visible_to(actor).filter(name__icontains=words)[:most]:
        yield Entry(dataset.name, address("evaluations:dataset", dataset.pk), icon="database")


def dataset_actions(actor: Actor, words: str, most: int) -> Iterable[Entry]:
    """Offer to upload, and the way to the list."""
    if actor.may_write:
        yield Entry("Upload data", reverse("evaluations:dataset-new"), icon="upload", words="new add dataset file csv")
    yield Entry("Go to data", reverse("evaluations:dataset-list"), icon="database", words="datasets files")


def datasets_of_engagement(actor: Actor, engagement: Engagement) -> Part:
    """Show an engagement's datasets, and offer to upload one."""
    rows = datasets_in(actor, engagement.pk)
    may_add = actor.may_write and engagement.status not in ("cancelled", "archived")
    return Part("evaluations/_engagement_part.html", {"engagement": engagement, "datasets": rows, "may_add": may_add})


def register_all() -> None:
    """Add the parts, needs, names and actions."""
    register_part(page="engagement", name="datasets", build=datasets_of_engagement, order=40)
    register_files("data", bytes_kept)
    register_shelf(DATA, known_files)
    register_needs("datasets", dataset_needs)
    register_source("Data", datasets_by_name)
    register_actions("data", dataset_actions)
