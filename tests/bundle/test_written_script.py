"""The script that modelship writes answers what the model answers in process."""

import json

import joblib
import numpy as np
import pandas as pd
import pytest
from served_by_hand import served
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from modelship import Model, ScoringBundle
from modelship.bundle import Environment
from modelship.errors import InvalidOptionError
from modelship.tables import schema_of_estimator

PLAIN = Environment("3.11", ("scikit-learn",))


def _model(estimator, folder):
    folder.mkdir(exist_ok=True)
    joblib.dump(estimator, folder / "model.pkl")
    return Model.read(folder / "model.pkl")


def _bundle(estimator, tmp_path, **options):
    return ScoringBundle(_model(estimator, tmp_path / "model"), environment=PLAIN, **options)


@pytest.fixture
def mixed():
    """Rows of an integer code and a text, and a classifier of them."""
    rng = np.random.default_rng(0)
    X = np.empty((300, 2), object)
    X[:, 0] = [int(v) for v in rng.integers(1, 4, 300)]
    X[:, 1] = rng.choice(list("abc"), 300).tolist()
    y = (X[:, 0] == 1).astype(int)
    encoder = OneHotEncoder(handle_unknown="ignore")
    return X, make_pipeline(encoder, LogisticRegression()).fit(X, y)


@pytest.mark.parametrize("with_sample", [True, False])
def test_rows_of_mixed_kinds_are_scored_as_in_process(mixed, with_sample, tmp_path, monkeypatch):
    """A number beside a text stays a number, so that the encoder knows it."""
    X, model = mixed
    sample = {"data": X[:2].tolist()} if with_sample else None
    bundle = _bundle(model, tmp_path, sample_input=sample)
    with served(bundle, tmp_path / "source", monkeypatch) as script:
        assert script.run(json.dumps({"data": X.tolist()})) == model.predict(X).tolist()


@pytest.mark.parametrize("sample", [pd.Series(["good", "bad"]), {"data": ["good", "bad"]}, None])
def test_a_model_of_texts_takes_texts(sample, tmp_path, monkeypatch):
    """A pipeline that begins with a vectorizer takes one text a row, not a table."""
    texts = ["good day", "bad day", "good", "bad"]
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, list("pnpn"))
    bundle = _bundle(model, tmp_path, sample_input=sample)
    with served(bundle, tmp_path / "source", monkeypatch) as script:
        assert script.run('{"data": ["good", "bad day"]}') == ["p", "n"]


@pytest.mark.parametrize("with_sample", [True, False])
def test_a_model_of_dicts_takes_dicts(with_sample, tmp_path, monkeypatch):
    """A pipeline that begins with DictVectorizer takes objects with keys of their own."""
    rows = [{"a": 1, "b": "x"}, {"a": 2}] * 10
    model = make_pipeline(DictVectorizer(), LogisticRegression()).fit(rows, [0, 1] * 10)
    bundle = _bundle(model, tmp_path, sample_input={"data": rows[:2]} if with_sample else None)
    with served(bundle, tmp_path / "source", monkeypatch) as script:
        assert script.run(json.dumps({"data": rows[:3]})) == [0, 1, 0]


def test_a_gap_is_what_it_was_in_training(tmp_path, monkeypatch):
    """An encoder that knows None is given None, also where only its file tells so."""
    X = pd.DataFrame({"zone": pd.Series(["n", None, "s", None], dtype="object")})
    model = make_pipeline(OneHotEncoder(), LogisticRegression()).fit(X, [0, 1, 0, 1])
    bundle = _bundle(model, tmp_path)
    with served(bundle, tmp_path / "source", monkeypatch) as script:
        assert script.run('{"data": [{"zone": null}, {"zone": "n"}]}') == [1, 0]


@pytest.mark.parametrize("rows", [np.array([[1.0], [3.0]]), [[1.0], [3.0]]])
def test_a_sample_of_rows_alone_is_answered(rows, tmp_path, monkeypatch):
    """The body is then the rows, and a body with a key is read, too."""
    model = LogisticRegression().fit([[1.0], [2.0]], [0, 1])
    bundle = _bundle(model, tmp_path, sample_input=rows)
    with served(bundle, tmp_path / "source", monkeypatch) as script:
        assert script.run(bundle.sample_json) == [0, 1]
        assert script.run('{"data": [[3.0]]}') == [1]


@pytest.fixture
def frame():
    """A table, and a classifier of texts that was fitted on it."""
    X = pd.DataFrame({"zone": list("nsns"), "age": [30, 40, 50, 60]})
    steps = make_column_transformer((OneHotEncoder(), ["zone"]), remainder="passthrough")
    return X, make_pipeline(steps, LogisticRegression()).fit(X, ["no", "no", "yes", "yes"])


def test_probabilities_are_answered_beside_the_labels(frame, tmp_path, monkeypatch):
    """They are in the order of the classes, which the answer names."""
    X, model = frame
    bundle = _bundle(model, tmp_path, sample_input=X, output="proba")
    with served(bundle, tmp_path / "source", monkeypatch) as script:
        answer = json.loads(json.dumps(script.run(bundle.sample_json)))
    np.testing.assert_allclose(answer.pop("probabilities"), model.predict_proba(X))
    assert answer == {"predictions": model.predict(X).tolist(), "classes": ["no", "yes"]}


def test_probabilities_of_a_regression_are_refused_when_bundling(tmp_path):
    """There are none, which the schema tells."""
    model = LinearRegression().fit([[1.0], [2.0]], [1.0, 2.0])
    with pytest.raises(InvalidOptionError, match="predict_proba"):
        _bundle(model, tmp_path, schema=schema_of_estimator(model), output="proba")


def test_a_request_that_does_not_fit_raises_where_no_server_is(frame, tmp_path, monkeypatch):
    """run() called by hand has nobody to answer to."""
    X, model = frame
    bundle = _bundle(model, tmp_path, sample_input=X)
    with (
        served(bundle, tmp_path / "source", monkeypatch) as script,
        pytest.raises(ValueError, match="Row 0, column 'age': 'x' is given"),
    ):
        script.run('{"data": [["n", "x"]]}')


def test_rows_under_another_key_are_read_from_it(tmp_path, monkeypatch):
    """The sample says what the key is, for rows of numbers too."""
    model = LogisticRegression().fit([[1.0], [2.0]], [0, 1])
    for key in ("rows", "class", "my rows"):
        bundle = _bundle(model, tmp_path, sample_input={key: [[1.0], [3.0]]})
        with served(bundle, tmp_path / key, monkeypatch) as script:
            assert script.run(bundle.sample_json) == [0, 1]
