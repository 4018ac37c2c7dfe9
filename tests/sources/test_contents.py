"""What a model's file holds is told in words, without loading it."""

from __future__ import annotations

import collections
import contextlib
import inspect
import pickle

import numpy as np
import pandas as pd
import pytest
from model_writers import WRITERS
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import Bunch, all_estimators
from xgboost import XGBClassifier

from modelship.sources import Model
from modelship.sources._known_estimators import (
    has_probabilities,
    predicts,
    takes_numbers,
    task_of,
)

X = np.arange(12.0).reshape(6, 2)
Y = [0, 1, 0, 1, 0, 1]


class Ready(LogisticRegression):
    """A class of the program that saves the model."""


def fitted():
    return LogisticRegression().fit(X, Y)


HELD = {
    "a dict (keys model, columns, threshold)": lambda: {
        "model": fitted(),
        "columns": ["a", "b"],
        "threshold": 0.3,
    },
    "a dict (keys 0, 1, 2, 3, 4, 5 and 4 more)": lambda: dict.fromkeys(range(10)),
    "an empty dict": dict,
    "a dict (key 'a\\nb')": lambda: {"a\nb": fitted()},
    "an OrderedDict (key b)": lambda: collections.OrderedDict(b=2),
    "a Bunch (key model)": lambda: Bunch(model=3),
    "a list of 1 value (LogisticRegression)": lambda: [fitted()],
    "a tuple of 2 values (LogisticRegression, list)": lambda: (fitted(), ["a"]),
    "a StandardScaler": lambda: StandardScaler().fit(X),
    "a Pipeline that ends with a PCA": lambda: make_pipeline(StandardScaler(), PCA()).fit(X),
    "a NumPy array of the shape (6, 2)": lambda: X,
    "a pandas DataFrame": lambda: pd.DataFrame({"a": [1]}),
    "a pandas Series": lambda: pd.Series(["x"]),
    "a text": lambda: "model",
    "a number": lambda: np.float64(2.5),
    "None": lambda: None,
    "a function": lambda: np.linalg.norm,
    "the class LogisticRegression itself": lambda: LogisticRegression,
    "a method": lambda: fitted().predict,
}


def written(held, path, *, by="joblib"):
    """Return the model that `held` is when it is written."""
    WRITERS[by](held, path)
    return Model.read(path)


@pytest.mark.parametrize("writer", ["joblib", "packed", "cloudpickle", "pickle 2", "pickle 5"])
def test_what_has_no_predict_is_named_in_words(tmp_path, writer):
    """Containers, transformers, functions and data are recognized, whatever wrote them."""
    for number, (title, make) in enumerate(HELD.items()):
        contents = written(make(), tmp_path / f"{number}.pkl", by=writer).contents
        assert contents.title == title
        assert contents.predicts is False or contents.key


@pytest.mark.parametrize("writer", WRITERS)
def test_estimators_predict(tmp_path, writer):
    """A classifier, a pipeline with one, and a search for one are told by every writer."""
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y)
    search = GridSearchCV(pipeline, {"logisticregression__C": [1.0]}, cv=2).fit(X, Y)
    for number, estimator in enumerate((fitted(), pipeline, search)):
        contents = written(estimator, tmp_path / f"{number}.pkl", by=writer).contents
        assert contents.predicts is True
        assert contents.kind.endswith(f".{type(estimator).__name__}")


def test_a_booster_of_xgboost_is_told_by_what_it_takes(tmp_path):
    """It has a predict(), which takes no rows."""
    booster = XGBClassifier(n_estimators=1).fit(X, Y).get_booster()
    contents = written(booster, tmp_path / "model.pkl").contents
    assert contents.predicts is False
    assert contents.told == "a Booster of XGBoost, whose predict() takes a DMatrix, not rows"


def test_of_a_class_of_ones_own_nothing_is_claimed(tmp_path):
    """Whether a class that is not known has a predict() is not known."""
    contents = written(Ready().fit(X, Y), tmp_path / "model.pkl").contents
    assert contents.predicts is None
    assert contents.title == "a Ready"


@pytest.mark.parametrize(
    ("others", "clear"),
    [
        ({}, True),
        ({"version": "3", "metrics": {"auc": 0.9}}, True),
        ({"columns": ["a", "b"]}, True),
        ({"columns": ["b", "a"]}, False),
        ({"threshold": 0.3}, False),
        ({"scaler": StandardScaler()}, False),
        ({"second": LogisticRegression()}, False),
        ({3: "three"}, False),
    ],
)
def test_a_dict_is_served_where_nothing_else_in_it_could_matter(tmp_path, others, clear):
    """It holds one estimator, what tells of it, and the columns that it knows itself."""
    model = LogisticRegression().fit(pd.DataFrame(X, columns=["a", "b"]), Y)
    contents = written({"model": model, **others}, tmp_path / "parts.pkl").contents
    assert contents.predicts is clear
    assert contents.key == ("model" if clear else None)


def test_what_is_not_read_to_its_end_tells_nothing(tmp_path):
    """A file whose passport is incomplete could hold anything."""
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps({"a": 1}) + b"more")
    model = Model.read(path)
    assert not model.passport.complete
    assert model.contents.title == ""


def test_what_is_known_of_scikit_learns_classes_is_true():
    """No class of scikit-learn is said to have what it lacks, or to lack what it has."""
    wrong = []
    for name, estimator in all_estimators():
        full = f"{estimator.__module__}.{name}"
        if predicts(full) not in (None, hasattr(estimator, "predict")):
            wrong.append(f"{full} predicts")
        has = inspect.getattr_static(estimator, "predict_proba", None)
        if has_probabilities(full) not in (None, has is not None):
            wrong.append(f"{full} has probabilities")
    assert wrong == []


def test_the_task_is_that_of_scikit_learns_mixins():
    """Each class of which a task is claimed is a classifier or a regressor."""
    from sklearn.base import ClassifierMixin, RegressorMixin

    kinds = {"classification": ClassifierMixin, "regression": RegressorMixin}
    claims = [(task_of(f"{each.__module__}.{name}"), each, name) for name, each in all_estimators()]
    assert [name for task, each, name in claims if task and not issubclass(each, kinds[task])] == []
    assert sum(bool(task) for task, _, _ in claims) > 80


@pytest.mark.filterwarnings("ignore")
def test_what_is_said_to_take_numbers_refuses_texts():
    """Each class of scikit-learn that takes numbers alone fails to fit rows of texts."""
    texts = np.array([["a", "b"], ["c", "d"]] * 10, dtype=object)
    taken = []
    for name, estimator in all_estimators():
        if not takes_numbers(f"{estimator.__module__}.{name}"):
            continue
        required = [
            each
            for each in inspect.signature(estimator).parameters.values()
            if each.default is each.empty and each.kind is not each.VAR_KEYWORD
        ]
        with contextlib.suppress(ValueError, TypeError):
            estimator(*[LogisticRegression()] * len(required)).fit(texts, [0, 1] * 10)
            taken.append(name)
    assert taken == []
