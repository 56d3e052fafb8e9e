"""The inside of the room: lock the door, do the work, leave the result on the table."""

import errno
import json
import os
import sys
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any

from projects.sandbox.isolation import NotIsolatedError, die_with_parent, lock, set_limits
from projects.sandbox.order import RESULT, Order, read_order
from projects.sandbox.processes import peak_of
from projects.sandbox.task import Task, TaskError

LONGEST_MESSAGE = 4_000  # bytes; below it a write to a pipe is whole or nothing
LIBRARIES = ("numpy", "scipy", "pandas", "pyarrow", "sklearn", "skops", "onnx", "typst")
REASONS_OF_SYSTEM = {
    errno.EFBIG: "file-too-big",
    errno.ENOSPC: "disk-full",
    errno.EDQUOT: "disk-full",
    errno.ENOMEM: "out-of-memory",
    errno.EMFILE: "too-many-files",
}


def main(folder: str, control: str, parent: str) -> None:
    """Carry out the order in a folder; messages go to the descriptor ``control``."""
    die_with_parent(int(parent))
    order = read_order(Path(folder))
    set_limits(order.limits)
    descriptor = int(control)
    module, _, name = order.work.partition(":")
    import_module(module.partition(".")[0])  # its folder can be listed only now
    answer: dict[str, Any]
    try:
        _tell(descriptor, {"isolation": lock(order)})
    except NotIsolatedError:
        answer = {"code": "not-isolated"}
    else:
        answer = _carry_out(order, module, name, descriptor)
    answer |= {"versions": _versions(), "peak": peak_of(os.getpid())}
    _leave(order.folder, answer)


def _carry_out(order: Order, module: str, name: str, descriptor: int) -> dict[str, Any]:
    task = Task(
        arguments=order.arguments,
        inputs=order.files,
        outputs=order.outputs,
        seed=order.seed,
        tell=lambda message: _tell(descriptor, message),
    )
    try:
        result = getattr(import_module(module), name)(task)
        json.dumps(result, allow_nan=False)
    except TaskError as error:
        return {"code": error.code, "message": error.message}
    except MemoryError:
        return {"code": "out-of-memory"}
    except OSError as error:
        traceback.print_exc()
        return {"code": REASONS_OF_SYSTEM.get(error.errno or 0, "unexpected-error"), "error": type(error).__name__}
    except Exception as error:  # noqa: BLE001  # whatever the work raises ends the work and nothing else
        traceback.print_exc()
        return {"code": "unexpected-error", "error": type(error).__name__}
    return {"result": result}


def _tell(descriptor: int, message: dict[str, Any]) -> None:
    line = json.dumps(message).encode()
    if len(line) > LONGEST_MESSAGE:
        short = {key: value[:500] if isinstance(value, str) else value for key, value in message.items()}
        line = json.dumps(short).encode()[:LONGEST_MESSAGE]
    os.write(descriptor, line + b"\n")


def _versions() -> dict[str, str]:
    found = {name: getattr(sys.modules[name], "__version__", "") for name in LIBRARIES if name in sys.modules}
    return {"python": sys.version.partition(" ")[0]} | found


def _leave(folder: Path, answer: dict[str, Any]) -> None:
    draft = folder / f"{RESULT}.draft"
    draft.write_text(json.dumps(answer), encoding="utf-8")
    draft.rename(folder / RESULT)


if __name__ == "__main__":
    main(*sys.argv[1:4])
