"""Run the measurements: ``python -m benchmarks`` for all, ``python -m benchmarks start pages`` for some."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
HELPERS = {"__init__", "__main__", "data_tables", "pages_site", "provided", "running"}


def main() -> int:
    """Run one after the other, each in a process of its own; 1 when one of them failed."""
    known = sorted(path.stem for path in HERE.glob("*.py") if path.stem not in HELPERS)
    wished = sys.argv[1:] or known
    unknown = sorted(set(wished) - set(known))
    if unknown:
        sys.stderr.write(f"There is no measurement {unknown[0]!r}. There are: {', '.join(known)}\n")
        return 2
    failed = []
    for name in wished:
        print(f"== {name}", flush=True)
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], cwd=HERE.parent, check=False).returncode:
            failed.append(name)
    for name in failed:
        print(f"failed: {name}")
    return int(bool(failed))


if __name__ == "__main__":
    raise SystemExit(main())
