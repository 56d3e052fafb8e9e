"""Front-end packages as static files: an exact list, so that nothing else is ever served."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import BaseFinder
from django.core.checks import CheckMessage, Error
from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage

# address under STATIC_URL → file under node_modules
FILES = {
    "vendor/tabler.css": "@tabler/core/dist/css/tabler.min.css",
    "vendor/htmx.js": "htmx.org/dist/htmx.min.js",
    "vendor/vega.js": "vega/build/vega.min.js",
    "vendor/vega-lite.js": "vega-lite/build/vega-lite.min.js",
    "vendor/vega-interpreter.js": "vega-interpreter/build/vega-interpreter.js",
}
NOT_INSTALLED = "The front-end packages are not installed. Run “make setup” or “npm ci”."


class NpmStorage(FileSystemStorage):
    """The listed files of node_modules under short names, without links to source maps."""

    def path(self, name: str) -> str:
        """Return where a listed file lies."""
        return str(Path(self.location) / FILES.get(name, name))

    def _open(self, name: str, mode: str = "rb") -> File:
        """Open a file; source maps are left out, so the line that names one goes too."""
        lines = Path(self.path(name)).read_bytes().splitlines(keepends=True)
        return ContentFile(b"".join(line for line in lines if b"sourceMappingURL=" not in line), name=name)


class NpmFinder(BaseFinder):
    """Finds the listed files in node_modules."""

    def __init__(self, app_names: object = None, *args: Any, **kwargs: Any) -> None:
        self.storage = NpmStorage(location=settings.BASE_DIR / "node_modules")

    def check(self, **kwargs: Any) -> list[CheckMessage]:
        """Say what is missing."""
        missing = sorted(source for name, source in FILES.items() if not Path(self.storage.path(name)).is_file())
        if not missing:
            return []
        return [Error(f"{NOT_INSTALLED} Missing: {', '.join(missing)}.", id="freelance_ml.E001")]

    def find(self, path: str, find_all: bool = False, **kwargs: Any) -> str | list[str]:  # noqa: FBT001, FBT002  Django's signature
        """Return the file behind an address, or an empty list."""
        if path not in FILES or not Path(self.storage.path(path)).is_file():
            return []
        found = self.storage.path(path)
        return [found] if find_all or kwargs.get("all") else found

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterator[tuple[str, NpmStorage]]:
        """Name every listed file with its storage."""
        for name in FILES:
            yield name, self.storage
