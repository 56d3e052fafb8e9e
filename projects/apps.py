"""The ground as a Django application."""

from importlib import import_module

from django.apps import AppConfig

from projects.jobs import load_kinds


class ProjectsConfig(AppConfig):
    """Names the application."""

    name = "projects"

    def ready(self) -> None:
        """Make the job kinds of all apps known, now that all models are."""
        load_kinds()
        import_module("projects.accounts")  # listens to allauth: sign-ins and second factors go to the trail
        import_module("projects.scope_parts").register_all()
