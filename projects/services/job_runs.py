"""How a worker carries out a job."""

from uuid import UUID


def run_next(*, hint: UUID) -> bool:
    """Take the most urgent job of the hinted job's lane and carry it out; False when there is none."""
    raise NotImplementedError(hint)
