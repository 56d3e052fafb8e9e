"""Start everything on this machine with one command."""

from typing import Any

from django.conf import settings
from django.core.checks import Tags
from django.core.management.base import BaseCommand, CommandError

from freelance_ml import start
from freelance_ml.up.instance import AlreadyRunningError, PortTakenError


class Command(BaseCommand):
    """Take the lock and the port, bring the database up to date, become the supervisor."""

    help = "Start the broker, the web server, the workers and the dispatcher, and keep them running until Ctrl-C."
    requires_system_checks = (Tags.compatibility, Tags.security, Tags.staticfiles)  # the others belong to development

    def handle(self, *args: Any, **options: Any) -> None:
        """Start, or say what stands in the way."""
        try:
            lock, listener = start.hold_installation()
        except (AlreadyRunningError, PortTakenError, PermissionError) as error:
            raise CommandError(str(error)) from error
        start.bring_up_to_date(say=self.stdout.write)
        notes = [f"Data and logs are in {settings.VAR_DIR}"]
        start.become_supervisor(start.make_plan(listener=listener, notes=notes), lock=lock, listener=listener)
