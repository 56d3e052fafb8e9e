"""The roof as a Django application: commands, page parts and static files."""

from importlib import import_module

from django.apps import AppConfig

from freelance_ml import checks
from freelance_ml.celery import app as celery_app  # tasks of every process find the broker through it

__all__ = ["FreelanceMlConfig", "celery_app", "checks"]


class FreelanceMlConfig(AppConfig):
    """Names the roof."""

    name = "freelance_ml"

    def ready(self) -> None:
        """Add the roof's parts to the pages of the storeys below, now that all models are known."""
        import_module("freelance_ml.reports.parts").register_all()
