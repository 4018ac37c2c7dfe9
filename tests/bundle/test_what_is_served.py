"""A script is written for what predicts; of anything else, the file's content is told in words."""

from __future__ import annotations

import multiprocessing
import os
import sys

import joblib
import pytest
from served_by_hand import served
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

import modelship as ms
from modelship.errors import EntryScriptError, NoEstimatorError
from modelship.sources import Model

X, Y = [[0.0, 1.0], [1.0, 0.0]] * 4, [0, 1] * 4

WRITE_WITH_DILL = """
import dill
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
doubled = FunctionTransformer(lambda rows: [[2 * each for each in row] for row in rows])
model = make_pipeline(doubled, LogisticRegression()).fit([[0.0, 1.0], [1.0, 0.0]] * 4, [0, 1] * 4)
open("model.pkl", "wb").write(dill.dumps(model))
"""
RUN_SCORE = """
import sys
sys.path.insert(0, "source")
import score
score.init()
open("answer", "w").write(str(score.run('{"data": [[0, 1], [1, 0]]}')))
"""


def linear():
    return LogisticRegression().fit(X, Y)


def run_as_main(code, folder):
    """Run code as a script in a fork, which has scikit-learn already and in which nothing stays."""

    def run():
        os.chdir(folder)
        os.environ["AZUREML_MODEL_DIR"] = str(folder)
        names = vars(sys.modules["__main__"])
        names.clear()
        names["__name__"] = "__main__"
        exec(code, names)

    forked = multiprocessing.get_context("fork").Process(target=run)
    forked.start()
    forked.join(60)
    assert forked.exitcode == 0


def read(held, folder):
    joblib.dump(held, folder / "model.pkl")
    return Model.read(folder / "model.pkl")


@pytest.mark.parametrize(
    ("make", "held"),
    [
        (lambda: {"model": linear(), "threshold": 0.3}, "a dict (keys model, threshold)"),
        (lambda: StandardScaler().fit(X), "a StandardScaler"),
        (lambda: [linear()], "a list of 1 value (LogisticRegression)"),
        (lambda: linear().predict, "a method"),
    ],
)
def test_what_does_not_predict_needs_a_script_of_ones_own(tmp_path, make, held):
    """The bundle says what the file holds, and how to go on; with a script it is made."""
    model = read(make(), tmp_path)
    with pytest.raises(EntryScriptError) as caught:
        ms.ScoringBundle(model)
    assert f"the model file model.pkl holds {held}, which has no predict()" in str(caught.value)
    assert "pass it as entry_script" in str(caught.value)
    (tmp_path / "score.py").write_text("def init(): ...\ndef run(raw_data): ...\n")
    assert ms.ScoringBundle(model, entry_script=tmp_path / "score.py").entry_script == "score.py"


def test_an_evaluation_says_what_a_file_holds_that_does_not_predict(tmp_path):
    """It is told in the same words, and not as an option of the caller's."""
    model = read({"model": linear(), "threshold": 0.3}, tmp_path)
    with pytest.raises(NoEstimatorError) as caught:
        ms.Evaluator(X, Y).evaluate(model)
    said = "model.pkl holds a dict (keys model, threshold), which has no predict();"
    assert said in str(caught.value)
    assert caught.value.exit_code == 3


def test_a_dict_with_one_estimator_is_served_as_that(tmp_path, monkeypatch):
    """The script takes the estimator out of it, and so does an evaluation."""
    model = read({"model": linear(), "version": "3"}, tmp_path)
    with served(ms.ScoringBundle(model), tmp_path / "source", monkeypatch) as script:
        assert script.run('{"data": [[0, 1], [1, 0]]}') == [0, 1]
    assert ms.Evaluator(X, Y).evaluate(model).accuracy == 1.0


def test_what_dill_wrote_is_loaded_with_dill(tmp_path):
    """Joblib finds no __builtin__ that dill names; the script and Model.load() call dill's own."""
    run_as_main(WRITE_WITH_DILL, tmp_path)
    bundle = ms.ScoringBundle(Model.read(tmp_path / "model.pkl"))
    for file in bundle.source:
        (tmp_path / "source" / file.path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "source" / file.path).write_bytes(file.content)
    run_as_main(RUN_SCORE, tmp_path)
    assert (tmp_path / "answer").read_text() == "[0, 1]"
    assert "dill" in {each.partition("=")[0] for each in bundle.environment.requirements}
