"""The second storey as a Django application."""

from django.apps import AppConfig


class BillingConfig(AppConfig):
    """Names the application."""

    name = "billing"
