"""Model files by a stranger's hand: nothing in them is run, and each ends with a sentence."""

import io
import json
import zipfile

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from evaluations.engine.training.artifacts import DamagedModelError, UntrustedModelError, load_model, save_model


@pytest.fixture
def forge(tmp_path):
    """Write a model of ours with its schema and its arrays replaced."""
    path = tmp_path / "model.skops"
    save_model(Pipeline([("model", LogisticRegression().fit([[0], [1]], [0, 1]))]), path)
    with zipfile.ZipFile(path) as whole:
        parts = {name: whole.read(name) for name in whole.namelist()}

    def write(*, node=None, array=None, schema=None):
        tree = json.loads(parts["schema.json"])
        if node:
            tree["content"]["content"]["steps"] = {"__id__": 1, "protocol": tree["protocol"], **node}
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
            for name, content in parts.items():
                if name != "schema.json":
                    out.writestr(name, array or content)
            out.writestr("schema.json", schema or json.dumps(tree))
        return path

    return write


def node(loader, module, name, **more):
    return {"__loader__": loader, "__module__": module, "__class__": name, **more}


@pytest.mark.parametrize(
    "planted",
    [
        node("TypeNode", "os", "system"),
        node("TypeNode", "subprocess", "Popen"),
        node("FunctionNode", "posix", "system", content="system"),
        node("FunctionNode", "builtins", "eval", content={"module_path": "builtins", "function": "eval"}),
        node("OperatorFuncNode", "operator", "methodcaller", attrs=node("TupleNode", "builtins", "tuple", content=[])),
        node("PartialNode", "functools", "partial", content={}),
        node("MethodNode", "builtins", "method", content={"func": "system", "obj": node("JsonNode", "os", "x")}),
        node("ReduceNode", "os", "system", content={}),
        node("ListNode", "builtins", "list", content=[{"__loader__": "CachedNode", "__id__": 1}]),
        node("NoSuchNode", "builtins", "list"),
    ],
    ids=lambda planted: planted["__loader__"],
)
def test_no_planted_call_is_made(forge, planted, monkeypatch):
    def caught(*call):
        pytest.fail(f"the model called {call}")

    for name in ("os.system", "subprocess.Popen", "builtins.eval"):
        monkeypatch.setattr(name, caught)
    with pytest.raises((UntrustedModelError, DamagedModelError)):
        load_model(forge(node=planted))


def array_file(value, **options):
    out = io.BytesIO()
    np.save(out, value, **options)
    return out.getvalue()


PICKLED = array_file(np.array([print], dtype=object), allow_pickle=True)
CUT_OFF = array_file(np.zeros(1000))[:-500]


@pytest.mark.parametrize("array", [PICKLED, CUT_OFF, b"\x80\x04N."], ids=["pickled", "cut off", "a pickle"])
def test_arrays_that_are_none_are_damage(forge, array):
    with pytest.raises(DamagedModelError):
        load_model(forge(array=array))


def test_a_schema_nested_without_end_is_damage(forge):
    with pytest.raises(DamagedModelError):
        load_model(forge(schema='{"a":' * 100_000 + "1" + "}" * 100_000))
