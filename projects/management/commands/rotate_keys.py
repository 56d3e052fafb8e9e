"""Puts a new key on the ring and seals everything anew."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from projects.secrets import key_ring, ring_lock, store_ring
from projects.services.key_rotation import left_behind, reseal_all


class Command(BaseCommand):
    """Rotates the encryption key; safe to interrupt and to run again with --resume."""

    help = "Put a new encryption key on the ring and seal every stored secret anew."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take whether to go on with an interrupted rotation, and whether to drop old keys."""
        parser.add_argument("--resume", action="store_true", help="make no new key; finish an interrupted rotation")
        parser.add_argument("--drop-old", action="store_true", help="afterwards remove the old keys from the ring")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make the key, seal in batches, and drop old keys only when nothing needs them."""
        with ring_lock():
            if not options["resume"]:
                self._make_key()
            changed = sum(reseal_all())
            remaining = left_behind()
            if remaining:
                message = f"{remaining} values were written meanwhile with another key. Run rotate_keys --resume."
                raise CommandError(message)
            if options["drop_old"]:
                self._drop_old()
        self.stdout.write(self.style.SUCCESS(f"{changed} values sealed with {key_ring().active}."))
        if not options["drop_old"]:
            self.stdout.write("The old keys stay on the ring: backups may need them.")

    def _make_key(self) -> None:
        if settings.FREELANCE_ML_KEYS:
            message = "The ring comes from FREELANCE_ML_KEYS: add a key there, make it active, then use --resume."
            raise CommandError(message)
        store_ring(key_ring().with_new_key())

    def _drop_old(self) -> None:
        if settings.FREELANCE_ML_KEYS:
            message = "The ring comes from FREELANCE_ML_KEYS: remove the old keys there."
            raise CommandError(message)
        store_ring(key_ring().without_old_keys())
