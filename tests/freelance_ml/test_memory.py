"""A web process does not load what only children need: it stays small, and a page never waits for pandas."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# numpy and scipy.special are welcome: the protocol editor plans with exact binomials while one types
HEAVY = ["pandas", "pyarrow", "scipy.stats", "sklearn", "skops", "vl_convert"]
LOAD = f"""
import sys
import freelance_ml.wsgi
print(sorted(set({HEAVY}) & set(sys.modules)))
"""


def test_the_web_process_loads_nothing_that_only_children_need():
    loaded = subprocess.run([sys.executable, "-c", LOAD], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert loaded.split("\n")[-2] == "[]", loaded
