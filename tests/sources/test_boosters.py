"""Native files of LightGBM and XGBoost: what they tell, and what they answer when loaded."""

from __future__ import annotations

import json
import shutil

import joblib
import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
import xgboost as xgb

from modelship.bundle.generated import generate_source
from modelship.bundle.inferred import requirements_of
from modelship.checks.undeclared_categories import undeclared_categories
from modelship.errors import CorruptModelError, ModelLoadError, UntrustedModelError
from modelship.sources import Model
from modelship.tables import Column, Outputs, Schema, schema_of_data


@pytest.fixture(scope="session")
def frame():
    """A table of 200 rows: whole numbers, numbers with gaps, two columns of categories, flags."""
    random = np.random.default_rng(0)
    income = random.normal(size=200)
    income[3] = np.nan
    return pd.DataFrame(
        {
            "age": random.integers(20, 60, 200),
            "income": income,
            "zone": pd.Categorical(random.choice(["n", "s"], 200)),
            "size": pd.Categorical(random.choice([1, 2, 5], 200)),
            "member": random.random(200) > 0.5,
        }
    )


@pytest.fixture(scope="session")
def models(frame, tmp_path_factory):
    """Estimators of two and three classes and of numbers, and their files."""
    folder = tmp_path_factory.mktemp("boosters")
    found = {}
    answers = {
        "two": (frame.age > 40).astype(int),
        "three": frame.age % 3,
        "numbers": frame.age / 7,
    }
    for name, y in answers.items():
        kinds = (lgb.LGBMRegressor, xgb.XGBRegressor)
        if name != "numbers":
            kinds = (lgb.LGBMClassifier, xgb.XGBClassifier)
        light = kinds[0](n_estimators=3, verbose=-1).fit(frame, y)
        light.booster_.save_model(folder / f"{name}.txt")
        found[f"{name}.txt"] = light
        extreme = kinds[1](n_estimators=3, enable_categorical=True).fit(frame, y)
        for end in ("json", "ubj"):
            extreme.save_model(folder / f"{name}.{end}")
            found[f"{name}.{end}"] = extreme
    return folder, found


FILES = [f"{name}.{end}" for name in ("two", "three", "numbers") for end in ("txt", "json", "ubj")]


@pytest.mark.parametrize("name", FILES)
def test_a_native_file_answers_as_the_estimator_does(name, models, frame):
    """Labels and probabilities are equal to the last bit, and regression has no probabilities."""
    folder, found = models
    loaded, estimator = Model.read(folder / name).load(), found[name]
    assert np.array_equal(loaded.predict(frame), estimator.predict(frame))
    assert hasattr(loaded, "predict_proba") == hasattr(estimator, "predict_proba")
    if hasattr(loaded, "predict_proba"):
        assert np.array_equal(loaded.predict_proba(frame), estimator.predict_proba(frame))
        assert loaded.classes_.tolist() == estimator.classes_.tolist()


@pytest.mark.parametrize("name", ["two.txt", "three.ubj", "numbers.json"])
def test_the_written_script_answers_as_the_estimator(name, models, frame, written):
    """Records of JSON become the table that the booster takes, gaps and categories among it."""
    folder, found = models
    script = written(Model.read(folder / name))
    records = json.loads(frame.head(5).to_json(orient="records", double_precision=15))
    answer = script["run"](json.dumps({"data": records}))
    assert answer == pytest.approx(found[name].predict(frame.head(5)).tolist())


@pytest.mark.parametrize("end", ["txt", "json", "ubj"])
def test_a_native_file_tells_columns_and_answers(end, models, tmp_path):
    """Names, categories and classes are read, whatever the file is called."""
    model = Model.read(shutil.copy(models[0] / f"three.{end}", tmp_path / "model"))
    schema = model.schema
    assert model.format == ("lightgbm" if end == "txt" else "xgboost")
    assert schema.names == ("age", "income", "zone", "size", "member")
    zone, size = schema.columns[2:4]
    assert zone == Column("zone", "category", "category", ("n", "s"), missing=True)
    assert size.categories == (1, 2, 5)
    assert schema.outputs == Outputs("classification", (), ((0, 1, 2),), probabilities=True)


def test_kinds_are_told_where_they_are_known(models):
    """XGBoost keeps the kinds of columns, and LightGBM their ranges; 0 to 1 may be truth values."""
    extreme = Model.read(models[0] / "numbers.ubj").schema
    assert [each.kind for each in extreme.columns[:2]] == ["integer", "number"]
    assert (extreme.columns[4].kind, extreme.outputs.task) == ("boolean", "regression")
    light = Model.read(models[0] / "numbers.txt").schema
    assert (light.columns[0].low, light.columns[0].high) == (20.0, 59.0)
    assert (light.columns[0].kind, light.columns[4].kind) == ("number", "")


