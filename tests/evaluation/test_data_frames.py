"""Test sets in data frames; pandas is no dependency, and the tests are skipped without it."""

from __future__ import annotations

import pytest
from sklearn.linear_model import LogisticRegression

from modelship.errors import InvalidTestSetError
from modelship.evaluation import Evaluator

pd = pytest.importorskip("pandas")


def test_rows_are_sliced_by_position(digits, service):
    """A data frame with an index of its own is sent row by row, in batches."""
    _, X, y = digits
    frame = pd.DataFrame(X[:7], index=range(100, 107))
    running = service(lambda payload: [0] * len(payload["data"]))
    Evaluator(frame, y[:7], batch_size=3).evaluate(running)
    sent = [row for payload in running.payloads for row in payload["data"]]
    assert sent == X[:7].tolist()


def test_estimator_sees_the_names_of_columns(flowers):
    """An estimator that was fitted on named columns gets them; scikit-learn warns otherwise."""
    _, X, y = flowers
    frame = pd.DataFrame(X, columns=list("abcd"))
    model = LogisticRegression(max_iter=1000).fit(frame, y)
    report = Evaluator(frame, y, batch_size=40).evaluate(model)
    assert report.accuracy == model.score(frame, y)


@pytest.mark.parametrize("dtype", ["category", "object", "string"])
def test_labels_may_be_a_column(flowers, dtype):
    """Labels in a column compare equal to a model's names, whatever holds them."""
    model, X, y = flowers
    column = pd.Series(y, index=range(7, 157), dtype=dtype)
    assert Evaluator(X, column).evaluate(model).accuracy == model.score(X, y)


@pytest.mark.parametrize("dtype", ["Int64", "string", "float"])
def test_missing_label_is_refused(dtype):
    """What is missing to pandas is missing here too."""
    column = pd.Series(["1", None], dtype="object").astype("string").astype(dtype)
    with pytest.raises(InvalidTestSetError, match="label 1 is"):
        Evaluator([[1], [2]], column)


def test_pictures_come_from_frames_too(digits, tmp_path):
    """The pixels of a data frame's rows are drawn."""
    model, X, y = digits
    report = Evaluator(pd.DataFrame(X), y).evaluate(model)
    figure = report.plot_predictions(tmp_path / "results.png", n=3)
    assert len(figure.axes) == 3
