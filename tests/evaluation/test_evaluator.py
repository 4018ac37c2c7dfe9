"""What can be evaluated, on which test sets, in which batches."""

from __future__ import annotations

import json
import os
import pickle
import pty
import subprocess
import sys

import joblib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from sklearn.linear_model import LinearRegression, Perceptron

from modelship.errors import (
    InvalidOptionError,
    InvalidTestSetError,
    PredictionError,
    ScoringTimeoutError,
)
from modelship.evaluation import Evaluator, Predictions, SupportsRun
from modelship.sources import Model

MNIST_MATRIX = """
960 0 2 2 1 4 6 3 1 1     0 1113 3 1 0 1 5 1 11 0     9 8 919 20 9 5 10 12 37 3
4 0 17 918 2 24 4 11 21 9 1 4 4 3 913 0 10 3 5 39     10 2 0 42 11 768 17 7 28 7
9 3 7 2 6 20 907 1 3 0    2 9 22 5 8 1 1 948 5 27     10 15 5 21 15 26 7 11 852 12
7 8 2 14 32 13 0 26 12 895
"""


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.InconsistentVersionWarning")
def test_tutorial_model_has_its_known_accuracy_and_confusion_matrix(mnist_dir, mnist_test_set):
    """The Azure ML tutorial's model gives the known answers on MNIST, from its file."""
    X, y = mnist_test_set
    report = Evaluator(X, y).evaluate(Model.read(mnist_dir / "sklearn_mnist_model.pkl"))
    assert report.accuracy == 0.9193
    expected = np.array(MNIST_MATRIX.split(), dtype=int).reshape(10, 10)
    assert (report.confusion_matrix == expected).all()
    assert report.y_pred[:5].tolist() == [7, 2, 1, 0, 4]
    assert len(report.misclassified) == 807


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.InconsistentVersionWarning")
def test_tutorial_model_answers_the_same_as_a_service(mnist_dir, mnist_test_set, service):
    """Answers that went through JSON equal those in process, label for label and in dtype."""
    X, y = (part[:1500] for part in mnist_test_set)
    model = joblib.load(mnist_dir / "sklearn_mnist_model.pkl")
    running = service(lambda p: json.dumps(model.predict(np.array(p["data"])).tolist()))
    here, there = (Evaluator(X, y).evaluate(subject) for subject in (model, running))
    assert len(running.payloads) == 3
    assert (here.y_pred == there.y_pred).all()
    assert here.y_pred.dtype == there.y_pred.dtype
    assert here.accuracy == there.accuracy


def test_model_file_estimator_and_function_agree(digits, tmp_path):
    """A model file, its estimator and a function around that give one report."""
    estimator, X, y = digits
    joblib.dump(estimator, tmp_path / "digits.pkl")
    evaluator = Evaluator(X, y)
    first = evaluator.evaluate(Model.read(tmp_path / "digits.pkl"))
    assert first.to_json() == evaluator.evaluate(estimator).to_json()
    by_function = evaluator.evaluate(lambda batch: estimator.predict(batch).tolist())
    assert (first.y_pred == by_function.y_pred).all()
    assert set(first.metrics) - set(by_function.metrics) == {"log_loss"}


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(batch_size=st.integers(1, 700))
def test_batch_size_changes_nothing(digits, report, batch_size):
    """Batches of any size give the same report."""
    model, X, y = (digits[0], digits[1][:90], digits[2][:90])
    whole = Evaluator(X, y, batch_size=90).evaluate(model)
    parts = Evaluator(X, y, batch_size=batch_size).evaluate(model)
    assert (whole.y_pred == parts.y_pred).all()
    assert np.allclose(whole.probabilities, parts.probabilities)
    assert whole.metrics == pytest.approx(dict(parts.metrics))


def test_sparse_rows_are_sent_whole(digits, service):
    """A sparse matrix is sliced as it is, and sent as plain lists."""
    _, X, y = digits
    running = service(lambda payload: [0] * len(payload["data"]))
    Evaluator(csr_matrix(X[:5]), y[:5], batch_size=3).evaluate(running)
    assert running.payloads[1]["data"] == X[3:5].tolist()