def test_columns_without_names_are_an_array(tmp_path, frame):
    """Generated names such as Column_0 are no names."""
    X, y = frame[["age", "income"]].to_numpy(), frame.age
    lgb.LGBMRegressor(n_estimators=1, verbose=-1).fit(X, y).booster_.save_model(tmp_path / "m.txt")
    xgb.XGBRegressor(n_estimators=1).fit(X, y).save_model(tmp_path / "m.json")
    for name in ("m.txt", "m.json"):
        schema = Model.read(tmp_path / name).schema
        assert (schema.form, schema.width, schema.columns) == ("array", 2, ())


def _saved(model, path):
    """Return the schemas of LightGBM's file, and of the pickle of its estimator."""
    model.booster_.save_model(path / "m.txt")
    joblib.dump(model, path / "m.pkl")
    return [Model.read(path / name).schema for name in ("m.txt", "m.pkl")]


def test_ordered_categories_are_those_that_alone_fit_what_was_seen(tmp_path, frame):
    """LightGBM does not list ordered categories; the ranges of the others rule those out."""
    data = frame[["age", "zone", "size"]].assign(zone=frame.zone.cat.as_ordered())
    model = lgb.LGBMRegressor(n_estimators=1, verbose=-1).fit(data, frame.age)
    for schema in _saved(model, tmp_path):
        kinds = [(column.kind, column.categories) for column in schema.columns]
        assert kinds == [("number", ()), ("category", ("n", "s")), ("category", (1, 2, 5))]


def test_a_sample_tells_which_columns_the_categories_are_of(tmp_path, frame):
    """Where flags might be the categories too, texts of a sample are; LightGBM takes no others."""
    data = frame[["age", "zone", "member"]].assign(zone=frame.zone.cat.as_ordered())
    model = lgb.LGBMRegressor(n_estimators=1, verbose=-1).fit(data, frame.age)
    for schema in _saved(model, tmp_path):
        assert (schema.groups, [each.kind for each in schema.columns][1:]) == (
            (("n", "s"),),
            ["", ""],
        )
        assert Schema.from_json(schema.to_json()) == schema
        row = {"age": 30, "zone": "s", "member": True}
        completed = schema.completed_by(schema_of_data([row]))
        assert (completed.groups, completed.columns[1].dtype) == ((), "category")
        assert completed.columns[1].categories == ("n", "s")
        for zone in (None, "east"):  # a gap tells nothing, and an unknown text may be another's
            open_still = schema.completed_by(schema_of_data([row | {"zone": zone}]))
            assert open_still.groups == schema.groups


def test_pickles_of_xgboost_tell_the_categories(tmp_path, frame, monkeypatch):
    """XGBoost keeps them since 3.1; before, its codes mean nothing, and no kind is known."""
    model = xgb.XGBRegressor(n_estimators=1, enable_categorical=True).fit(frame, frame.age)
    joblib.dump(model, tmp_path / "m.pkl")
    columns = Model.read(tmp_path / "m.pkl").schema.columns
    assert (columns[2].dtype, columns[2].categories) == ("category", ("n", "s"))
    assert (columns[3].categories, columns[4].kind) == ((1, 2, 5), "boolean")
    monkeypatch.setattr("modelship.sources._boosters._CATS", b"of XGBoost 3.0 there are none")
    old = Model.read(tmp_path / "m.pkl").schema.columns
    assert [each.kind for each in old] == ["integer", "number", "", "", "boolean"]


@pytest.mark.parametrize("tells", [False, True])
def test_numbers_for_categories_that_nobody_tells_are_a_warning(tmp_path, monkeypatch, tells):
    """XGBoost before 3.1 takes them for codes, with no error; a table with dtypes tells more."""
    monkeypatch.setattr("modelship.sources._boosters._CATS", b"of XGBoost 3.0 there are none")
    X = pd.DataFrame({"shop": pd.Categorical([10, 20, 20, 10]), "age": [1, 2, 3, 4]})
    booster = xgb.XGBRegressor(n_estimators=1, enable_categorical=True).fit(X, X.age)
    joblib.dump(booster, tmp_path / "m.pkl")
    model = Model.read(tmp_path / "m.pkl")
    sample = X if tells else [{"shop": 10, "age": 1}]
    schema = model.schema.completed_by(schema_of_data(sample))
    script, source = generate_source([model], schema=schema)
    found = [*undeclared_categories(model, path="m.pkl", source=source, entry_script=script)]
    assert [each.code for each in found] == ([] if tells else ["MS309"])
    assert all("in the column 'shop', and neither" in each.problem for each in found)
    assert not [*undeclared_categories(model, path="m.pkl", source=(), entry_script="score.py")]


def test_codes_tell_the_categories_where_the_parameters_do_not(models, tmp_path):
    """LightGBM before 3 left the list of columns of categories empty."""
    text = (models[0] / "two.txt").read_text()
    (tmp_path / "m.txt").write_text(text.replace("[categorical_feature: 2,3]", ""))
    kinds = [each.kind for each in Model.read(tmp_path / "m.txt").schema.columns]
    assert kinds == ["number", "number", "category", "category", ""]


