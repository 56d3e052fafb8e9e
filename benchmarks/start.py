"""How long a start takes, and how much memory the idle whole holds."""

import time

import psutil

from benchmarks.running import Running, folder, running

SETTLE = 8  # seconds after the first answer, until workers and dispatcher are there


def memory(whole: Running) -> tuple[float, float, list[tuple[str, float, float]]]:
    rows = []
    for process in whole.processes():
        try:
            info = process.memory_full_info()
            words = " ".join(process.cmdline())
        except psutil.Error:
            continue
        marks = ["supervisor", "redis", "gunicorn", "celery", "dispatch"]
        name = next((mark for mark in marks if mark in words), words[:20])
        rows.append((name, info.rss / 1e6, info.pss / 1e6))
    return sum(row[1] for row in rows), sum(row[2] for row in rows), rows


def main() -> None:
    with folder() as var:
        with running(var) as first:
            print(f"first start, database made: {first.seconds:.1f} s")
            time.sleep(SETTLE)
            rss, pss, rows = memory(first)
            print("| process | RSS MB | PSS MB |\n| --- | ---: | ---: |")
            for name, one, other in rows:
                print(f"| {name} | {one:.0f} | {other:.0f} |")
            print(f"| **sum** | **{rss:.0f}** | **{pss:.0f}** |")
        later = []
        for _ in range(5):
            with running(var) as again:
                later.append(again.seconds)
        print(f"later starts: median {sorted(later)[2]:.1f} s, worst {max(later):.1f} s of {len(later)}")


if __name__ == "__main__":
    main()
