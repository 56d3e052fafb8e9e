"""Start the application with a sample workspace, apart from real data."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import Tags
from django.core.management.base import BaseCommand, CommandError, CommandParser

from freelance_ml import demo, start
from freelance_ml.local_keys import kept_secret
from freelance_ml.up.instance import AlreadyRunningError, PortTakenError
from projects.access import Actor
from projects.models import User

FOLDER = "demo"


class Command(BaseCommand):
    """Fill what is missing of the sample, then do as `up` does."""

    help = "Start with a sample workspace in a folder of its own; starting it again changes nothing."
    requires_system_checks = (Tags.compatibility, Tags.security, Tags.staticfiles)  # the others belong to development

    def add_arguments(self, parser: CommandParser) -> None:
        """Take --fill-only."""
        parser.add_argument("--fill-only", action="store_true", help="fill the sample workspace and do not start")

    def handle(self, *, fill_only: bool, **options: Any) -> None:
        """Move to the demo's own folder, fill, start."""
        if Path(settings.VAR_DIR).name != FOLDER:
            _begin_again_in(Path(settings.VAR_DIR) / FOLDER)
        try:
            lock, listener = (-1, -1) if fill_only else start.hold_installation()
        except (AlreadyRunningError, PortTakenError, PermissionError) as error:
            raise CommandError(str(error)) from error
        start.bring_up_to_date(say=self.stdout.write)
        if User.objects.exclude(email=demo.EMAIL).filter(is_active=True).exists() and settings.DATABASE_URL:
            message = "The database of DATABASE_URL has other people in it. Take an empty one for the demo."
            raise CommandError(message)
        password = kept_secret(Path(settings.VAR_DIR) / "keys", "demo-password", size=12)  # to be typed
        actor = self._fill(password)
        notes = [
            f"Sign in:   {settings.SITE_URL}/accounts/login/",
            f"E-mail:    {demo.EMAIL}",
            f"Password:  {password}",
            f"Workspace: {actor.workspace.name}, in {settings.VAR_DIR}",
            f"Link for the client: {demo.client_link() or 'none yet'}",
        ]
        if fill_only:
            self.stdout.write("\n".join(notes))
            return
        start.become_supervisor(start.make_plan(listener=listener, notes=notes), lock=lock, listener=listener)

    def _fill(self, password: str) -> Actor:
        with _quiet("projects"):
            return demo.fill_workspace(password=password, say=self._say)

    def _say(self, text: str, *, end: str = "\n") -> None:
        self.stdout.write(text, ending=end)
        self.stdout.flush()


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Keep the log of the jobs away from the terminal: what fails is said in words, and the broker is not there yet."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


def _begin_again_in(folder: Path) -> None:
    """Run this command anew with a folder of its own: settings are read only once in a process."""
    os.environ["FREELANCE_ML_VAR"] = str(folder)
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, *sys.argv])  # noqa: S606  # ourselves
