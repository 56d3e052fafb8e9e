"""Why a run ended, in words that help."""

import signal

from projects.sandbox.order import Outcome
from projects.sandbox.task import GIBIBYTE, MEBIBYTE, Limits

SENTENCES = {
    "out-of-memory": "It needed more than the {memory} of memory that such work may use. "
    "Use fewer rows or columns, or let the operator raise the limit.",
    "wall-time": "It was not finished after {wall}, the longest that such work may take. Use less data or fewer steps.",
    "cpu-time": "It used the processor for more than {cpu}, the most that such work may. Use less data or fewer steps.",
    "file-too-big": "It wanted to write a file of more than {file}. Use less data.",
    "disk-limit": "It wrote more than {disk} to the disk, the most that such work may. Use less data.",
    "too-many-files": "It opened or wrote more files than such work may. Split the input into parts.",
    "too-many-threads": "It did more things at once than such work may. Please report it.",
    "disk-full": "The disk is full. Free some space, then start it again.",
    "killed": "It was killed from outside, most often because the machine ran out of memory. "
    "Use less data, or run it on a larger machine.",
    "crashed": "The process crashed ({signal}). The input may be damaged; try it with another export of the same data.",
    "unexpected-error": "Something went wrong that nobody foresaw ({error}). "
    "The last lines of the log say where; please report it.",
    "not-isolated": "This machine cannot keep such work away from the network, and the settings demand that. "
    "Run the worker on Linux.",
    "no-start": "The work could not be started. The last lines of the log say why.",
    "bad-result": "The work left a result that cannot be read. Please report it.",
    "cancelled": "It was cancelled.",
    "lost": "Another worker has taken over.",
    "stopping": "The worker is being stopped; another one goes on.",
}
# The cause may be gone the next time; everything else would end the same way again.
PASSING = {"disk-full", "killed", "crashed", "no-start"}


def bytes_in_words(size: int) -> str:
    """Write a size, such as "2 GiB"."""
    return f"{size / GIBIBYTE:.3g} GiB" if size >= GIBIBYTE else f"{size / MEBIBYTE:.3g} MiB"


def seconds_in_words(seconds: int) -> str:
    """Write a time, such as "90 minutes"."""
    for size, word in ((3600, "hour"), (60, "minute")):
        if seconds >= size and seconds % size == 0:
            count = seconds // size
            return f"{count} {word}{'s' if count > 1 else ''}"
    return f"{seconds} second{'s' if seconds != 1 else ''}"


def ended_badly(code: str, limits: Limits, *, error: str = "", number: int = 0) -> Outcome:
    """Describe the end of a run that left no result."""
    sentence = SENTENCES[code].format(
        memory=bytes_in_words(limits.memory_bytes),
        wall=seconds_in_words(limits.wall_seconds),
        cpu=seconds_in_words(limits.cpu_seconds),
        file=bytes_in_words(limits.file_bytes),
        disk=bytes_in_words(limits.disk_bytes),
        error=error or "unknown",
        signal=signal_name(number),
    )
    return Outcome(code=code, message=sentence, may_try_again=code in PASSING)


def signal_name(number: int) -> str:
    """Name a signal, such as SIGSEGV."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return "no reason given"
