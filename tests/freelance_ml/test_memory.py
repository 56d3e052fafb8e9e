"""No process that stays loads what only children need: it stays small, and no start waits for pandas."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMPUTES = {"numpy", "scipy", "pandas", "pyarrow", "sklearn", "skops", "onnx", "joblib"}
DRAWS = {"vl_convert", "typst"}
PAGES = {
    "rest_framework.views",
    "drf_spectacular.views",
    "allauth.urls",
    "freelance_ml.urls",
    "freelance_ml.templatetags.ui",
}
LOAD = "import sys\n{program}\nprint(*sys.modules)"
SETUP = "import os; os.environ['DJANGO_SETTINGS_MODULE'] = 'freelance_ml.settings'; import django; django.setup()"


@pytest.mark.parametrize(
    ("program", "unwelcome"),
    [
        ("import freelance_ml.wsgi", COMPUTES | DRAWS),
        (f"{SETUP}; import projects.dispatcher", COMPUTES | DRAWS | PAGES),
        ("import freelance_ml.celery as c; c.app.loader.import_default_modules()", COMPUTES | DRAWS | PAGES),
    ],
    ids=["web", "dispatcher", "worker"],
)
def test_what_stays_loads_nothing_that_only_others_need(program, unwelcome):
    words = [sys.executable, "-c", LOAD.format(program=program)]
    said = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    loaded = set(said.splitlines()[-1].split())
    assert "django.apps" in loaded
    assert sorted(unwelcome & loaded) == []
