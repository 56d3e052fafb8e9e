"""The environment of the tests, set before Django or NumPy reads it; loaded by ``-p tests.environment``.

pytest-django reads the settings before any conftest is imported, and the suite must never touch ``var``,
where the person who runs it may keep real data.
"""

import atexit
import os
import shutil
import tempfile

folder = tempfile.mkdtemp(prefix="freelance-ml-tests-")
atexit.register(shutil.rmtree, folder, ignore_errors=True)
os.environ["FREELANCE_ML_VAR"] = folder
os.environ.setdefault("JOB_WISH", "false")  # no broker in tests but those in tests/faults
# Several processes test at once; threads of numerical libraries would only wait for each other's processors.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")
