"""Keep jobs going."""

import logging
import signal
import threading
from typing import Any

from django.core.checks import Tags
from django.core.management.base import BaseCommand, CommandParser

from projects.dispatcher import run_once, run_rounds

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    """Run the dispatcher until it is told to stop."""

    requires_system_checks = (Tags.compatibility, Tags.security)  # the others load every page

    help = (
        "Hint workers at jobs that may start, recover jobs of workers that died, start schedules, send letters. "
        "One is needed for an installation; several do no harm."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take --once."""
        parser.add_argument("--once", action="store_true", help="go round once and end, as for a cron job")

    def handle(self, *, once: bool, **_options: Any) -> None:
        """Go round until SIGTERM or SIGINT."""
        if once:
            run_once()
            return
        over = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: over.set())
        logger.info("The dispatcher is running")
        run_rounds(over)
        logger.info("The dispatcher has stopped")
