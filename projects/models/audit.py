"""The audit trail: who did what to which row, when and from where, as a chain that shows every change to it."""

import json
from typing import Any

from django.db import models

from projects.access import ScopedQuerySet, new_id

SITE_CHAIN = "site"  # of what belongs to no workspace
GENESIS = "0" * 64  # stands where the first entry of a chain would name its predecessor


class AuditHead(models.Model):
    """The end of one chain; its row is locked while an entry is added."""

    chain = models.CharField(max_length=36, primary_key=True)
    sequence = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64, default=GENESIS)

    def __str__(self) -> str:
        return f"{self.chain} at {self.sequence}"


class AuditEntry(models.Model):
    """One act. The database refuses to change or remove it; the hash covers every field and the entry before."""

    workspace_path = "workspace"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(
        "projects.Workspace",
        models.PROTECT,  # a workspace with a trail cannot be removed, as its trail could not follow
        null=True,
        blank=True,
        related_name="audit_entries",
    )
    chain = models.CharField(max_length=36)
    sequence = models.BigIntegerField()
    at = models.DateTimeField()
    actor_id = models.UUIDField(null=True, blank=True, db_index=True)  # a bare id: the act outlives the account
    actor_name = models.CharField(max_length=150, blank=True)
    via = models.CharField(max_length=16)
    action = models.CharField(max_length=80)
    target_type = models.CharField(max_length=80, blank=True)
    target_id = models.CharField(max_length=64, blank=True)
    target_label = models.CharField(max_length=200, blank=True)
    detail_json = models.TextField(default="{}")  # the hashed bytes themselves; a JSON column would rewrite numbers
    address = models.CharField(max_length=64, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    objects = ScopedQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-sequence"]
        verbose_name_plural = "audit entries"
        constraints = [models.UniqueConstraint(fields=["chain", "sequence"], name="audit_entry_sequence_once")]
        indexes = [
            models.Index(fields=["target_type", "target_id"], name="audit_entry_target"),
            models.Index(fields=["workspace", "-sequence"], name="audit_entry_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.action} #{self.sequence}"

    @property
    def detail(self) -> dict[str, Any]:
        """The further facts of the act."""
        facts: dict[str, Any] = json.loads(self.detail_json)
        return facts

    @property
    def facts(self) -> list[tuple[str, str]]:
        """Write the further facts for people; what is empty is left out."""
        return [(name.replace("_", " "), _in_words(value)) for name, value in self.detail.items() if value]


def _in_words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_in_words(item)}" for name, item in value.items())
    if isinstance(value, list):
        return ", ".join(map(_in_words, value))
    return str(value)


class AuditCheckpoint(models.Model):
    """A signed statement of how far a chain had come; kept outside too, it shows that the end was cut off."""

    workspace_path = "workspace"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(
        "projects.Workspace",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="audit_checkpoints",
    )
    chain = models.CharField(max_length=36)
    sequence = models.BigIntegerField()
    hash = models.CharField(max_length=64)
    at = models.DateTimeField()
    key_id = models.CharField(max_length=16)
    signature = models.CharField(max_length=128)  # Ed25519 over the canonical statement, hex

    objects = ScopedQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "pk"]

    def __str__(self) -> str:
        return f"{self.chain} up to {self.sequence}"
