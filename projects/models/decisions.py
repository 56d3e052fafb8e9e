"""What a client decided about exactly what was shown."""

from django.db import models

from projects.access import TenantModel


class Decision(TenantModel):
    """An answer to one frozen document, given once, with the evidence of how it was given."""

    class Answer(models.TextChoices):
        """What was decided."""

        ACCEPTED = "accepted", "Accepted"
        CHANGES_REQUESTED = "changes_requested", "Changes requested"
        SIGNED = "signed", "Signed"
        APPROVED = "approved", "Approved"
        DECLINED = "declined", "Declined"

    workspace = models.ForeignKey("projects.Workspace", models.CASCADE, related_name="decisions")
    subject = models.CharField(max_length=120, db_index=True, help_text="app.model:id of what was decided on.")
    document_digest = models.CharField(max_length=64, help_text="SHA-256 of the document exactly as shown.")
    answer = models.CharField(max_length=17, choices=Answer)
    name = models.CharField(max_length=120)
    email = models.EmailField()
    consent = models.TextField(help_text="The sentence that was agreed to.")
    message = models.TextField(blank=True)
    address = models.CharField(max_length=64, blank=True)
    agent = models.CharField(max_length=200, blank=True)
    link = models.ForeignKey("projects.ShareLink", models.RESTRICT, null=True, blank=True, related_name="decisions")
    evidence_digest = models.CharField(max_length=64, help_text="SHA-256 of all the above, kept in the audit trail.")

    class Meta:
        ordering = ["-created_at", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["subject", "document_digest"], name="decision_once"),
            models.CheckConstraint(
                condition=models.Q(answer__in=["accepted", "changes_requested", "signed", "approved", "declined"]),
                name="decision_answer_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_answer_display()} by {self.name}"

    @property
    def audit_label(self) -> str:
        """Name the row in the trail without naming the person."""
        return f"Decision: {self.get_answer_display()}"

    def evidence(self) -> dict[str, str]:
        """Return everything that the evidence digest covers."""
        return {
            "subject": self.subject,
            "document_sha256": self.document_digest,
            "answer": self.answer,
            "name": self.name,
            "email": self.email,
            "consent": self.consent,
            "message": self.message,
            "at": self.created_at.isoformat(timespec="microseconds"),
            "address": self.address,
            "agent": self.agent,
            "link": str(self.link_id or ""),
        }
