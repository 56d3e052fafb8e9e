"""Waiting for something to come about."""

import time

import pytest


def wait_for(condition, *, seconds=20, pause=0.05):
    """Give the first true answer of the condition; fail when none comes in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if result := condition():
            return result
        time.sleep(pause)
    pytest.fail(f"did not happen within {seconds} s")
