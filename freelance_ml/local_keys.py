"""Secrets that an embedded installation makes for itself, one file each, readable by its owner alone."""

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path


def kept_secret(folder: Path, name: str, *, size: int = 48) -> str:
    """Return the secret stored under ``name``; make and store one of ``size`` random bytes the first time.

    Several processes may start at once: the link is atomic, so all read the same value.
    """
    target = folder / name
    if not target.exists():
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # parents that mkdir makes get the usual mode
        folder.mkdir(mode=0o700, exist_ok=True)
        descriptor, draft = tempfile.mkstemp(dir=folder)  # created with mode 0600
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(size))
        with suppress(FileExistsError):
            os.link(draft, target)
        Path(draft).unlink()
    return target.read_text().strip()
