"""What a report holds, and how it is written down."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from modelship.errors import InvalidOptionError, UnknownMetricError
from modelship.evaluation import ClassMetrics, Evaluator, Report

FIELDS = [
    "modelship_report",
    "task",
    "n_samples",
    "metrics",
    "labels",
    "confusion_matrix",
    "per_class",
    "misclassified",
    "outputs",
]
PAIRS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60)
QUANTITY = st.floats(-1e6, 1e6)


def classified(pairs):
    """Make a report of pairs of a true and a predicted label."""
    y, found = (np.array(column) for column in zip(*pairs, strict=True))
    return Report(X=y, y_true=y, y_pred=found, task="classification")


@settings(deadline=None)
@given(pairs=PAIRS)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_metrics_are_those_of_scikit_learn(pairs):
    """Each metric equals what scikit-learn's own function gives for it."""
    report = classified(pairs)
    y, found = report.y_true, report.y_pred
    assert report.accuracy == metrics.accuracy_score(y, found)
    assert report.balanced_accuracy == metrics.balanced_accuracy_score(y, found)
    for name in ("precision", "recall", "f1"):
        score = getattr(metrics, f"{name}_score")
        assert getattr(report, name) == score(y, found, average="macro", zero_division=0)


@settings(deadline=None)
@given(pairs=PAIRS)
def test_parts_of_a_report_agree(pairs):
    """The matrix, the classes and the misclassified count the same samples."""
    report = classified(pairs)
    matrix = report.confusion_matrix
    assert matrix.sum() == report.n_samples == sum(row.support for row in report.per_class)
    assert matrix.trace() == report.n_samples - len(report.misclassified)
    assert [row.label for row in report.per_class] == report.labels.tolist()
    assert [row.recall for row in report.per_class] == [
        counts[place] / max(sum(counts), 1) for place, counts in enumerate(matrix.tolist())
    ]


@settings(deadline=None)
@given(pairs=st.lists(st.tuples(QUANTITY, QUANTITY), min_size=2))
def test_regression_metrics_are_those_of_scikit_learn(pairs):
    """Errors of quantities equal scikit-learn's."""
    y, found = (np.array(column) for column in zip(*pairs, strict=True))
    report = Report(X=y, y_true=y, y_pred=found, task="regression")
    assert report.mae == metrics.mean_absolute_error(y, found)
    assert report.rmse == math.sqrt(metrics.mean_squared_error(y, found))
    assert report.r2 == metrics.r2_score(y, found)


def test_log_loss_is_that_of_scikit_learn(digits, report):
    """Log loss equals scikit-learn's on the model's own probabilities."""
    model, X, y = digits
    assert report.log_loss == pytest.approx(metrics.log_loss(y, model.predict_proba(X)))


def test_single_class_is_no_special_case():
    """A test set of one class that is always right scores 1, and does not warn."""
    report = classified([(3, 3), (3, 3)])
    assert report.accuracy == report.f1 == 1.0
    assert report.confusion_matrix.tolist() == [[2]]
    assert report.per_class == (ClassMetrics(3, 1.0, 1.0, 1.0, 2),)


def test_task_decides_what_there_is(report, regression_report):
    """A metric of the other task is an error that lists the metrics of this one."""
    with pytest.raises(UnknownMetricError, match="mae, rmse, r2"):
        regression_report.accuracy  # noqa: B018 - reading it is the test
    for name in ("confusion_matrix", "per_class", "misclassified"):
        with pytest.raises(UnknownMetricError, match=name):
            getattr(regression_report, name)
    with pytest.raises(UnknownMetricError, match="accuracy"):
        report.rmse  # noqa: B018 - reading it is the test


def test_what_there_is_can_be_asked_with_hasattr(report, regression_report):
    """A metric or a part of the other task is absent, as an attribute is."""
    parts = ("confusion_matrix", "per_class", "misclassified")
    for name in (*report.metrics, *regression_report.metrics, *parts):
        assert hasattr(report, name) == (name in report.metrics or name in parts)
        assert hasattr(regression_report, name) == (name in regression_report.metrics)
    assert getattr(report, "r2", None) is None


def test_metrics_are_read_only(report):
    """Nobody can improve a report by hand."""
    with pytest.raises(TypeError):
        report.metrics["accuracy"] = 1.0
    with pytest.raises(AttributeError):
        report.task = "regression"


@pytest.mark.parametrize("name", ["report", "flower_report", "regression_report"])
def test_json_has_one_form(name, request, tmp_path):
    """Every report has the same keys, and the file holds what is returned."""
    report = request.getfixturevalue(name)
    assert report.to_json(tmp_path / "deep" / "report.json") is None
    text = report.to_json()
    assert (tmp_path / "deep" / "report.json").read_text() == text + "\n"
    plain = json.loads(text)
    assert list(plain) == FIELDS
    assert plain["metrics"] == dict(report.metrics)
    assert plain["n_samples"] == report.n_samples
    assert [file.name for file in (tmp_path / "deep").iterdir()] == ["report.json"]


def test_json_holds_the_classes(flower_report):
    """Names of classes, the matrix and the counts come back as plain values."""
    plain = json.loads(flower_report.to_json(indent=None))
    assert plain["labels"] == ["setosa", "versicolor", "virginica"]
    assert plain["confusion_matrix"] == flower_report.confusion_matrix.tolist()
    assert plain["misclassified"] == len(flower_report.misclassified)
    assert [ClassMetrics(**row) for row in plain["per_class"]] == list(flower_report.per_class)


def test_undefined_metric_is_null_in_json():
    """JSON has no NaN, and strict parsers refuse Python's."""
    report = Evaluator([[1]], [0.5]).evaluate(lambda batch: [0.25])
    assert json.loads(report.to_json())["metrics"] == {"mae": 0.25, "rmse": 0.25, "r2": None}


def test_path_that_cannot_be_written_is_named(report, tmp_path):
    """A file in place of the folder is an error with the path, and nothing is left behind."""
    (tmp_path / "file").write_text("here before")
    with pytest.raises(InvalidOptionError, match=r"file/report\.json"):
        report.to_json(tmp_path / "file" / "report.json")
    assert (tmp_path / "file").read_text() == "here before"


@pytest.mark.parametrize("name", ["report", "regression_report"])
def test_text_is_short_and_holds_the_metrics(name, request):
    """What is printed names the task, the samples and each metric, and dumps no array."""
    report = request.getfixturevalue(name)
    for text in (repr(report), str(report)):
        assert report.task in text
        assert str(report.n_samples) in text
        assert all(metric in text for metric in report.metrics)
        assert len(text) < 300
    assert "\n" not in repr(report)
