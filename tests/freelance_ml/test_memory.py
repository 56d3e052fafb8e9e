"""No process that stays loads what only children need: it stays small, and no start waits for pandas."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COMPUTES = {"numpy", "scipy", "pandas", "pyarrow", "sklearn", "skops", "onnx", "joblib", "vl_convert", "typst"}
PAGES = {"rest_framework.views", "drf_spectacular.views", "allauth.urls", "freelance_ml.urls"}
LOAD = """
import json, sys
import freelance_ml.celery
freelance_ml.celery.app.loader.import_default_modules()
import freelance_ml.slots, projects.dispatcher
behind = list(sys.modules)
import freelance_ml.wsgi
print(json.dumps([behind, list(sys.modules)]))
"""


def test_what_stays_loads_nothing_that_only_children_need():
    words = [sys.executable, "-c", LOAD]
    said = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    worker_and_dispatcher, web = map(set, json.loads(said.splitlines()[-1]))
    assert "projects.models" in worker_and_dispatcher
    assert sorted(PAGES & web) == sorted(PAGES)
    assert sorted(PAGES & worker_and_dispatcher) == []
    assert sorted(COMPUTES & web) == []
