"""The schema that a file tells is what the estimator says of itself once it is loaded."""

from __future__ import annotations

import json
import re

import joblib
import numpy as np
import pandas as pd
import pytest
from lightgbm import LGBMClassifier, LGBMRegressor
from model_writers import WRITERS
from sklearn.base import is_classifier, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import (
    ColumnTransformer,
    TransformedTargetRegressor,
    make_column_selector,
    make_column_transformer,
)
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler, TargetEncoder
from sklearn.svm import SVC, LinearSVC
from xgboost import XGBClassifier, XGBRegressor

from modelship.sources import Model
from modelship.sources._tree_machine import TreeMachine
from modelship.sources.schema_text import takes
from modelship.tables import Schema, Table, schema_of_data, to_plain
from modelship.tables.schema import FORMS

RNG = np.random.default_rng(0)
N = 60
FRAME = pd.DataFrame(
    {
        "age": RNG.integers(18, 80, N),
        "city": RNG.choice(["Rome", "Oslo", "Bonn"], N),
        "text": ["a good thing", "a bad one"] * (N // 2),
        "income": np.where(np.arange(N) % 7, RNG.normal(size=N), np.nan),
        "member": RNG.integers(0, 2, N).astype(bool),
        "grade": pd.Categorical(RNG.choice(["low", "high"], N), ["low", "high"], ordered=True),
    }
)
NUMBERS = FRAME[["age", "member"]]
ARRAY = NUMBERS.to_numpy(float)
YES = np.where(FRAME.age > 40, "yes", "no")
TRUE = FRAME.age.to_numpy() > 40
TWO = np.column_stack([YES, np.where(FRAME.member, "in", "out")])


def filled():
    return make_pipeline(SimpleImputer(), StandardScaler())


def by_name(final):
    parts = [
        ("numbers", filled(), ["income", "age"]),
        ("city", OneHotEncoder(), make_column_selector(pattern="city")),
        ("text", TfidfVectorizer(), "text"),
        ("codes", OrdinalEncoder(), ["member"]),
    ]
    return make_pipeline(ColumnTransformer(parts), final)


def by_index():
    parts = (filled(), [3, 0]), (OneHotEncoder(handle_unknown="ignore"), [1])
    return make_pipeline(make_column_transformer(*parts), LogisticRegression())


def linear():
    return LogisticRegression()


def voting(**options):
    return VotingClassifier(
        [("a", linear()), ("b", make_pipeline(StandardScaler(), linear()))], **options
    )


MODELS = {
    "by name": lambda: by_name(linear()).fit(FRAME, YES),
    "by index": lambda: by_index().fit(FRAME, TRUE),
    "by index, of objects": lambda: by_index().fit(FRAME.to_numpy(object), YES),
    "search": lambda: GridSearchCV(by_name(linear()), {}, cv=2).fit(FRAME, YES),
    "array": lambda: make_pipeline(StandardScaler(), linear()).fit(ARRAY, TRUE),
    "forest of two outputs": lambda: RandomForestClassifier(5).fit(NUMBERS, TWO),
    "two outputs": lambda: MultiOutputClassifier(by_name(linear())).fit(FRAME, TWO),
    "boosted": lambda: HistGradientBoostingClassifier(max_iter=3).fit(
        FRAME[["income", "grade"]], YES
    ),
    "calibrated": lambda: CalibratedClassifierCV(LinearSVC(), cv=2).fit(NUMBERS, YES),
    "voting": lambda: voting().fit(NUMBERS, YES),
    "soft voting": lambda: voting(voting="soft").fit(ARRAY, YES),
    "stacked": lambda: StackingClassifier([("a", linear())], cv=2).fit(NUMBERS, TRUE),
    "regression": lambda: make_pipeline(filled(), Ridge()).fit(FRAME[["income", "age"]], FRAME.age),
    "transformed target": lambda: TransformedTargetRegressor(by_name(Ridge())).fit(
        FRAME, FRAME.age
    ),
    "two numbers": lambda: LinearRegression().fit(ARRAY, ARRAY),
    "encoded by target": lambda: make_pipeline(TargetEncoder(), linear()).fit(
        FRAME[["city"]], TRUE
    ),
    "network": lambda: MLPClassifier([2], max_iter=2).fit(NUMBERS, YES),
    "hinge": lambda: SGDClassifier().fit(ARRAY, YES),
    "logistic loss": lambda: SGDClassifier(loss="log_loss").fit(ARRAY, TRUE),
    "kernel": lambda: SVC().fit(ARRAY, FRAME.age % 3),
}
CITIES = FRAME[["age", "city"]].astype({"city": "category"})
MODELS["lightgbm"] = lambda: LGBMClassifier(n_estimators=3, verbose=-1).fit(CITIES, YES)
MODELS["lightgbm's regression"] = lambda: LGBMRegressor(n_estimators=3, verbose=-1).fit(ARRAY, TRUE)
MODELS["xgboost"] = lambda: XGBClassifier(n_estimators=3).fit(NUMBERS, FRAME.age % 3)
MODELS["xgboost's regression"] = lambda: XGBRegressor(n_estimators=3).fit(ARRAY, FRAME.age)
MODELS["boosters voting"] = lambda: VotingClassifier(
    [("a", XGBClassifier(n_estimators=3)), ("b", LGBMClassifier(n_estimators=3, verbose=-1))]
).fit(NUMBERS, TRUE)


@pytest.fixture(scope="module")
def fitted():
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {name: make() for name, make in MODELS.items()}


def asked(estimator, name, default=None):
    try:
        return getattr(estimator, name, default)
    except AttributeError:
        return default


def said_live(estimator):
    """Return what a fitted estimator says: names, width, task, labels, probabilities."""
    classes = asked(estimator, "classes_")
    outputs = classes if isinstance(classes, list) else [] if classes is None else [classes]
    task = "classification" if is_classifier(estimator) else "regression"
    assert task == "classification" or is_regressor(estimator)
    return (
        tuple(asked(estimator, "feature_names_in_", ())),
        asked(estimator, "n_features_in_"),
        task,
        tuple(tuple(each.tolist()) for each in outputs),
        asked(estimator, "predict_proba") is not None,
    )


def said_by(schema):
    outputs = schema.outputs
    names = schema.names if schema.is_table else ()
    return names, schema.width, outputs.task, outputs.labels, outputs.probabilities


IN_GATE = ("joblib", "pickle 2", "cloudpickle")
EACH_WRITER = [
    each if each in IN_GATE else pytest.param(each, marks=pytest.mark.long) for each in WRITERS
]


@pytest.mark.parametrize("writer", EACH_WRITER)
def test_the_file_says_what_the_estimator_says(tmp_path, fitted, writer):
    """Names, width, task, classes and probabilities are those of the live estimator."""
    for name, estimator in fitted.items():
        WRITERS[writer](estimator, tmp_path / "model.pkl")
        schema = Model.read(tmp_path / "model.pkl").schema
        expected = said_live(estimator)
        if name == "kernel":  # whether it has probabilities was an option in older releases
            expected = (*expected[:-1], schema.outputs.probabilities)
        assert said_by(schema) == expected, name


@pytest.mark.parametrize("writer", IN_GATE)
@pytest.mark.parametrize("model", ["by name", "search", "two outputs"])
def test_encoders_tell_kinds_and_categories(tmp_path, fitted, writer, model):
    """Each column has the kind, the categories and the gaps of what was fitted on it."""
    WRITERS[writer](fitted[model], tmp_path / "model.pkl")
    schema = Model.read(tmp_path / "model.pkl").schema
    columns = {column.name: column for column in schema.columns}
    kinds = {name: column.kind for name, column in columns.items()}
    assert kinds == {
        "age": "number",
        "city": "text",
        "text": "text",
        "income": "number",
        "member": "boolean",
        "grade": "",
    }
    assert columns["city"].categories == ("Bonn", "Oslo", "Rome")
    assert columns["member"].categories == (False, True)
    assert (columns["income"].missing, columns["city"].missing) == (True, False)
    assert (columns["grade"].missing, columns["text"].missing) == (None, None)


def schema_of(estimator, path):
    joblib.dump(estimator, path)
    return Model.read(path).schema


def test_forms(tmp_path, fitted):
    """A table has names, rows of objects have an encoder of texts, and arrays have neither."""
    forms = {
        name: schema_of(estimator, tmp_path / "model.joblib").form
        for name, estimator in fitted.items()
    }
    of_arrays = {"array", "soft voting", "two numbers", "hinge", "logistic loss", "kernel"}
    of_arrays |= {"lightgbm's regression", "xgboost's regression"}
    assert {name for name, form in forms.items() if form == "array"} == of_arrays
    assert {name for name, form in forms.items() if form == "objects"} == {"by index, of objects"}
    assert set(forms.values()) == {"array", "objects", "table"}


def test_a_request_is_read_as_what_the_model_was_fitted_on(tmp_path, fitted):
    """With what the file alone tells, and with a sample, each model predicts the same as before."""
    for name, estimator in fitted.items():
        schema = schema_of(estimator, tmp_path / "model.joblib")
        if not schema.columns:
            continue
        frame = CITIES if name == "lightgbm" else FRAME
        rows = frame[[*schema.names]] if schema.is_table else FRAME.to_numpy(object)
        body = json.dumps({"data": to_plain(rows)})
        for known in (schema, schema.completed_by(schema_of_data(rows[:5]))):
            read = Table(known).read(body)
            np.testing.assert_array_equal(estimator.predict(read), estimator.predict(rows), name)


def test_rows_of_objects_have_kinds_without_names(tmp_path, fitted):
    """A column transformer by index says the kinds of its columns, and nothing of the others."""
    schema = schema_of(fitted["by index, of objects"], tmp_path / "model.joblib")
    assert [column.kind for column in schema.columns] == ["number", "text", "", "number", "", ""]
    assert schema.names == ("",) * 6


def test_boosters_tell_kinds_and_categories(tmp_path, fitted):
    """LightGBM keeps the categories of pandas, XGBoost the kinds of its columns."""
    columns = schema_of(fitted["lightgbm"], tmp_path / "model.joblib").columns
    assert [(each.kind, each.categories) for each in columns] == [
        ("number", ()),
        ("category", ("Bonn", "Oslo", "Rome")),
    ]
    columns = schema_of(fitted["xgboost"], tmp_path / "model.joblib").columns
    assert [each.kind for each in columns] == ["integer", "boolean"]


def test_texts_are_values(tmp_path):
    """A pipeline that begins with a vectorizer takes one text a row."""
    model = make_pipeline(TfidfVectorizer(), linear()).fit(FRAME.text, YES)
    schema = schema_of(model, tmp_path / "model.joblib")
    assert (schema.form, [each.kind for each in schema.columns]) == ("values", ["text"])
    assert schema.outputs.labels == (("no", "yes"),)


@pytest.mark.parametrize(
    ("options", "form"),
    [
        ({}, "values"),
        ({"tokenizer": str.split, "token_pattern": None}, "values"),
        ({"tokenizer": list, "token_pattern": None, "lowercase": False}, ""),
        ({"analyzer": str.split}, ""),
        ({"preprocessor": str}, ""),
    ],
)
def test_what_a_function_reads_need_not_be_text(tmp_path, options, form):
    """A vectorizer with a function of its own in the first place takes whatever that takes."""
    model = make_pipeline(TfidfVectorizer(**options), linear()).fit(FRAME.text, YES)
    assert schema_of(model, tmp_path / "model.joblib").form == form


@pytest.mark.parametrize(("gap", "missing"), [(np.nan, True), (-1, None)])
def test_an_imputer_says_what_it_fills(tmp_path, gap, missing):
    """Where it fills another value than NaN, NaN is none that it takes."""
    model = make_pipeline(SimpleImputer(missing_values=gap), linear()).fit(
        NUMBERS.astype(float), YES
    )
    columns = schema_of(model, tmp_path / "model.joblib").columns
    assert {each.missing for each in columns} == {missing}


def test_an_imputer_of_none_is_given_none(tmp_path):
    """In texts, None and NaN are two values: the one that the model fills stands for null."""
    frame = pd.DataFrame({"a": pd.Series(["x", "y", None] * 20, dtype=object)})
    imputer = SimpleImputer(strategy="constant", fill_value="?", missing_values=None)
    model = make_pipeline(imputer, OneHotEncoder(), linear()).fit(frame, YES)
    schema = schema_of(model, tmp_path / "model.joblib")
    read = Table(schema).read('{"data": [{"a": null}, {"a": "x"}]}')
    np.testing.assert_array_equal(model.predict(read), model.predict(frame[2:4]))


def test_gaps_in_categories_say_what_stands_for_one(tmp_path):
    """None and NaN among the categories of an encoder are gaps, and no categories."""
    texts = pd.DataFrame({"a": ["x", None] * 3, "b": ["y", np.nan] * 3}, dtype=object)
    frame = texts.assign(c=[1.5, np.nan] * 3)
    model = make_pipeline(OneHotEncoder(), linear()).fit(frame, [0, 1] * 3)
    columns = schema_of(model, tmp_path / "model.joblib").columns
    assert [column.categories for column in columns] == [("x",), ("y",), (1.5,)]
    assert [column.missing for column in columns] == [True] * 3
    assert [column.missing_as for column in columns] == ["none", "nan", "nan"]
    assert columns[2].dtype == "float64"


def test_what_a_class_of_ones_own_does_is_not_known(tmp_path, fitted):
    """Behind a step that is not known, nothing is claimed of the columns."""
    own = make_pipeline(Own(), *fitted["array"]).fit(ARRAY, TRUE)
    schema = schema_of(own, tmp_path / "model.joblib")
    assert schema.form == ""
    assert schema.outputs.labels == ((False, True),)


class Own(StandardScaler):
    """A class of the program that saves the model."""


def test_a_model_says_what_it_is_in_one_line(tmp_path, fitted):
    """Its repr has what it holds, takes and answers, and not a list of files and digests."""
    joblib.dump(fitted["by name"], tmp_path / "prices.joblib")
    assert repr(Model.read(tmp_path / "prices.joblib")) == (
        "<Model prices:1 (joblib; a Pipeline; a table with 6 columns; "
        "classification: no, yes; and probabilities)>"
    )


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("width", "words"), [(None, ""), (1, r" 1 \w+"), (2, r" 2 \w+s")])
def test_every_form_has_words(form, width, words):
    """One column is one, two are some, and of an unknown number nothing is said."""
    assert re.search(words, takes(Schema(form, width=width)))