def test_numbers_that_are_declared_categories_are_none_of_pandas(tmp_path, frame):
    """Beside a column of ordered categories, one of numbers is not taken for it."""
    data = frame[["age", "zone"]].assign(zone=frame.zone.cat.as_ordered())
    light = lgb.LGBMRegressor(n_estimators=1, verbose=-1)
    light.fit(data, frame.age, categorical_feature=["age"])
    for schema in _saved(light, tmp_path):
        assert [each.kind for each in schema.columns] == ["number", "category"]


@pytest.mark.parametrize("name", ["three.txt", "three.json", "three.ubj"])
def test_a_cut_file_is_corrupt(name, models, tmp_path):
    """What is not whole is said so, wherever it ends."""
    content = (models[0] / name).read_bytes()
    for part in (0.02, 0.3, 0.9, 0.999):
        (tmp_path / name).write_bytes(content[: int(len(content) * part)])
        with pytest.raises(CorruptModelError, match="copied in full|tells|not a complete"):
            Model.read(tmp_path / name)


def test_trees_that_lead_astray_are_a_hazard(models, tmp_path):
    """Neither library looks where a tree leads before it follows it: such a file is not loaded."""
    document = json.loads((models[0] / "two.json").read_bytes())
    tree = document["learner"]["gradient_booster"]["model"]["trees"][0]
    tree["left_children"] = [min(0, child) for child in tree["left_children"]]
    (tmp_path / "round.json").write_text(json.dumps(document))
    text = (models[0] / "two.txt").read_text().replace("split_feature=", "split_feature=9")
    (tmp_path / "outside.txt").write_text(text)
    for name, said in [("round.json", "or a cycle"), ("outside.txt", "does not have")]:
        with pytest.raises(UntrustedModelError, match=said):
            Model.read(tmp_path / name).load()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{L\0\0\0\0\0\0\0\x07learner[$l#L\x7f\0\0\0\0\0\0\0", "copied in full"),
        (b"{L\0\0\0\0\0\0\0\x07learner[#L\0\0\0\x7f\0\0\0\0", "copied in full"),
        (b'{"learner":{"attributes":{}}}', "no learner"),
        (b"tree\nversion=v4\nmax_feature_idx=999999999\nfeature_names=a\n\nTree=0\n", "1 features"),
        (b"tree\r\nversion=v4\r\n", "Windows"),
    ],
)
def test_what_a_file_declares_is_not_believed(content, said, tmp_path):
    """Sizes beyond the file, and what is missing in it, are said in plain words."""
    (tmp_path / "m.bin").write_bytes(content.ljust(100))
    with pytest.raises(CorruptModelError, match=said):
        Model.read(tmp_path / "m.bin")


def test_endless_nesting_is_not_followed(tmp_path):
    """A document that is nested a million times makes no difference to this process."""
    text = b'{"learner":{"attributes":' + b"[" * 10**6
    (tmp_path / "cut.bin").write_bytes(text)
    with pytest.raises(CorruptModelError, match="copied in full"):
        Model.read(tmp_path / "cut.bin")
    (tmp_path / "text.bin").write_bytes(text + b"]" * 10**6 + b"}}")
    (tmp_path / "binary.bin").write_bytes(b"{L\0\0\0\0\0\0\0\x07learner" + b"[" * 10**6)
    for name in ("text.bin", "binary.bin"):
        passport = Model.read(tmp_path / name).passport
        assert "nested too deeply for a model" in passport.incomplete_because[0]


def test_categories_that_are_not_kept_are_said(models, tmp_path):
    """Before 3.1, XGBoost took codes of categories and kept none: no script could make them."""
    document = json.loads((models[0] / "two.json").read_bytes())
    del document["learner"]["gradient_booster"]["model"]["cats"]
    (tmp_path / "m.json").write_text(json.dumps(document))
    contents = Model.read(tmp_path / "m.json").contents
    assert "does not keep the categories of its columns" in contents.title
    assert contents.predicts is False


def test_the_environment_has_the_library_in_one_version(models):
    """XGBoost's is in the file; that of LightGBM is the one that is installed here."""
    [light] = [x for x in _needs(models[0] / "two.txt") if "lightgbm" in x]
    [extreme] = [x for x in _needs(models[0] / "two.ubj") if "xgboost" in x]
    assert light == f"lightgbm=={lgb.__version__}"
    assert extreme in {f"xgboost=={xgb.__version__}", f"xgboost-cpu=={xgb.__version__}"}


def _needs(path):
    return requirements_of(Model.read(path), own_modules=())[0]


def test_a_missing_library_is_named(models, monkeypatch):
    """The remedy is the package, and not what trained the model."""
    monkeypatch.setitem(__import__("sys").modules, "lightgbm", None)
    with pytest.raises(ModelLoadError, match="lightgbm is not installed") as caught:
        Model.read(models[0] / "two.txt").load()
    assert caught.value.hint == "pip install lightgbm"
