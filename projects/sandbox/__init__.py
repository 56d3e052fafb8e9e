"""A room for work on files that others made: an own process with limits and without network."""

from projects.sandbox.task import GIBIBYTE, MEBIBYTE, Limits, Task, TaskError

__all__ = ["GIBIBYTE", "MEBIBYTE", "Limits", "Task", "TaskError"]
