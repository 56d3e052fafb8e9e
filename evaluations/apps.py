"""The third storey as a Django application."""

from django.apps import AppConfig


class EvaluationsConfig(AppConfig):
    """Names the application."""

    name = "evaluations"
