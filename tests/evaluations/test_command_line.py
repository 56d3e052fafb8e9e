"""The command line judges as the page does, byte for byte, and speaks to a pipeline by its exit code."""

import json

import pandas as pd
import pytest
from django.core.management import call_command

from projects.canonical import canonical, digest
from tests.factories.evaluations import churn_csv, judged, look, make_protocol, terms, train
from tests.factories.evaluations import make_version as read_version

GATE = {"metric": "roc_auc", "direction": "at_least"}


@pytest.fixture
def data(tmp_path):
    path = tmp_path / "churn.csv"
    path.write_bytes(churn_csv())
    return path


@pytest.fixture
def judge(tmp_path, capsys):
    """Run the command; gives exit code, result and what was said."""

    def run(*arguments, protocol, out=tmp_path / "result.json"):
        path = tmp_path / "protocol.json"
        path.write_text(json.dumps(protocol) if isinstance(protocol, dict) else protocol)
        with pytest.raises(SystemExit) as stop:
            call_command("evaluate", *map(str, arguments), "--protocol", str(path), "--json", str(out))
        said = capsys.readouterr()
        return stop.value.code, out.read_bytes() if out.exists() else b"", said.out + said.err

    return run


@pytest.fixture
def predictions(tmp_path):
    """Truth beside probabilities, as any framework writes them."""

    def write(share=0.9):
        rows = pd.DataFrame({"truth": ["yes", "no"] * 120})
        rows["probability"] = [share if truth == "yes" else 1 - share for truth in rows["truth"]]
        rows.loc[::9, "probability"] = 0.5
        path = tmp_path / "predictions.csv"
        rows.to_csv(path, index=False)
        return path

    return write


def test_the_same_data_and_protocol_give_the_bytes_of_the_page(actor, data, judge):
    version = read_version(actor=actor, content=data.read_bytes())
    protocol = make_protocol(actor=actor, version=version)
    run = look(actor=actor, protocol=protocol, model=train(actor=actor, protocol=protocol, recipes=()))
    assert run.verdict == "pass", run.job.error_message

    code, written, said = judge("--data", data, "--budget", "600", protocol=protocol.body)

    assert code == 0
    assert written == canonical(run.result)
    assert digest(json.loads(written)) == run.digest
    assert said.startswith("PASS: Every promise was shown.")


@pytest.mark.parametrize(("share", "code", "word"), [(0.9, 0, "PASS"), (0.1, 1, "FAIL")])
def test_predictions_are_judged_without_training(judge, predictions, share, code, word):
    found, written, said = judge("--predictions", predictions(share), protocol=terms(gates=[GATE | {"threshold": 0.6}]))
    assert found == code
    assert f"{word}: " in said
    assert json.loads(written)["verdict"]["verdict"] == word.lower()


def test_too_few_rows_are_inconclusive(judge, tmp_path):
    path = tmp_path / "few.csv"
    path.write_text("truth,prediction\n" + "yes,yes\nno,no\n" * 6 + "yes,no\n")
    gates = [{"metric": "accuracy", "direction": "at_least", "threshold": 0.85}]
    code, _, said = judge("--predictions", path, protocol=terms(gates=gates))
    assert code == 2
    assert "INCONCLUSIVE" in said
    assert "more rows would decide it" in said


@pytest.mark.parametrize(
    ("protocol", "words"),
    [
        ("{", "is not JSON"),
        ("[]", "must hold one JSON object"),
        (terms(gates=[]), "there is no promise to judge"),
        (terms(target="gone", truth="gone"), "this field is not known"),
    ],
    ids=["broken", "list", "no gate", "unknown field"],
)
def test_a_bad_protocol_is_bad_input(judge, predictions, protocol, words):
    code, written, said = judge("--predictions", predictions(), protocol=protocol)
    assert code == 3
    assert words in said
    assert written == b""
    assert "Traceback" not in said


def test_a_missing_file_is_bad_input(judge, tmp_path):
    code, _, said = judge("--predictions", tmp_path / "nothing.csv", protocol=terms())
    assert code == 3
    assert "cannot be opened" in said


def test_a_file_that_asks_a_question_names_the_option(judge, data):
    code, _, said = judge("--data", data, "--read", "{", protocol=terms())
    assert code == 3
    assert "--read is not JSON" in said


def test_a_column_that_is_not_there_is_bad_input(judge, data):
    code, _, said = judge("--data", data, protocol=terms(target="gone"))
    assert code == 3
    assert "no column named gone" in said


def test_figures_carry_no_more_digits_than_the_machine_gives_alike():
    assert canonical(judged()) == canonical(json.loads(canonical(judged())))
