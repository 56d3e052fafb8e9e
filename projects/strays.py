"""Files that no row knows: left by a process that was killed between storing bytes and writing their row."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from projects.models import Workspace
from projects.storage import Shelf, age_of, stored_files, sweep_drafts

KEPT = timedelta(hours=48)  # longer than any job may take from storing a file to writing its row
Known = Callable[[UUID], set[str]]

_shelves: dict[str, tuple[Shelf, Known]] = {}


def register_shelf(shelf: Shelf, known: Known) -> None:
    """Add a storey's shelf, and how to list the hashes that a workspace's rows name."""
    _shelves[shelf.name] = (shelf, known)


def sweep_strays() -> int:
    """Delete files that no row has named for two days, and drafts that were never finished; return how many.

    Only known workspaces are looked through: with a foreign or an empty database nothing is lost.
    """
    found = sweep_drafts(older_than=KEPT)
    for workspace_id in Workspace.objects.values_list("pk", flat=True):
        for shelf, known in _shelves.values():
            found += _sweep(shelf, workspace_id, known(workspace_id))
    return found


def _sweep(shelf: Shelf, workspace_id: UUID, known: set[str]) -> int:
    strays = [
        sha256
        for address in stored_files(f"{shelf.name}/{workspace_id}")
        if (sha256 := address.rpartition("/")[2]) not in known and age_of(address) > KEPT
    ]
    for sha256 in strays:
        shelf.delete(workspace_id, sha256)
    return len(strays)
