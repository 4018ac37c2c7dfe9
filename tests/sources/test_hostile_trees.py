"""Files made to cost time or memory tell little of their schema, and raise nothing."""

from __future__ import annotations

import gzip
import pickle
import time
import tracemalloc

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

from modelship.sources import Model
from modelship.sources._told import tell_pickle

WIDE = 10_000
MANY = np.arange(WIDE).astype(object)


def estimator(kind, **state):
    """Return an estimator with a state that fitting never gives it."""
    made = object.__new__(kind)
    made.__dict__.update(state)
    return made


def within_itself():
    made = estimator(Pipeline)
    made.steps = [("again", made)] * 3
    return made


def nested(depth):
    inner = estimator(LogisticRegression, n_features_in_=WIDE)
    for _ in range(depth):
        inner = estimator(VotingClassifier, estimators_=[inner] * 5000, n_features_in_=WIDE)
    return inner


def alike(kind, count, **state):
    return estimator(VotingClassifier, estimators_=[estimator(kind, **state) for _ in range(count)])


COSTLY = {
    "an estimator within itself": within_itself,
    "an estimator many times within each of many": lambda: nested(10),
    "many wide estimators": lambda: alike(LogisticRegression, 60, n_features_in_=WIDE, a=MANY),
    "one array as the categories of each column": lambda: estimator(
        OneHotEncoder, n_features_in_=WIDE, categories_=[MANY] * WIDE
    ),
    "one array as the classes of each output": lambda: estimator(
        LogisticRegression, classes_=[MANY] * WIDE
    ),
    "places that are none": lambda: estimator(
        ColumnTransformer,
        n_features_in_=2,
        transformers_=[("a", estimator(OneHotEncoder), [5])],
        _transformer_to_input_indices={"a": [5, -1, 10**30, None]},
    ),
    "a width that is none": lambda: estimator(LogisticRegression, n_features_in_=-(10**40)),
    "names that are no array": lambda: estimator(LogisticRegression, feature_names_in_=10**6),
    "steps that are no pairs": lambda: estimator(Pipeline, steps=[("a",), 3, None, "ab"]),
}


# "one array as the classes of each output" asks the same of an array that is referred to again.
LONG = "one array as the categories of each column"


@pytest.mark.parametrize(
    "name",
    [pytest.param(each, marks=[pytest.mark.long] if each == LONG else []) for each in COSTLY],
)
def test_what_is_hostile_costs_little(tmp_path, name):
    """Time and memory are bounded, whatever a tree refers to again and again."""
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(COSTLY[name](), 4))
    tracemalloc.start()
    started = time.process_time()
    tell_pickle(path)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.process_time() - started < 30
    assert peak_bytes < 128 * 2**20


def test_references_without_end_are_given_up(tmp_path):
    """A small file that unpacks to tuples of one value is not held in memory."""
    path = tmp_path / "model.pkl"
    one = b"(" + b"h\x00" * 5000 + b"t"
    path.write_bytes(gzip.compress(b"\x80\x04]\x94(" + one * 2000 + b"e."))
    tracemalloc.start()
    assert tell_pickle(path).contents.title == ""
    assert tracemalloc.get_traced_memory()[1] < 128 * 2**20
    tracemalloc.stop()


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_half_a_file_tells_nothing(tmp_path, cut):
    """Bytes that end early, or are others, are no reason to raise."""
    path = tmp_path / "model.pkl"
    content = pickle.dumps(LogisticRegression().fit([[0.0], [1.0]], [0, 1]), 4)
    path.write_bytes(content[: -cut * 8])
    tell_pickle(path)
    path.write_bytes(content[:cut] + bytes([255 - cut]) + content[cut + 1 :])
    tell_pickle(path)


def test_a_model_that_is_gone_tells_what_was_read_before(tmp_path):
    """The schema is asked when it is needed; a file that is gone by then tells nothing."""
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(LogisticRegression().fit([[0.0], [1.0]], [0, 1]), 4))
    model = Model.read(path)
    path.unlink()
    assert model.schema.form == ""