def test_service_names_its_input_key(digits, service):
    """Rows go under the key that the service itself names."""
    _, X, y = digits
    running = service(lambda payload: [0] * len(payload["pixels"]), input_key="pixels")
    Evaluator(X[:3], y[:3]).evaluate(running)
    assert isinstance(running, SupportsRun)
    assert list(running.payloads[0]) == ["pixels"]


def test_encode_and_decode_speak_another_form(digits, service):
    """encode= and decode= reach a service of any form, probabilities included."""
    model, X, y = digits
    running = service(lambda p: {"out": model.predict_proba(p["instances"]).tolist()})

    def decode(answer):
        table = np.array(answer["out"])
        return Predictions(model.classes_[table.argmax(axis=1)], table, model.classes_)

    evaluator = Evaluator(X, y, encode=lambda b: {"instances": b.tolist()}, decode=decode)
    assert evaluator.evaluate(running).metrics == Evaluator(X, y).evaluate(model).metrics


def test_estimator_without_probabilities_is_fine(digits):
    """An estimator that has no predict_proba gets a report without log loss."""
    _, X, y = digits
    report = Evaluator(X, y).evaluate(Perceptron(max_iter=5, tol=None).fit(X, y))
    assert report.probabilities is None
    assert "log_loss" not in report.metrics


@pytest.mark.parametrize(
    ("X", "y", "said"),
    [
        (np.zeros((3, 2)), [0, 1], "X has 3 rows, and y has 2"),
        ([], [], "it is empty"),
        ([[1], [2]], [0.5, float("nan")], "label 1 is nan"),
        ([[1], [2]], ["a", None], "label 1 is None"),
        ([[1], [2]], ["a", float("nan")], "label 1 is nan"),
        ([[1], [2]], ["a", 1], "several kinds"),
        ([[1], [2]], [[[1, 0]], [[0, 1]]], "the shape (2, 1, 2)"),
        ([[1], [2]], [[1], [0, 1]], "of type list"),
        (np.float64(3), [1], "single value"),
        ("ab", [1, 2], "type str"),
        ([[1], [2]], 3, "the shape ()"),
        ([[1], [2]], np.array(["2020-01-01"] * 2, dtype="M8[D]"), "of dtype datetime64[D]"),
        ([[1], [2]], [np.zeros((2, 2)), np.zeros((2, 3))], "are expected"),
        ([[1], [2]], [1.0, float("inf")], "label 1 is inf"),
    ],
)
def test_unusable_test_set_is_refused_at_once(X, y, said):
    """What is no test set is refused by the constructor, and the error says why."""
    with pytest.raises(InvalidTestSetError) as caught:
        Evaluator(X, y)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "option",
    [{"batch_size": 0}, {"batch_size": True}, {"task": "ranking"}, {"decode": 3}, {"encode": "x"}],
)
def test_impossible_option_is_refused(option):
    """An option's error names the option."""
    with pytest.raises(InvalidOptionError) as caught:
        Evaluator([[1]], [1], **option)
    assert caught.value.option in option


@pytest.mark.parametrize("subject", [3, "model.pkl", None, Perceptron])
def test_what_does_not_predict_is_refused(subject):
    """A number, a path, None and a class are nothing that predicts."""
    with pytest.raises(InvalidOptionError, match="subject"):
        Evaluator([[1]], [1]).evaluate(subject)


@pytest.mark.parametrize(
    ("y", "task"),
    [([0.5, 1.5], "regression"), ([3, 4], "classification"), (["a", "b"], "classification")],
)
def test_task_is_inferred_from_y(y, task):
    """Fractions are quantities; whole numbers and names are classes."""
    assert Evaluator([[1], [2]], y).evaluate(lambda batch: y).task == task


@pytest.mark.parametrize(("y", "task"), [(["a"], "regression"), ([0.5], "classification")])
def test_task_that_contradicts_y_is_refused(y, task):
    """Text is no quantity, and fractions are no classes."""
    with pytest.raises(InvalidTestSetError, match="task is"):
        Evaluator([[1]], y, task=task)


