"""The order in which the sample workspace is filled."""

from collections.abc import Callable

from freelance_ml.demo import work
from projects.access import Actor
from projects.models import User
from projects.services.people import actor_of, create_workspace

EMAIL = "demo@example.com"

Step = Callable[[Actor], None]

# name → what it adds; in this order
STEPS: dict[str, Step] = {
    "clients and engagements": work.add_work,
}


def fill_workspace(*, password: str, say: Callable[[str], None]) -> Actor:
    """Make the owner and the workspace when they are missing, then go through all steps."""
    owner = User.objects.filter(email=EMAIL).first()
    if owner is None:
        owner = User.objects.create_user(EMAIL, password, name="Dana Demo")
    if not owner.check_password(password):
        owner.set_password(password)
        owner.save(update_fields=["password"])
    actor = actor_of(user=owner, via="command")
    if actor is None:
        create_workspace(owner=owner, name="Dana Demo ML", currency="EUR", time_zone="Europe/Berlin")
        actor = actor_of(user=owner, via="command")
    assert actor is not None  # noqa: S101  # the workspace was made above
    for name, step in STEPS.items():
        say(f"Sample: {name}")
        step(actor)
    return actor
