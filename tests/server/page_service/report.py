"""The report of a model that names drawn shapes, which the guide shows."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression

import modelship as ms

SIDE = 12
SHAPES = {
    "circle": lambda x, y: x * x + y * y < 0.5,
    "square": lambda x, y: np.maximum(abs(x), abs(y)) < 0.6,
    "cross": lambda x, y: (np.minimum(abs(x), abs(y)) < 0.2) & (np.maximum(abs(x), abs(y)) < 0.75),
}


def drawn(rows):
    """Return shapes under noise, of shape (rows, 144) between 0 and 1, and their names."""
    random = np.random.default_rng(3)
    names = np.resize(list(SHAPES), rows)
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    clean = np.stack([SHAPES[each](x, y).ravel() for each in names])
    return np.clip(clean + random.normal(0, 0.6, clean.shape), 0, 1).round(2), names


def reported(folder):
    """Return the report of a model of few rows, with the model in `folder`."""
    X, names = drawn(324)
    classifier = LogisticRegression(max_iter=200).fit(X[:24], names[:24])
    model = ms.ModelSource.open(classifier, name="shapes").fetch(folder)
    return ms.Evaluator(X[24:], names[24:]).evaluate(model)
