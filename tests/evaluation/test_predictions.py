"""How an answer is read, and what is not one."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelship.errors import PredictionError
from modelship.evaluation import Evaluator, Predictions

ROWS = [[1], [2], [3]]


@pytest.mark.parametrize(
    "answer",
    [
        [7, 2, 1],
        "[7, 2, 1]",
        {"predictions": [7, 2, 1]},
        {"result": [7, 2, 1], "elapsed_s": 0.1},
        {"results": [7, 2, 1]},
        '{"result": [7.0, 2.0, 1.0]}',
        [[7], [2], [1]],
    ],
)
def test_known_forms_are_read(service, answer):
    """Lists, the usual objects and JSON written twice hold the same integer labels."""
    report = Evaluator(ROWS, [7, 2, 1]).evaluate(service(lambda payload: answer))
    assert report.accuracy == 1.0
    assert report.y_pred.dtype.kind == "i"


@pytest.mark.parametrize("answer", [[True, False], [1, 0], ["True", "False"]])
def test_truth_values_are_compared_with_what_stands_for_them(service, answer):
    """A service answers true, 1 or the text of a truth value; y holds truth values."""
    report = Evaluator([[1], [2]], np.array([True, False])).evaluate(
        service(lambda payload: answer)
    )
    assert report.accuracy == 1.0


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ([7, 2], "3 rows were sent, and 2 came back"),
        ([], "3 rows were sent, and 0 came back"),
        ("list index out of range", "it is the text 'list index out of range'"),
        ('"[7, 2, 1]"', "it is '[7, 2, 1]'"),
        ({"error": "no data"}, "it is an object with the keys ['error']"),
        ({"result": [7, 2, 1], "predictions": [7, 2, 1]}, "one of predictions"),
        (None, "it is None"),
        (7, "it is 7"),
        ([7, None, 1], "prediction 1 is None"),
        ([7, float("nan"), 1], "prediction 1 is nan"),
        ([[0.1, 0.9]] * 3, "the shape (3, 2)"),
        ([7, "2", 1], "several kinds"),
        ([{"label": 7}] * 3, "of type dict"),
        (["7", "2", "1"], "text, such as '7', and y holds numbers"),
        ([7.5, 2, 1], "7.5 was predicted"),
        ({"result": [7, 2, 1], "probabilities": [[1, 0]]}, "its probabilities have the shape"),
        ({"result": [7, 2, 1], "probabilities": "high"}, "its probabilities"),
    ],
)
def test_what_is_no_answer_is_shown(service, answer, said):
    """Any other answer is an error that shows what was found, and leads to decode=."""
    with pytest.raises(PredictionError) as caught:
        Evaluator(ROWS, [7, 2, 1]).evaluate(service(lambda payload: answer))
    assert said in caught.value.message
    assert "decode=" in caught.value.hint


def test_long_answer_is_cut_in_the_error(service):
    """A page of HTML does not flood the terminal."""
    with pytest.raises(PredictionError) as caught:
        Evaluator(ROWS, [1, 2, 3]).evaluate(service(lambda payload: "<html>" * 1000))
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("classes", [[7, 2, 1], [1, 2, 7]])
def test_probabilities_may_come_in_any_order_of_classes(service, classes):
    """The log loss follows the classes that the answer names."""
    columns = [classes.index(label) for label in (7, 2, 1)]
    table = np.full((3, 3), 0.1)
    table[range(3), columns] = 0.8
    answer = {"predictions": [7, 2, 1], "probabilities": table.tolist(), "classes": classes}
    report = Evaluator(ROWS, [7, 2, 1]).evaluate(service(lambda payload: answer))
    assert report.log_loss == pytest.approx(-np.log(0.8))


def test_probabilities_that_miss_a_label_give_no_log_loss(service):
    """There is no log loss where a true label has no probability."""
    answer = Predictions([1, 2, 1], [[0.5, 0.5]] * 3, [1, 2])
    report = Evaluator(ROWS, [7, 2, 1]).evaluate(lambda batch: answer)
    assert "log_loss" not in report.metrics


def test_answers_of_several_kinds_are_not_mixed_up(service):
    """A batch of texts after a batch of numbers is an error, not a column of texts."""
    running = service(lambda payload: [1] if payload["data"] == [[1]] else ["1"])
    with pytest.raises(PredictionError, match="text, such as '1'"):
        Evaluator(ROWS, [1, 1, 1], batch_size=1).evaluate(running)


@given(
    y=st.one_of(
        st.lists(st.integers(-(2**40), 2**40), min_size=1),
        st.lists(st.booleans(), min_size=1),
        st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8")), min_size=1),
    )
)
def test_labels_survive_json(y):
    """Integers, truth values and any text compare equal after a way through JSON."""
    report = Evaluator([[0]] * len(y), y, batch_size=len(y)).evaluate(
        lambda batch: json.loads(json.dumps(y))
    )
    assert report.accuracy == 1.0
    assert report.labels.tolist() == sorted(set(y))
    assert json.loads(report.to_json())["labels"] == sorted(set(y))
