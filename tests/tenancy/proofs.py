"""Rows that the product itself made, for addresses where a guessed row shows nothing even to its owner.

Each entry gives the row of an address. Strangers knock on these very rows, and the owner opens them.
"""

from evaluations.kinds import READ_DATASET
from freelance_ml.reports.dispatch import make_report
from projects.models import Job
from projects.services.shares import create_share_link, exchange_token
from projects.views.shares import cookie_name
from tests.factories import projects as make
from tests.factories.evaluations import make_training, make_verdict
from tests.factories.scopes import make_sent_order, make_signed
from tests.projects.shared_note import NOTE


def proofs_of(world):
    """Make the rows in a world; gives them by the name of the address."""
    engagement = make.make_engagement(workspace=world.workspace, title=f"{world.canary} proofs", status="active")
    milestone = make.make_milestone(engagement=engagement, title=f"{world.canary} shown", status="in_progress")
    run = make_verdict(actor=world.actor, milestone=milestone)
    report = make_report(milestone=milestone, by=world.actor)
    model = make_training(run.protocol).models.first()
    title = f"{world.canary} reading"
    reading = Job.objects.create(workspace=world.workspace, kind=READ_DATASET, title=title)
    sent_order = _sent_order(world)
    return {
        "report": report,
        "report-file": report,
        "api-report-file": report,
        "api-report-send": report,
        "evaluations:model": model,
        "evaluations:model-card": model,
        "evaluations:dataset-reading": reading,
        "projects:change-order-file": sent_order,
        "api-change-order-file": sent_order,
        **dict.fromkeys(ROOMS, world.guest_link),
    }


ROOMS = ("projects:share-room", "projects:share-part", "projects:share-comment")


def let_guest_in(world):
    """Make a link in a world and let its client in; gives the cookie of their browser."""
    made = create_share_link(subject=world.row("projects.milestone"), purpose=NOTE, by=world.actor)
    world.guest_link = made.link
    return cookie_name(made.link.pk), exchange_token(token=made.token).secret


def _sent_order(world):
    engagement = make.make_engagement(workspace=world.workspace, title=f"{world.canary} changes", status="active")
    make_signed(actor=world.actor, engagement=engagement)
    return make_sent_order(engagement, world.actor)
