"""What the parent hands to the child, and what comes back: plain values in files of one folder."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from projects.sandbox.task import Limits

ORDER, ANSWER, OUTPUTS, SCRATCH = "order.json", "answer", "outputs", "tmp"
RESULT = f"{ANSWER}/result.json"


@dataclass(frozen=True, slots=True)
class Order:
    """One run of a work: which function, on what, in which folder, within which limits.

    ``marker`` names the run in the environment of its processes; ``code`` is the folder that
    holds the project's packages.
    """

    work: str
    folder: Path
    code: Path
    marker: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)
    seed: int = 0
    limits: Limits = field(default_factory=Limits)
    must_be_isolated: bool = False

    @property
    def outputs(self) -> Path:
        """The folder that the work writes its results into."""
        return self.folder / OUTPUTS

    @property
    def writable(self) -> list[Path]:
        """The folders that the child may write into; not the one around them, or it could put others in their place."""
        return [self.outputs, self.folder / ANSWER, self.folder / SCRATCH]

    def write(self) -> None:
        """Make the folders and put the order in."""
        for folder in (self.folder, *self.writable):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        plain = {
            "work": self.work,
            "code": str(self.code),
            "arguments": dict(self.arguments),
            "files": {name: str(path) for name, path in self.files.items()},
            "seed": self.seed,
            "limits": asdict(self.limits),
            "must_be_isolated": self.must_be_isolated,
        }
        (self.folder / ORDER).write_text(json.dumps(plain), encoding="utf-8")


def read_order(folder: Path) -> Order:
    """Read the order that lies in a folder."""
    plain = json.loads((folder / ORDER).read_text(encoding="utf-8"))
    return Order(
        work=plain["work"],
        folder=folder,
        code=Path(plain["code"]),
        marker="",
        arguments=plain["arguments"],
        files={name: Path(path) for name, path in plain["files"].items()},
        seed=plain["seed"],
        limits=Limits(**plain["limits"]),
        must_be_isolated=plain["must_be_isolated"],
    )


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended: a result, or a code and a sentence; and what it used."""

    result: dict[str, Any] | None = None
    code: str = ""
    message: str = ""
    may_try_again: bool = False  # the cause may be gone the next time
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_bytes: int = 0
    versions: dict[str, str] = field(default_factory=dict)
    isolation: str = ""
