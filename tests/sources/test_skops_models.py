"""skops files: what they tell without being loaded, and how they are loaded and served."""

from __future__ import annotations

import json
import pickle
import shutil
import zipfile

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from modelship.bundle.generated import generate_source
from modelship.errors import UntrustedModelError
from modelship.sources import Model

RANDOM = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "age": RANDOM.integers(20, 60, 60),
        "income": RANDOM.normal(size=60),
        "zone": RANDOM.choice(["n", "s"], 60),
    }
)
NAMES = np.where(FRAME.age > 40, "old", "young")


class Doubler(BaseEstimator):
    """An estimator of the user's own."""

    def predict(self, X):
        return 2 * X


@pytest.fixture(scope="module")
def skops_io():
    """Import the library only for these tests: that takes a second in whatever reads this file."""
    import skops.io

    return skops.io


@pytest.fixture(scope="module")
def files(skops_io, tmp_path_factory):
    """A pipeline of a table, as a skops file and as a pickle."""
    folder = tmp_path_factory.mktemp("skops")
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["zone"]), (StandardScaler(), ["age", "income"])
    )
    pipeline = make_pipeline(columns, LogisticRegression()).fit(FRAME, NAMES)
    skops_io.dump(pipeline, folder / "m.skops")
    (folder / "m.pkl").write_bytes(pickle.dumps(pipeline))
    return folder


def test_a_skops_file_tells_what_the_pickle_tells(files):
    """Columns, categories, classes and the class of the estimator are the same in both."""
    model, pickled = Model.read(files / "m.skops"), Model.read(files / "m.pkl")
    assert model.schema == pickled.schema
    assert model.schema.columns[2].categories == ("n", "s")
    assert model.contents == pickled.contents


def test_a_skops_file_is_loaded_and_answers_as_the_pickle(files):
    """Skops asks for no trust in what scikit-learn's own models are made of."""
    loaded, pickled = (Model.read(files / name).load() for name in ("m.skops", "m.pkl"))
    assert (loaded.predict(FRAME) == pickled.predict(FRAME)).all()


def test_what_is_known_to_be_safe_is_trusted(skops_io, tmp_path):
    """Trees of scikit-learn that skops itself does not trust are made, as from a pickle."""
    model = HistGradientBoostingClassifier(max_iter=2).fit(FRAME[["age", "income"]], NAMES)
    skops_io.dump(model, tmp_path / "m.skops")
    assert skops_io.get_untrusted_types(file=tmp_path / "m.skops")
    loaded = Model.read(tmp_path / "m.skops").load()
    expected = model.predict(FRAME[["age", "income"]])
    assert (loaded.predict(FRAME[["age", "income"]]) == expected).all()


def test_an_unknown_class_is_made_only_when_the_file_is_trusted(skops_io, tmp_path):
    """It is named, and the option that trusts the file is in the hint."""
    skops_io.dump(Doubler(), tmp_path / "m.skops")
    model = Model.read(tmp_path / "m.skops")
    with pytest.raises(UntrustedModelError, match="does not trust .*Doubler"):
        model.load()
    assert model.load(trust_model=True).predict(2) == 4


def test_the_written_script_trusts_what_the_file_names(files, monkeypatch):
    """It lists the names, so that readers see what is created."""
    model = Model.read(files / "m.skops")
    written = generate_source([model], schema=model.schema)[1]
    text = next(file.content for file in written if file.path == "score.py").decode()
    line = next(line for line in text.splitlines() if "skops.io.load" in line)
    assert "'sklearn.linear_model._logistic.LogisticRegression'" in line
    monkeypatch.setenv("AZUREML_MODEL_DIR", str(files))
    script = {"os": __import__("os"), "skops": __import__("skops.io")}
    exec(line.strip(), script)
    assert script["model"].predict(FRAME).shape == (60,)


@pytest.mark.parametrize(
    "change",
    [
        lambda node: node.update(content=[]),
        lambda node: node.update(__id__="1", __loader__="CachedNode"),
        lambda node: node["content"]["content"]["steps"].update(__loader__="JsonNode"),
        lambda node: node["content"].update(content={"steps": 3}),
    ],
)
def test_a_schema_of_another_shape_tells_nothing(change, files, tmp_path):
    """Whatever wrote it, reading its contents raises nothing."""
    shutil.copy(files / "m.skops", tmp_path / "old.skops")
    with (
        zipfile.ZipFile(tmp_path / "old.skops") as old,
        zipfile.ZipFile(tmp_path / "m.skops", "w") as new,
    ):
        document = json.loads(old.read("schema.json"))
        change(document)
        new.writestr("schema.json", json.dumps(document))
    assert Model.read(tmp_path / "m.skops").schema.columns == ()
