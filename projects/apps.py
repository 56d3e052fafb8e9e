"""The ground as a Django application."""

from django.apps import AppConfig


class ProjectsConfig(AppConfig):
    """Names the application."""

    name = "projects"
