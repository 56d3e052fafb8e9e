"""Counters that stop guessing; in the database, so that they hold with Redis away and across all servers."""

from django.db import models


class Guard(models.Model):
    """How often someone tried lately; the key is a digest, as it may stand for an address or a person."""

    key = models.CharField(max_length=64, primary_key=True)
    count = models.PositiveIntegerField(default=0)
    quiet_at = models.DateTimeField()  # from then on the count starts anew

    class Meta:
        indexes = [models.Index(fields=["quiet_at"], name="guard_quiet_at")]

    def __str__(self) -> str:
        return f"{self.count} tries"
