"""How long a job waits for its start on an idle installation: found by the poll, and with a hint after the commit.

Run as ``python -m benchmarks.jobs_latency [COUNT]``; it starts its own Redis, worker and dispatcher.
"""

import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

from tests.faults.stage import Stage


def measure(*, wish: bool, count: int) -> dict[str, float]:
    """Start jobs one by one at random moments, and read from the rows how long each waited."""
    dice = random.Random(7)
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(Path(folder) / "s", wish=wish, lease=30, resend=15)
        try:
            stage.start_redis()
            stage.start_worker(processes=2)
            stage.start_dispatcher()
            first = stage.ask("start", kind="in_worker", wish=wish)
            stage.wait_for(first, seconds=60)
            ids = []
            for _ in range(count):
                ids += stage.ask("start", kind="in_worker", wish=wish)
                time.sleep(dice.uniform(0.2, 1.5))
            stage.wait_for(ids, seconds=60)
            waits = sorted(stage.ask("latencies")[-count:])
        finally:
            stage.close()
    return {
        "count": count,
        "median_ms": round(1000 * statistics.median(waits)),
        "p95_ms": round(1000 * waits[int(0.95 * len(waits))]),
        "max_ms": round(1000 * waits[-1]),
    }


def main() -> None:
    """Measure both ways and print a line each."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    for name, wish in (("poll only", False), ("hint after the commit", True)):
        print(name, measure(wish=wish, count=count))


if __name__ == "__main__":
    main()
