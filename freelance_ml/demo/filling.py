"""The order in which the sample workspace is filled."""

from collections.abc import Callable

from freelance_ml.demo import evidence, scope, spend, work
from freelance_ml.demo.jobs import SampleFailedError
from freelance_ml.demo.saying import Say
from projects.access import Actor
from projects.errors import DomainError
from projects.models import User
from projects.services.people import actor_of, create_workspace

EMAIL = "demo@example.com"
OWNER = "Ada Lindqvist"
WORKSPACE = "Ada Data Studio"

Step = Callable[[Actor, Say], None]

# name → what it adds; in this order
STEPS: dict[str, Step] = {
    "clients and engagements": work.add_work,
    "a signed scope and its changes": scope.add_scopes,
    "spend": spend.add_spend,
    "the client's data": evidence.add_data,
    "an accepted milestone": evidence.add_accepted,
    "a milestone that waits for the client": evidence.add_sent,
    "a milestone that is not decided yet": evidence.add_undecided,
}


def fill_workspace(*, password: str, say: Say) -> Actor:
    """Make the owner and the workspace when they are missing, then go through all steps."""
    owner = User.objects.filter(email=EMAIL).first()
    if owner is None:
        owner = User.objects.create_user(EMAIL, password, name=OWNER)
    if not owner.check_password(password):
        owner.set_password(password)
        owner.save(update_fields=["password"])
    actor = actor_of(user=owner, via="command")
    if actor is None:
        create_workspace(owner=owner, name=WORKSPACE, currency="EUR", time_zone="Europe/Berlin")
        actor = actor_of(user=owner, via="command")
    assert actor is not None  # noqa: S101  # the workspace was made above
    for name, step in STEPS.items():
        say(f"Sample: {name}")
        try:
            step(actor, say)
        except (DomainError, SampleFailedError) as error:  # the rest of the sample is worth a look all the same
            say(f"  Left out: {error}")
    return actor
