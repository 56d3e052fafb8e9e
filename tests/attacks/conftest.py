"""Attacks work in their own process where a child is not the point, as the tests of evaluations do."""

from tests.evaluations.conftest import _work_in_this_process as _work_in_this_process
