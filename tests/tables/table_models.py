"""Models of twelve kinds of tables, and one of rows of numbers, each with rows it has not seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer, make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from table_steps import Ratio, day_of_year

__all__ = ["Case", "all_cases"]


@dataclass(frozen=True)
class Case:
    """A fitted model, the head of what it was fitted on, and rows to predict."""

    model: Any
    sample: Any
    rows: Any


def _frame(n=120):
    rng = np.random.default_rng(7)
    age = rng.integers(18, 90, n)
    income = np.where(rng.random(n) < 0.2, np.nan, rng.normal(30, 9, n).round(3))
    return pd.DataFrame(
        {
            "zone": rng.choice(["nord", "süd", "west"], n),
            "age": age,
            "income per year": income,
            "since": pd.Timestamp(2020, 1, 1) + pd.to_timedelta(rng.integers(0, 900, n), "D"),
            "comment": rng.choice(["good day", "bad day", "so so"], n),
            "member": rng.random(n) < 0.5,
            "plan": pd.Categorical(rng.choice(["basic", "pro"], n), ["basic", "pro", "max"]),
        }
    )


def _by_name():
    encoder = OneHotEncoder(handle_unknown="ignore")
    return ColumnTransformer(
        [
            ("zone", encoder, ["zone"]),
            (
                "numbers",
                make_pipeline(SimpleImputer(), StandardScaler()),
                ["age", "income per year"],
            ),
        ]
    )


def _boosted():
    from lightgbm import LGBMClassifier
    from xgboost import XGBClassifier

    small = {"n_estimators": 5, "n_jobs": 1}
    columns = ["age", "income per year", "member", "plan"]
    yield "lightgbm", columns, LGBMClassifier(**small, verbose=-1)
    yield "xgboost", columns, XGBClassifier(**small, enable_categorical=True)


def _resampled():
    from imblearn.over_sampling import RandomOverSampler
    from imblearn.pipeline import make_pipeline as make_imblearn_pipeline

    return make_imblearn_pipeline(
        _by_name(), RandomOverSampler(random_state=0), LogisticRegression()
    )


def _of_frames(X):
    """Yield the name, the columns, the model and the target of each that takes a DataFrame."""
    y = (X["age"] > 50).astype(int)
    labels = y.map({0: "007", 1: "010"}).to_numpy()
    yield "by-name", [*X], make_pipeline(_by_name(), LogisticRegression()), y
    words = ColumnTransformer([("words", TfidfVectorizer(), "comment")], sparse_threshold=1)
    yield "text", ["comment"], make_pipeline(words, LogisticRegression()), y
    days = FunctionTransformer(day_of_year)
    yield "dates", ["since", "age"], make_pipeline(days, Ridge()), X["age"] * 0.5
    gaps = HistGradientBoostingClassifier(max_iter=5, categorical_features="from_dtype")
    yield "gaps", ["age", "income per year", "plan"], gaps, y
    yield from ((name, columns, model, y) for name, columns, model in _boosted())
    yield "imblearn", [*X], _resampled(), y
    several = pd.DataFrame({"a": X["age"] * 2.0, "b": X["age"] + 0.5})
    yield (
        "multi-output",
        ["zone", "age", "income per year"],
        make_pipeline(_by_name(), MultiOutputRegressor(Ridge())),
        several,
    )
    yield (
        "labels",
        [*X],
        make_pipeline(_by_name(), RandomForestClassifier(5, random_state=0)),
        labels,
    )
    sparse = make_column_transformer(
        (OneHotEncoder(), make_column_selector(dtype_include=["object", "string"])),
        sparse_threshold=1,
    )
    yield "sparse", ["zone", "comment"], make_pipeline(sparse, LogisticRegression()), y
    own = make_pipeline(Ratio("income per year", "age"), SimpleImputer(), Ridge())
    yield "custom", ["age", "income per year"], own, X["age"] * 1.5


def all_cases():
    """Return the cases by name."""
    X = _frame()
    cases = {}
    for name, columns, model, y in _of_frames(X):
        cases[name] = Case(model.fit(X[columns][:80], y[:80]), X[columns].head(3), X[columns][80:])
    rows = X[["zone", "age"]].to_numpy(dtype=object)
    by_index = make_column_transformer((OneHotEncoder(), [0]), remainder="passthrough")
    model = make_pipeline(by_index, LogisticRegression()).fit(rows[:80], X["member"][:80])
    cases["by-index"] = Case(model, rows[:3], rows[80:])
    numbers = X[["age", "member"]].to_numpy(dtype=float)
    model = LogisticRegression().fit(numbers[:80], X["zone"][:80])
    cases["numbers"] = Case(model, numbers[:3], numbers[80:])
    return cases
