"""Front-end packages as static files: an exact list, so that nothing else is ever served."""

import json
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
# The interpreter comes as a module that asks for a bare name, which a page may only resolve by an inline import
# map; a strict content security policy forbids those. As a plain script it finds what it needs on ``vega``.
REWRITTEN = {
    "vendor/vega-interpreter.js": (
        (
            b"import { ascending, isString, DisallowedObjectProperties } from 'vega-util';",
            b"(() => {\nconst { ascending, isString, DisallowedObjectProperties } = vega;",
        ),
        (b"export { expression as expressionInterpreter };", b"globalThis.vegaInterpreter = expression;\n})();"),
    ),
}
NOT_INSTALLED = "The front-end packages are not installed. Run “make setup” or “npm ci”."
CHANGED = "A front-end package is not the one that was expected. Run “npm ci” to get the locked version."


def _all_collected() -> bool:
    """Say whether every listed file is among the collected static files."""
    try:
        manifest = json.loads((Path(settings.STATIC_ROOT) / "staticfiles.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return set(FILES) <= set(manifest.get("paths", {}))


class NpmStorage(FileSystemStorage):
    """The listed files of node_modules under short names, without links to source maps."""

    def path(self, name: str) -> str:
        """Return where a listed file lies."""
        return str(Path(self.location) / FILES.get(name, name))

    def _open(self, name: str, mode: str = "rb") -> File:
        """Open a file as it is served."""
        return ContentFile(served(name, Path(self.path(name)).read_bytes()), name=name)


def served(name: str, content: bytes) -> bytes:
    """Return a file's content as it is served: source maps are left out, so the line that names one goes too.

    Raises ValueError if the package is another than the one that is rewritten here.
    """
    lines = content.splitlines(keepends=True)
    content = b"".join(line for line in lines if b"sourceMappingURL=" not in line)
    for old, new in REWRITTEN.get(name, ()):
        if content.count(old) != 1:
            raise ValueError(CHANGED)
        content = content.replace(old, new)
    return content


class NpmFinder(BaseFinder):
    """Finds the listed files in node_modules."""

    def __init__(self, app_names: object = None, *args: Any, **kwargs: Any) -> None:
        self.storage = NpmStorage(location=settings.BASE_DIR / "node_modules")

    def check(self, **kwargs: Any) -> list[CheckMessage]:
        """Say what is missing; what was collected beforehand, as in an image, needs no packages any more."""
        missing = sorted(source for name, source in FILES.items() if not Path(self.storage.path(name)).is_file())
        if not missing or (not Path(self.storage.location).exists() and _all_collected()):
            return []
        return [Error(f"{NOT_INSTALLED} Missing: {', '.join(missing)}.", id="freelance_ml.E001")]

    def find(self, path: str, find_all: Any = False, **kwargs: Any) -> Any:  # noqa: FBT002  Django's signature
        """Return the file behind an address, or an empty list; used where nothing is collected beforehand."""
        if path not in FILES or not Path(self.storage.path(path)).is_file():
            return []
        found = self._rewritten(path) if path in REWRITTEN else self.storage.path(path)
        return [found] if find_all or kwargs.get("all") else found

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterator[tuple[str, NpmStorage]]:
        """Name every listed file with its storage."""
        for name in FILES:
            yield name, self.storage

    def _rewritten(self, name: str) -> str:
        """Write the served form of a file to where it can be found."""
        content = served(name, Path(self.storage.path(name)).read_bytes())
        place = Path(settings.VAR_DIR) / "static-rewritten" / Path(name).name
        if not place.is_file() or place.read_bytes() != content:
            place.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            place.parent.mkdir(mode=0o700, exist_ok=True)
            place.write_bytes(content)
        return str(place)
