"""Signs of life of the parts that nobody calls: who was alive lately on which machine."""

import socket
from datetime import datetime, timedelta

from django.db.models import Max

from projects.models.jobs import Pulse
from projects.queries.clock import database_now

ALIVE = timedelta(seconds=60)  # longer than several beats
FORGOTTEN = timedelta(days=7)


def note_pulse(part: str) -> None:
    """Write that a part of this machine, such as its worker, is alive."""
    name = f"{part}@{socket.gethostname()}"[:160]
    Pulse.objects.update_or_create(name=name, defaults={"at": database_now()})


def forget_old_pulses() -> int:
    """Remove machines that are gone for long; return how many."""
    return Pulse.objects.filter(at__lt=database_now() - FORGOTTEN).delete()[0]


def alive(part: str, *, at: datetime) -> int:
    """Count the machines on which a part was alive lately."""
    return Pulse.objects.filter(name__startswith=f"{part}@", at__gte=at - ALIVE).count()


def last_seen(part: str) -> datetime | None:
    """Tell when a part was last alive anywhere."""
    seen: datetime | None = Pulse.objects.filter(name__startswith=f"{part}@").aggregate(last=Max("at"))["last"]
    return seen
