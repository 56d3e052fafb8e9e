"""Answers that were given, so that a repeated POST does not act twice."""

from django.db import models

from projects.access import TenantModel


class IdempotencyKey(TenantModel):
    """One POST of one caller, known by the key that the caller chose, with the answer it got."""

    workspace = models.ForeignKey("projects.Workspace", models.CASCADE, related_name="+")
    user = models.ForeignKey("projects.User", models.CASCADE, related_name="+")
    key = models.CharField(max_length=200)
    request_digest = models.CharField(max_length=64)  # of method, address and body
    status = models.PositiveSmallIntegerField(null=True)  # null only inside the transaction that answers
    answer = models.JSONField(null=True)

    class Meta:
        ordering = ["created_at", "pk"]
        constraints = [models.UniqueConstraint(fields=["workspace", "user", "key"], name="idempotency_key_once")]

    def __str__(self) -> str:
        return self.key