def test_quantity_in_whole_numbers_is_told_to_name_its_task(patients):
    """A function that predicts fractions for whole numbers leads to task='regression'."""
    model, X, y = patients
    with pytest.raises(PredictionError, match="task='regression'"):
        Evaluator(X, y).evaluate(model.predict)
    assert Evaluator(X, y, task="regression").evaluate(model).r2 == pytest.approx(model.score(X, y))


def test_task_comes_from_the_estimator(patients, tmp_path):
    """A regressor is graded as one though y is whole numbers; also from its file."""
    model, X, y = patients
    joblib.dump(model, tmp_path / "model.pkl")
    for subject in (model, Model.read(tmp_path / "model.pkl")):
        report = Evaluator(X, y).evaluate(subject)
        assert (report.task, report.r2) == ("regression", pytest.approx(model.score(X, y)))


@pytest.mark.parametrize(("y", "said"), [([0.5, 1], "is a classifier"), (["a", "b"], "quantities")])
def test_labels_that_contradict_the_estimator_are_refused(y, said):
    """Fractions are no classes of a classifier, and texts no quantities of a regressor."""
    kind = Perceptron if said == "is a classifier" else LinearRegression
    model = kind().fit([[1], [2]], [0, 1])
    with pytest.raises(InvalidTestSetError, match=said):
        Evaluator([[1], [2]], y).evaluate(model)


def test_failing_predict_is_an_evaluation_error(digits):
    """What an estimator raises is in the error and behind it."""
    model, X, y = digits
    with pytest.raises(PredictionError, match="predict raised ValueError") as caught:
        Evaluator(X[:, :5], y).evaluate(model)
    assert isinstance(caught.value.__cause__, ValueError)


def test_error_of_the_service_passes_through(service):
    """An error of the way to a service is not dressed up as one of its answer."""

    def late(payload):
        raise ScoringTimeoutError(scoring_uri="http://127.0.0.1/score", timeout_s=1)

    with pytest.raises(ScoringTimeoutError):
        Evaluator([[1]], [1]).evaluate(service(late))


def test_test_set_is_a_copy_of_the_labels():
    """Changing y afterwards, or the report's arrays at all, cannot change a report."""
    y = np.array([0, 1])
    report = Evaluator([[1], [2]], y).evaluate(lambda batch: [0, 1])
    y[:] = 7
    assert report.accuracy == 1.0
    for array in (report.y_true, report.y_pred, report.confusion_matrix):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_progress_bar_needs_a_terminal(digits, capsys):
    """Nothing is written where stderr is no terminal."""
    model, X, y = digits
    Evaluator(X, y, batch_size=100, progress=True).evaluate(model)
    assert capsys.readouterr() == ("", "")


def test_progress_is_shown_on_a_terminal(monkeypatch):
    """On a terminal a bar counts up to all rows, and False turns it off."""
    terminal, theirs = pty.openpty()
    monkeypatch.setenv("TERM", "xterm")
    with os.fdopen(theirs, "w") as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)
        for progress in (None, False):
            evaluator = Evaluator([[0]] * 4, [1] * 4, batch_size=2, progress=progress)
            evaluator.evaluate(lambda batch: [1, 1])
            print("end", end=";", file=stderr, flush=True)
        shown = b""
        while shown.count(b"end;") < 2:  # a terminal gives what it has by now
            shown += os.read(terminal, 100_000)
    os.close(terminal)
    by_default, off, _ = shown.split(b"end;")
    assert b"scoring" in by_default
    assert off == b""


def test_import_stays_cheap():
    """Importing the package imports none of the extras."""
    code = (
        "import sys, modelship.evaluation; "
        "print({'numpy', 'sklearn', 'matplotlib', 'jinja2', 'rich'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_report_can_be_pickled(report):
    """A report goes to another process and comes back, with its metrics."""
    assert pickle.loads(pickle.dumps(report)).to_json() == report.to_json()
