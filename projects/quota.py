"""How much a workspace may keep in files; every storey counts what it holds."""

from collections.abc import Callable

from django.conf import settings

from projects.errors import DomainError
from projects.models import Workspace

Counter = Callable[[Workspace], int]

_counters: dict[str, Counter] = {}


class QuotaExceededError(DomainError):
    """Raised when a workspace would hold more than its share of the disk."""

    code = "quota-exceeded"
    template = "This workspace holds {used} of {limit} bytes. Delete datasets, uploads or bills that are not needed."


def register_files(name: str, counter: Counter) -> None:
    """Add a storey's count of the bytes that a workspace keeps."""
    _counters[name] = counter


def used_bytes(workspace: Workspace) -> int:
    """Count the bytes that a workspace keeps in files."""
    return sum(counter(workspace) for counter in _counters.values())


def must_fit(workspace: Workspace, size: int) -> None:
    """Raise QuotaExceededError when ``size`` more bytes would exceed the workspace's share.

    Of several at once one is asked after the other, until the caller's transaction is over.
    """
    Workspace.objects.select_for_update().get(pk=workspace.pk)
    used = used_bytes(workspace)
    if used + size > settings.WORKSPACE_MAX_BYTES:
        raise QuotaExceededError(used=used, limit=settings.WORKSPACE_MAX_BYTES)
