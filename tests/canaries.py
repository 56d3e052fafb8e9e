"""Watches the logs of the whole suite: no password, token or e-mail address may ever stand in one."""

import logging
import re

import pytest

from freelance_ml.logs import JsonFormatter

# What the tests type: their passwords, made tokens of any sort, addresses, and anything called a canary.
CANARIES = re.compile(
    r"correct-horse-battery|four-unrelated-words|another-good-password|canary"
    r"|\b(?:fml|inv)_[A-Za-z0-9_-]{20,}"
    r"|[A-Za-z0-9._%+-]+@(?:[a-z0-9-]+\.)*example(?:\.com)?\b",
    re.IGNORECASE,
)


class Watch(logging.Handler):
    """Formats every record as production does and keeps the lines that give something away."""

    def __init__(self):
        super().__init__(logging.DEBUG)
        self.formatter = JsonFormatter()
        self.leaks = []

    def emit(self, record):
        line = self.format(record)
        if CANARIES.search(line):
            self.leaks.append(f"{record.name}: {line[:400]}")


@pytest.fixture(autouse=True)
def no_secret_in_the_logs():
    """Fail the test during which something secret or personal was logged."""
    watch = Watch()
    root = logging.getLogger()
    root.addHandler(watch)
    yield watch
    root.removeHandler(watch)
    if watch.leaks:
        pytest.fail("A secret or personal datum stands in a log: " + "; ".join(watch.leaks[:3]))
