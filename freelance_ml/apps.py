"""The roof as a Django application: commands, page parts and static files."""

from django.apps import AppConfig


class FreelanceMlConfig(AppConfig):
    """Names the roof."""

    name = "freelance_ml"
