"""Letters that wait to be sent: written with the change that causes them, sent afterwards."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from projects.access import TenantModel


class Mail(TenantModel):
    """One e-mail to one address; its Message-ID never changes, so a second copy is known as one."""

    class State(models.TextChoices):
        """Where the letter is."""

        QUEUED = "queued", "Waiting"
        SENT = "sent", "Sent"
        FAILED = "failed", "Failed"

    workspace = models.ForeignKey("projects.Workspace", models.CASCADE, null=True, blank=True, related_name="mails")
    key = models.CharField(max_length=160, blank=True, help_text="The same key sends the same letter once.")
    to = models.EmailField()
    subject = models.CharField(max_length=200)
    body = models.TextField()
    html = models.TextField(blank=True)
    message_id = models.CharField(max_length=160, unique=True, editable=False)
    state = models.CharField(max_length=6, choices=State, default=State.QUEUED, editable=False)
    attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    send_after = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True, blank=True, editable=False)
    error = models.CharField(max_length=300, blank=True, editable=False)

    class Meta:
        ordering = ["-created_at", "pk"]
        indexes = [models.Index(fields=["send_after"], name="mail_due", condition=Q(state="queued"))]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "key"], name="mail_key_once", condition=~Q(key="")),
            models.UniqueConstraint(
                fields=["key"], name="mail_site_key_once", condition=~Q(key="") & Q(workspace__isnull=True)
            ),
            models.CheckConstraint(condition=Q(state__in=["queued", "sent", "failed"]), name="mail_state_known"),
            models.CheckConstraint(condition=Q(state="sent") ^ Q(sent_at__isnull=True), name="mail_sent_has_date"),
        ]

    def __str__(self) -> str:
        return self.subject
