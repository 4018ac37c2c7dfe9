"""Real estimators, and a service that answers in this process as one over HTTP would."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression

from modelship.evaluation import Evaluator


class Service:
    """A service: JSON goes in, the script's run() works on it, JSON comes out."""

    def __init__(self, script, *, input_key=None):
        self.script = script
        self.input_key = input_key
        self.payloads = []

    def run(self, payload):
        self.payloads.append(json.loads(json.dumps(payload)))
        return json.loads(json.dumps(self.script(self.payloads[-1])))


@pytest.fixture(scope="session")
def digits():
    """Train a model that errs now and then; keep 600 digits that it has not seen."""
    X, y = load_digits(return_X_y=True)
    return LogisticRegression(max_iter=5000).fit(X[:300], y[:300]), X[-600:], y[-600:]


@pytest.fixture(scope="session")
def flowers():
    """Train a model of three named classes."""
    X, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    return LogisticRegression(max_iter=1000).fit(X, names), X, names


@pytest.fixture(scope="session")
def patients():
    """Train a model of a quantity, in whole numbers as it happens."""
    X, y = load_diabetes(return_X_y=True)
    return LinearRegression().fit(X, y), X, y


@pytest.fixture(scope="session")
def report(digits):
    model, X, y = digits
    return Evaluator(X, y).evaluate(model)


@pytest.fixture(scope="session")
def flower_report(flowers):
    model, X, y = flowers
    return Evaluator(X, y).evaluate(model)


@pytest.fixture(scope="session")
def regression_report(patients):
    model, X, y = patients
    return Evaluator(X, y, task="regression").evaluate(model)


@pytest.fixture
def service():
    """Make a service of a function from the decoded payload to the answer."""
    return Service
