"""A web process does not load what only children need: it stays small, and a page never waits for pandas."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ["pandas", "pyarrow", "scipy", "sklearn", "skops", "typst", "vl_convert"]
LOAD = f"""
import sys
import freelance_ml.wsgi
print(sorted(set({HEAVY}) & set(sys.modules)))
"""


@pytest.mark.xfail(strict=True, reason="queries and reports still import the engine's numeric modules")
def test_the_web_process_loads_no_numeric_package():
    loaded = subprocess.run([sys.executable, "-c", LOAD], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert loaded.split("\n")[-2] == "[]", loaded
