"""The second storey as a Django application."""

from importlib import import_module

from django.apps import AppConfig


class BillingConfig(AppConfig):
    """Names the application."""

    name = "billing"

    def ready(self) -> None:
        """Add to the pages below, now that all models are known."""
        import_module("billing.parts").register_all()
