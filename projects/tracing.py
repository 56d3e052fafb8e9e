"""Which request or job the running code works for; read by the logs."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

request_id: ContextVar[str] = ContextVar("request_id", default="")
job_id: ContextVar[str] = ContextVar("job_id", default="")


@contextmanager
def working_for_job(identifier: object) -> Iterator[None]:
    """Mark every log line inside the block with the job."""
    token = job_id.set(str(identifier))
    try:
        yield
    finally:
        job_id.reset(token)
