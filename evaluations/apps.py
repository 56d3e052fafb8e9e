"""The third storey as a Django application."""

from importlib import import_module

from django.apps import AppConfig


class EvaluationsConfig(AppConfig):
    """Names the application."""

    name = "evaluations"

    def ready(self) -> None:
        """Add the storey's parts to the pages of the ground, now that all models are known."""
        import_module("evaluations.dataset_parts").register_all()
        import_module("evaluations.attention").register_all()
