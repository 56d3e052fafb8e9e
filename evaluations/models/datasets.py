"""The client's data: uploads, stored files, datasets and their immutable versions."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from projects.access import TenantModel


class StoredFile(TenantModel):
    """Bytes kept in the storage under their SHA-256, once a workspace."""

    workspace = models.ForeignKey("projects.Workspace", models.PROTECT, related_name="stored_files")
    sha256 = models.CharField(max_length=64, editable=False)
    size = models.BigIntegerField(editable=False)  # bytes

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "sha256"], name="stored_file_once")]

    def __str__(self) -> str:
        return self.sha256[:12]


class Upload(TenantModel):
    """A file on its way in, piece by piece; it can be taken up again after a break."""

    workspace = models.ForeignKey("projects.Workspace", models.CASCADE, related_name="uploads")
    name = models.CharField("file name", max_length=255)
    size = models.BigIntegerField("size in bytes")
    chunk_size = models.PositiveIntegerField(editable=False)  # bytes
    created_by = models.ForeignKey("projects.User", models.SET_NULL, null=True, related_name="+", editable=False)
    touched_at = models.DateTimeField("last piece", default=timezone.now, editable=False, db_index=True)
    completed_at = models.DateTimeField("taken in", null=True, editable=False)

    class Meta:
        ordering = ["-created_at"]
        constraints = [models.CheckConstraint(condition=Q(size__gt=0), name="upload_not_empty")]

    def __str__(self) -> str:
        return self.name

    @property
    def chunk_count(self) -> int:
        """How many pieces make the whole."""
        return -(-self.size // self.chunk_size)

    def size_of(self, index: int) -> int:
        """Say how many bytes the piece ``index`` must hold."""
        return min(self.chunk_size, self.size - index * self.chunk_size)


class UploadChunk(TenantModel):
    """One piece of an upload that has arrived."""

    workspace_path = "upload__workspace"

    upload = models.ForeignKey(Upload, models.CASCADE, related_name="chunks")
    index = models.PositiveIntegerField()
    size = models.PositiveIntegerField()  # bytes
    sha256 = models.CharField(max_length=64)

    class Meta:
        ordering = ["index"]
        constraints = [models.UniqueConstraint(fields=["upload", "index"], name="upload_chunk_once")]

    def __str__(self) -> str:
        return f"{self.upload} piece {self.index}"


class Dataset(TenantModel):
    """A table of the client's, with where it comes from and by what right it is used."""

    class Basis(models.TextChoices):
        """On what ground personal data may be used (GDPR, Article 6)."""

        NONE = "none", "No personal data"
        CONSENT = "consent", "Consent"
        CONTRACT = "contract", "Contract"
        OBLIGATION = "obligation", "Legal obligation"
        VITAL = "vital", "Vital interests"
        PUBLIC = "public", "Public task"
        INTEREST = "interest", "Legitimate interests"
        UNKNOWN = "unknown", "Not known yet"

    workspace = models.ForeignKey("projects.Workspace", models.CASCADE, related_name="datasets")
    engagement = models.ForeignKey(
        "projects.Engagement", models.SET_NULL, null=True, blank=True, related_name="datasets"
    )
    name = models.CharField(max_length=160)
    source = models.TextField("where it comes from", blank=True)
    owner = models.CharField("who owns it", max_length=160, blank=True)
    licence = models.CharField(max_length=120, blank=True)
    lawful_basis = models.CharField(max_length=10, choices=Basis, default=Basis.UNKNOWN)
    retention_on = models.DateField("delete after", null=True, blank=True)
    target = models.CharField("column to predict", max_length=255, blank=True)

    class Meta:
        ordering = ["name", "pk"]
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="dataset_name_once")]

    def __str__(self) -> str:
        return self.name


class DatasetVersion(TenantModel):
    """One file as it arrived and the typed table made of it; neither ever changes."""

    class State(models.TextChoices):
        """How far the reading has come."""

        READING = "reading", "Reading"
        ASKS = "asks", "Waiting for your answer"
        READY = "ready", "Ready"
        REJECTED = "rejected", "Not readable"

    workspace_path = "dataset__workspace"

    dataset = models.ForeignKey(Dataset, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    file_name = models.CharField(max_length=255)
    upload = models.OneToOneField(Upload, models.SET_NULL, null=True, editable=False)
    original = models.ForeignKey(StoredFile, models.PROTECT, null=True, related_name="+", editable=False)
    table = models.ForeignKey(StoredFile, models.PROTECT, null=True, related_name="+", editable=False)
    state = models.CharField(max_length=8, choices=State, default=State.READING, editable=False)
    options = models.JSONField(default=dict, editable=False)  # what a person corrected in the reading
    report = models.JSONField(default=dict, editable=False)  # how the file was read, with questions and preview
    profile = models.JSONField(default=dict, editable=False)  # figures of the whole table; of columns: Column
    findings = models.JSONField(default=list, editable=False)
    rows = models.BigIntegerField(null=True, editable=False)
    column_count = models.PositiveIntegerField(null=True, editable=False)
    job = models.ForeignKey("projects.Job", models.SET_NULL, null=True, related_name="+", editable=False)

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "number"], name="dataset_version_number_once"),
            models.CheckConstraint(
                condition=~Q(state="ready") | Q(table__isnull=False, original__isnull=False, rows__isnull=False),
                name="dataset_version_ready_has_table",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dataset} v{self.number}"


class Column(TenantModel):
    """One column of a version, with its figures."""

    workspace_path = "version__dataset__workspace"

    version = models.ForeignKey(DatasetVersion, models.CASCADE, related_name="columns")
    position = models.PositiveIntegerField()
    name = models.CharField(max_length=255)
    kind = models.CharField(max_length=20)
    facts = models.JSONField(default=dict)

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["version", "position"], name="column_position_once")]

    def __str__(self) -> str:
        return self.name
