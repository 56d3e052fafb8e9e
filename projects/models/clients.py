"""For whom the work is done."""

from django.db import models

from projects.access import TenantModel


class Client(TenantModel):
    """A business that gives work and pays for it."""

    workspace = models.ForeignKey("projects.Workspace", models.CASCADE, related_name="clients")
    name = models.CharField(max_length=160)
    email = models.EmailField(blank=True)
    address = models.TextField(blank=True)
    country = models.CharField(max_length=2, blank=True, help_text="Two letters, such as DE.")
    tax_id = models.CharField("tax number", max_length=40, blank=True)
    notes = models.TextField(blank=True)
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["name", "pk"]
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="client_name_once")]

    def __str__(self) -> str:
        return self.name


class Contact(TenantModel):
    """A person at a client."""

    workspace_path = "client__workspace"

    client = models.ForeignKey(Client, models.CASCADE, related_name="contacts")
    name = models.CharField(max_length=120)
    email = models.EmailField()
    role = models.CharField("what they decide", max_length=80, blank=True)

    class Meta:
        ordering = ["name", "pk"]

    def __str__(self) -> str:
        return self.name
