"""The live log of a job: bounded, and harmless to show."""

from collections.abc import Iterable, Sequence

from projects.models.jobs import Job, JobLogLine

MOST_LINES = 2_000
MOST_BYTES = 256 * 1024
LONGEST_LINE = 2_000
LIMIT_REACHED = "The log is full; later lines are not kept."


def clean(text: str) -> str:
    """Escape what could move a cursor, hide text or turn its direction, and cut what is too long."""
    shown = "".join(sign if sign.isprintable() or sign == "\t" else ascii(sign)[1:-1] for sign in text)
    return shown[:LONGEST_LINE]


def add_lines(job: Job, texts: Sequence[str]) -> None:
    """Append lines to the log as long as there is room; the caller has locked the row or owns it."""
    kept = list(_fitting(job, [clean(text) for text in texts]))
    if not kept:
        return
    JobLogLine.objects.bulk_create(
        JobLogLine(job=job, number=job.log_lines + index, text=text) for index, text in enumerate(kept, start=1)
    )
    size = sum(len(text.encode()) for text in kept)
    job.log_lines += len(kept)
    job.log_bytes += size
    Job.objects.filter(pk=job.pk).update(log_lines=job.log_lines, log_bytes=job.log_bytes)


def _fitting(job: Job, texts: Iterable[str]) -> Iterable[str]:
    lines, size = job.log_lines, job.log_bytes
    for text in texts:
        if lines >= MOST_LINES or size >= MOST_BYTES:
            return
        lines, size = lines + 1, size + len(text.encode())
        yield LIMIT_REACHED if lines == MOST_LINES or size >= MOST_BYTES else text