def test_names_that_are_no_texts_are_none(tmp_path):
    """scikit-learn keeps no names of columns that are numbers, so that they are an array's."""
    frame = pd.DataFrame(ARRAY, columns=[1, 2])
    schema = schema_of(linear().fit(frame, TRUE), tmp_path / "model.joblib")
    assert (schema.form, schema.columns, schema.width) == ("array", (), 2)


@pytest.mark.parametrize("names", [["", "x\ny"], ["ä" * 900, "\u202e"], ["a b", "a\tb"]])
def test_odd_names_are_kept(tmp_path, names):
    """Names are what they are: empty, long, of two lines."""
    frame = pd.DataFrame(ARRAY, columns=names)
    assert schema_of(linear().fit(frame, TRUE), tmp_path / "model.joblib").names == tuple(names)


@pytest.mark.parametrize(
    "names", [["a", "a"], ["a", 3], ["a", b"b"], ["a", "x" * 5000], ["\ud800", "a"]]
)
def test_impossible_names_are_not_taken(tmp_path, names):
    """Two of one name, no texts, or no readable ones: no table is claimed, and nothing raises."""
    model = linear().fit(NUMBERS, TRUE)
    model.feature_names_in_ = np.array(names, dtype=object)
    joblib.dump(model, tmp_path / "model.joblib")
    assert Model.read(tmp_path / "model.joblib").schema.columns == ()


def test_a_damaged_tree_tells_nothing(tmp_path, monkeypatch):
    """Whatever goes wrong while the tree is read, the schema is unknown."""
    monkeypatch.setattr(TreeMachine, "read_tree", lambda _: 1 / 0)
    assert schema_of(linear().fit(ARRAY, TRUE), tmp_path / "model.joblib") == Schema()
