"""The work of ``served_kinds``, run in the sandbox."""

import time


def add_up(task):
    time.sleep(task.arguments.get("pause", 0))
    total = sum(int(line) for line in task.inputs["numbers"].read_text().split())
    (task.outputs / "sum.txt").write_text(str(total))
    return {"sum": total}
