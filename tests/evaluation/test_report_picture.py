"""The report as a page, in a real browser: the picture of the guide."""

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


def test_the_guide_shows_the_report(browser, screenshot, tmp_path):
    """The page of a report fits its window, and looks as the guide shows it."""
    X, names = drawn(324)
    classifier = LogisticRegression(max_iter=200).fit(X[:24], names[:24])
    model = ms.ModelSource.open(classifier, name="shapes").fetch(tmp_path)
    ms.Evaluator(X[24:], names[24:]).evaluate(model).to_html(tmp_path / "report.html")
    page = browser.new_page(viewport={"width": 1000, "height": 800})
    page.goto((tmp_path / "report.html").as_uri())
    screenshot(page, "docs/how-to/report.png", height=1490)
    assert page.evaluate("document.documentElement.scrollWidth") == page.viewport_size["width"]
    page.close()
