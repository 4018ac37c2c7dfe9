"""What is advised where a model does not load here can help there."""

from __future__ import annotations

import pytest
import sklearn

from modelship.sources import _load_advice
from modelship.sources._load_advice import advice_on_loading

MAIN = "Can't get attribute 'Scale' on <module '__main__' from 'x.py'>"
OWN = "Can't get attribute 'Scale' on <module 'features' from '/a/features.py'>"
MOVED = "No module named 'sklearn.linear_model.logistic'"
SAVING = "joblib.dump(model, path)"


def advice(text, **wrote):
    named = {name.replace("_", "-"): version for name, version in wrote.items()}
    return advice_on_loading(ValueError(text), wrote=named, saved_with=SAVING)


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        (MAIN, "Define Scale in a module"),
        (OWN, "Put the features that the model was saved with on Python's path"),
        ("No module named 'src.features'", "If src is yours, put the folder that holds it on"),
        ("No module named '__builtin__'", "Python 2 wrote it, or dill"),
        ("No module named 'hdbscan'", "Install it: pip install hdbscan"),
        ("invalid load key", "Check whether it loads where it was saved"),
    ],
)
def test_no_package_is_installed_for_a_class_of_ones_own(text, begins):
    """Whatever wrote the model: its version is not at fault."""
    for wrote in ({}, {"scikit_learn": sklearn.__version__}):
        assert advice(text, **wrote).startswith(begins)


@pytest.mark.parametrize(
    ("python", "wrote", "begins"),
    [
        ((3, 8), "0.22.1", "Install what wrote it: pip install 'scikit-learn==0.22.1'"),
        ((3, 11), "0.22.1", "Load it in Python 3.8 with what wrote it: pip install 'scikit-learn="),
        ((3, 11), "0.21.3", "Train the model again with what is installed here"),
        ((3, 11), sklearn.__version__, "Check whether it loads where it was saved"),
    ],
)
def test_what_wrote_a_model_is_installed_where_it_can_be(monkeypatch, python, wrote, begins):
    """Not if it is there already, and not if it has no wheel for this Python."""
    monkeypatch.setattr(_load_advice, "_RUNNING", python)
    assert advice(MOVED, scikit_learn=wrote).startswith(begins)
