"""What the supervisor is told to run: plain values that survive an exec."""

import json
import tempfile
from dataclasses import asdict, dataclass, field
from typing import IO, Self


@dataclass(frozen=True, slots=True)
class Part:
    """One process that is kept running.

    Parts start stage by stage and stop in the opposite order. ``socket`` names the Unix socket on
    which a broker must answer before the next stage starts.
    """

    name: str
    argv: list[str]
    stage: int = 1
    stop_within: float = 20.0  # seconds between asking and killing
    socket: str = ""
    waits_for_answer: bool = False
    inherits: list[int] = field(default_factory=list)  # file descriptors handed on


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that the supervisor must know."""

    parts: list[Part]
    address: str  # what people open
    host: str
    port: int
    health_host: str  # the Host header that the site accepts
    log_folder: str
    run_folder: str
    notes: list[str] = field(default_factory=list)  # printed once the site answers
    environment: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        """Write the plan as one line."""
        return json.dumps(asdict(self))

    def to_file(self) -> IO[bytes]:
        """Write the plan into a file without a name; everyone on the machine could read it in a command line."""
        file = tempfile.TemporaryFile()  # noqa: SIM115  # whoever reads it closes it
        file.write(self.to_json().encode())
        file.seek(0)
        return file

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what ``to_json`` wrote."""
        values = json.loads(text)
        values["parts"] = [Part(**part) for part in values["parts"]]
        return cls(**values)
