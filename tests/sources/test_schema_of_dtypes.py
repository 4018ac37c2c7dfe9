"""With the schema that a file alone tells, requests of every dtype are read as in training."""

from __future__ import annotations

import json
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer, make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline, make_union
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler, TargetEncoder

from modelship.sources import Model
from modelship.tables import Table, schema_of_data, to_plain

RNG = np.random.default_rng(0)
N = 60
SOME = np.arange(N) % 7 > 0
FRAME = pd.DataFrame(
    {
        "whole": RNG.integers(0, 5, N),
        "small": RNG.integers(0, 5, N).astype("int8"),
        "part": np.where(SOME, RNG.normal(size=N), np.nan),
        "real": RNG.normal(size=N).astype("float32"),
        "truth": RNG.integers(0, 2, N).astype(bool),
        "word": RNG.choice(["x", "y", "z"], N),
        "none": pd.Series(np.where(SOME, "x", None), dtype=object),
        "group": pd.Categorical(RNG.choice(["u", "v"], N)),
        "level": pd.Categorical(RNG.integers(1, 4, N)),
        "Whole": pd.array(np.where(SOME, RNG.integers(0, 9, N), None), dtype="Int64"),
        "Truth": pd.array(RNG.integers(0, 2, N).astype(bool), dtype="boolean"),
        "Word": pd.array(RNG.choice(["p", "q"], N), dtype="string"),
        "held": pd.Series([*RNG.integers(0, 9, N)], dtype=object),
        "mixed": pd.Series([1, "a", 2.5] * (N // 3), dtype=object),
    }
)
Y = np.where(FRAME.real > 0, "yes", "no")


def encoder():
    return OneHotEncoder(handle_unknown="ignore")


def parts(*given, **options):
    return make_pipeline(make_column_transformer(*given, **options), LogisticRegression())


def by_selector():
    texts = make_column_selector(dtype_exclude="number")
    numbers = make_column_selector(dtype_include="number")
    steps = [("a", encoder(), texts), ("b", StandardScaler(), numbers)]
    return make_pipeline(ColumnTransformer(steps), LogisticRegression())


CASES = {
    "encoded numbers": ("whole small truth", make_pipeline(OneHotEncoder(), LogisticRegression())),
    "truth as a number": ("truth real", make_pipeline(StandardScaler(), LogisticRegression())),
    "None": ("none word", make_pipeline(encoder(), LogisticRegression())),
    "categories": ("group level", make_pipeline(encoder(), LogisticRegression())),
    "categories as numbers": ("level real", RandomForestClassifier(5, random_state=0)),
    "pandas' own": ("Whole Truth", make_pipeline(SimpleImputer(), LogisticRegression())),
    "pandas' own, encoded": ("Whole Truth Word", make_pipeline(encoder(), LogisticRegression())),
    "held numbers": ("held real", LogisticRegression()),
    "the most frequent": (
        "word none",
        make_pipeline(SimpleImputer(strategy="most_frequent"), encoder(), LogisticRegression()),
    ),
    "passed through": ("whole word real", parts((encoder(), ["word"]), remainder="passthrough")),
    "left out": ("whole word mixed", parts((encoder(), ["word"]))),
    "by slice": ("word real whole", parts((encoder(), slice("word", "word")), ("drop", [1]))),
    "by mask": ("word real", parts((encoder(), [True, False]), (StandardScaler(), [False, True]))),
    "by selector": ("word real", by_selector()),
    "boosted by name": (
        "group whole part",
        HistGradientBoostingClassifier(max_iter=3, categorical_features=["group", "whole"]),
    ),
    "boosted behind an encoder": (
        "word part",
        make_pipeline(
            make_column_transformer((OrdinalEncoder(), ["word"]), remainder="passthrough"),
            HistGradientBoostingClassifier(max_iter=3),
        ),
    ),
    "by target": ("word whole", make_pipeline(TargetEncoder(cv=2), LogisticRegression())),
    "neighbors": (
        "part real",
        make_pipeline(make_union(KNNImputer(), SimpleImputer()), LogisticRegression()),
    ),
    "nothing first": ("real whole", Pipeline([("a", "passthrough"), ("b", LogisticRegression())])),
}


@pytest.mark.parametrize("name", CASES)
def test_a_request_is_read_as_in_training(tmp_path, name):
    """Records without a sample, and with one of few rows, get the answers of the DataFrame."""
    columns, model = CASES[name]
    rows = FRAME[columns.split()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(rows, Y)
        joblib.dump(model, tmp_path / "model.joblib")
        schema = Model.read(tmp_path / "model.joblib").schema
        assert schema.names == tuple(rows.columns)
        for known in (schema, schema.completed_by(schema_of_data(rows[:8]))):
            read = Table(known).read(json.dumps({"data": to_plain(rows)}))
            np.testing.assert_array_equal(model.predict(read), model.predict(rows))
