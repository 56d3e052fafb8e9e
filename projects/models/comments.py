"""What is said about a document, by the people of the workspace and by clients."""

from django.db import models
from django.db.models import Q

from projects.access import TenantModel


class Comment(TenantModel):
    """A question or remark about one row, by a person of the workspace or through a share link."""

    workspace = models.ForeignKey("projects.Workspace", models.CASCADE, related_name="comments")
    subject = models.CharField(max_length=120, db_index=True, help_text="app.model:id of what it is about.")
    text = models.TextField(max_length=4000)
    author_name = models.CharField(max_length=120)
    author_email = models.EmailField(blank=True)
    user = models.ForeignKey("projects.User", models.SET_NULL, null=True, blank=True, related_name="+")
    link = models.ForeignKey("projects.ShareLink", models.SET_NULL, null=True, blank=True, related_name="comments")

    class Meta:
        ordering = ["created_at", "pk"]
        constraints = [models.CheckConstraint(condition=~Q(text=""), name="comment_says_something")]

    def __str__(self) -> str:
        return f"{self.author_name}: {self.text[:60]}"

    @property
    def audit_label(self) -> str:
        """Name the row in the trail without its words or author."""
        return "Comment"

    @property
    def by_client(self) -> bool:
        """Whether it came through a share link."""
        return self.user_id is None
