"""Several outputs: labels and quantities of shape (n, k), alone and together."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics
from sklearn.datasets import load_iris, make_multilabel_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier

from modelship.errors import InvalidTestSetError, PictureError, PredictionError, UnknownMetricError
from modelship.evaluation import Evaluator, Predictions

AVERAGED = ("precision", "recall", "f1")


@pytest.fixture(scope="module")
def topics():
    """Return rows, and whether each of four topics is true of them."""
    return make_multilabel_classification(120, n_features=8, n_classes=4, random_state=0)


@pytest.fixture(scope="module")
def flowers_by_two():
    """Return rows, and a table of two outputs: a text and a truth value."""
    X, y = load_iris(return_X_y=True)
    kind = np.array(["setosa", "versicolor", "virginica"])[y]
    return X, pd.DataFrame({"kind": kind, "wide": X[:, 1] > 3})


@pytest.mark.parametrize(
    "model",
    [
        MultiOutputClassifier(LogisticRegression()),
        OneVsRestClassifier(LogisticRegression()),
        *(
            pytest.param(each, marks=pytest.mark.long)
            for each in (
                ClassifierChain(LogisticRegression(), order=[0, 1, 2, 3]),
                RandomForestClassifier(5, random_state=0),
            )
        ),
    ],
    ids=lambda model: type(model).__name__,
)
def test_multilabel_is_graded_as_scikit_learn_does(topics, model):
    """Subset accuracy, means over the labels, and the log loss of whatever form there is."""
    X, y = topics
    report = Evaluator(X, y).evaluate(model.fit(X[:80], y[:80]))
    found = model.predict(X)
    assert report.accuracy == pytest.approx(metrics.accuracy_score(y, found))
    assert report.hamming_loss == pytest.approx(metrics.hamming_loss(y, found))
    for name in AVERAGED:
        score = getattr(metrics, f"{name}_score")
        assert getattr(report, name) == score(y, found, average="macro", zero_division=0)
    assert "log_loss" in report.metrics
    assert [len(each.misclassified) for each in report.outputs.values()] == (
        (y != found).sum(axis=0).tolist()
    )


def test_outputs_of_several_kinds_keep_theirs(flowers_by_two):
    """A text and a truth value of one row are graded apart; a row is right if both are."""
    X, y = flowers_by_two
    kinds = LogisticRegression(max_iter=1000).fit(X, y["kind"])

    def predict(batch):
        return [list(row) for row in zip(kinds.predict(batch), batch[:, 1] > 3.05, strict=True)]

    report = Evaluator(X, y).evaluate(predict)
    assert list(report.outputs) == ["kind", "wide"]
    assert report.outputs["kind"].accuracy == kinds.score(X, y["kind"])
    assert report.outputs["wide"].labels.tolist() == [False, True]
    right = (kinds.predict(X) == y["kind"]) & ((X[:, 1] > 3.05) == y["wide"])
    assert report.accuracy == pytest.approx(right.mean())
    assert report.f1 == np.mean([each.f1 for each in report.outputs.values()])


QUANTITIES = st.lists(st.tuples(*[st.floats(-1e6, 1e6)] * 4), min_size=2, max_size=20)


@settings(deadline=None, max_examples=30)
@given(rows=QUANTITIES)
def test_quantities_are_graded_as_scikit_learn_does(rows):
    """Each metric is the mean over the outputs, as multioutput="uniform_average" has it."""
    table = np.array(rows)
    y, found = table[:, :2], table[:, 2:]
    report = Evaluator(table, y, task="regression").evaluate(lambda batch: batch[:, 2:])
    assert report.mae == pytest.approx(metrics.mean_absolute_error(y, found))
    assert report.r2 == pytest.approx(metrics.r2_score(y, found))
    roots = np.sqrt(metrics.mean_squared_error(y, found, multioutput="raw_values"))
    assert report.rmse == pytest.approx(roots.mean())


@pytest.mark.parametrize("batch_size", [50, 1000])
def test_service_answers_lists_of_outputs(topics, service, batch_size):
    """What came through JSON equals what is found in process, probabilities included."""
    X, y = topics
    model = MultiOutputClassifier(LogisticRegression()).fit(X, y)

    def script(payload):
        rows = np.array(payload["data"])
        tables = [table.tolist() for table in model.predict_proba(rows)]
        classes = [each.tolist() for each in model.classes_]
        return {
            "predictions": model.predict(rows).tolist(),
            "probabilities": tables,
            "classes": classes,
        }

    evaluator = Evaluator(X, y, batch_size=batch_size)
    here, there = (evaluator.evaluate(each) for each in (model, service(script)))
    assert here.metrics == pytest.approx(dict(there.metrics))
    assert (here.y_pred == there.y_pred).all()


def test_whole_quantities_of_a_regressor_are_quantities():
    """The estimator says what two columns of whole numbers are."""
    X = np.arange(12.0).reshape(6, 2)
    y = pd.DataFrame({"a": [1, 2, 3, 4, 5, 6], "b": [2, 4, 6, 8, 10, 12]})
    report = Evaluator(X, y).evaluate(LinearRegression().fit(X, y))
    assert report.task == "regression"
    assert report.outputs["b"].r2 == pytest.approx(1)


def test_columns_of_a_file_are_outputs(tmp_path):
    """Several labels of a CSV file are several outputs, by name."""
    frame = pd.DataFrame({"b": [0, 1, 1, 0], "x": [0, 5, 5, 0], "a": ["n", "y", "y", "n"]})
    frame.to_csv(tmp_path / "t.csv", index=False)
    evaluator = Evaluator.read(tmp_path / "t.csv", label=["a", "b"])
    report = evaluator.evaluate(lambda batch: [["y", 1]] * len(batch))
    assert list(report.outputs) == ["a", "b"]
    assert report.accuracy == 0.5


def test_json_holds_each_output(topics):
    """The whole and each output have the same keys; what a whole lacks is null."""
    X, y = topics
    report = Evaluator(X, y).evaluate(lambda batch: np.ones((len(batch), 4), dtype=int))
    plain = json.loads(report.to_json())
    assert plain["labels"] is plain["confusion_matrix"] is plain["per_class"] is None
    assert plain["misclassified"] == len(report.misclassified)
    assert [each["name"] for each in plain["outputs"]] == ["0", "1", "2", "3"]
    assert plain["outputs"][1]["labels"] == [0, 1]
    assert plain["outputs"][1]["metrics"] == dict(report.outputs["1"].metrics)


def test_what_one_output_has_is_asked_of_it(topics):
    """There is no one matrix; the error says where there are some."""
    X, y = topics
    report = Evaluator(X, y).evaluate(lambda batch: np.ones((len(batch), 4), dtype=int))
    for name in ("confusion_matrix", "per_class", "labels"):
        assert not hasattr(report, name)
        with pytest.raises(UnknownMetricError, match=rf"outputs\['0'\]\.{name}"):
            getattr(report, name)
    assert report.outputs["2"].confusion_matrix.sum() == 120


def test_pictures_show_each_output(topics):
    """One matrix an output stands in the picture; a page has them too."""
    X, y = topics
    report = Evaluator(X, y).evaluate(lambda batch: np.ones((len(batch), 4), dtype=int))
    titles = [ax.get_title() for ax in report.plot_confusion_matrix().axes if ax.images]
    assert titles == ["0", "1", "2", "3"]
    assert report.to_html().count("<h2>Output ") == 4
    with pytest.raises(PictureError, match="several outputs"):
        report.plot_predictions()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ([1, 0], "y has 2 outputs, and 1 came back"),
        ([[1, 0, 1]] * 2, "y has 2 outputs, and 3 came back"),
        ([[1, 0]], "2 rows were sent, and 1 came back"),
        ([[1, None]] * 2, "prediction 0 is None"),
        (Predictions([[1, 0]] * 2, [[[1, 0]] * 2] * 3), "3 tables, and y has 2 outputs"),
    ],
)
def test_answers_of_another_shape_are_refused(answer, said):
    """The error says how many outputs there are, and how many came back."""
    with pytest.raises(PredictionError, match=said):
        Evaluator([[1], [2]], [[1, 0], [0, 1]]).evaluate(lambda batch: answer)


def test_one_label_of_several_may_not_be_missing():
    """The error names the row."""
    y = pd.DataFrame({"a": [1, 2], "b": ["x", None]})
    with pytest.raises(InvalidTestSetError, match="label 1 is"):
        Evaluator([[1], [2]], y)
