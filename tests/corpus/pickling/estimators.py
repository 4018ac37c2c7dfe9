"""Estimators of every kind, new and fitted."""

import importlib
import signal
import warnings

from corpus.pickling.noting import FAILED, quietly, take


def material():
    import numpy as np

    rng = np.random.RandomState(0)
    X = np.abs(rng.rand(40, 4))
    return X, (X[:, 0] > 0.5).astype(int)


def inner(kind, name):
    """Return an instance of an estimator that may need another one, cheap to fit."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression, Ridge

    classifier, tree = LogisticRegression(), RandomForestClassifier(2, max_depth=2)
    steps = [("a", classifier), ("b", tree)]
    arguments = (
        {},
        {"estimator": classifier},
        {"base_estimator": classifier},
        {"estimator": Ridge()},
        {"estimators": steps},
        {"estimators": [("a", Ridge())]},
        {"regressor": Ridge()},
        {"transformers": [("a", "passthrough", [0])]},
        {"transformer_list": [("a", tree)]},
        {"steps": [("a", classifier)]},
        {"estimator": classifier, "param_grid": {"C": [1, 2]}},
        {"estimator": classifier, "param_distributions": {"C": [1, 2]}, "n_iter": 2},
        {"estimator": classifier, "param_distributions": {"C": [1, 2]}},
        {"dictionary": __import__("numpy").eye(4)},
        {"X": material()[0]},
    )
    for options in arguments:
        try:
            return kind(**options)
        except TypeError:
            continue
    return None


def cheaper(model):
    for name, value in {
        "n_estimators": 3,
        "max_iter": 5,
        "n_init": 1,
        "cv": 2,
        "n_jobs": None,
    }.items():
        if name in model.get_params(deep=False):
            try:
                model.set_params(**{name: value})
            except Exception:  # noqa: BLE001 - then as it is
                pass
    return model


def fitted(model, name):
    import numpy as np
    import scipy.sparse as sp

    X, y = material()
    texts = ["one word", "two words more", "three"] * 8
    frame = [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]
    tries = [
        (X, y),
        (X[:4], None),
        (X, np.c_[y, y]),
        (X, X[:, :2]),
        (X[:, 0], y),
        (texts, None),
        (frame, None),
        (y, None),
        ([[1, 2], [2]], None),
        (X > 0.5, None),
        (sp.csr_matrix(X), y),
        (X[:, :1], y),
        (X, y + 1.0),
    ]
    for data, target in tries:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                signal.alarm(10)
                whole = model.fit(data) if target is None else model.fit(data, target)
        except TimeoutError:
            FAILED["slow " + name] += 1
            return
        except Exception:  # noqa: BLE001 - it wants something else
            continue
        finally:
            signal.alarm(0)
        yield whole
        return


def of_kinds(kinds):
    for name, kind in kinds:
        model = quietly(inner, kind, name)
        if model is None:
            FAILED["no " + name] += 1
            continue
        take(model, name)
        quietly(cheaper, model)
        for whole in fitted(model, name):
            take(whole, name)
        take(kind, name, joblib=False)


def sklearn_estimators():
    """Every estimator of scikit-learn, new and fitted."""
    for name in (
        "sklearn.experimental.enable_hist_gradient_boosting",
        "sklearn.experimental.enable_iterative_imputer",
        "sklearn.experimental.enable_halving_search_cv",
    ):
        try:
            importlib.import_module(name)
        except ImportError:
            pass
    try:
        from sklearn.utils import all_estimators
    except ImportError:
        from sklearn.utils.testing import all_estimators
    of_kinds(all_estimators())
    return iter(())
