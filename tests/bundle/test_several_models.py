"""Bundles of several models, or of none: their layout, their digest, and what is refused."""

import json
import pickle

import pytest

from modelship.bundle import Environment, Lock, ScoringBundle
from modelship.bundle.store import stage
from modelship.errors import (
    BundleFormatError,
    CheckFailedError,
    EntryScriptError,
    EnvironmentSpecError,
    InvalidOptionError,
    ModelNotFoundError,
)
from modelship.sources import Model

LOCK = Lock(python="3.11", text="packaging==24.0 \\\n    --hash=sha256:00\n")
HERE = Environment(python="3.11", requirements=("packaging",), origin="test")
SCRIPT = "def init(): ...\ndef run(raw_data): return raw_data\n"


class Evil:
    """Unpickles as a call of os.system."""

    def __reduce__(self):
        import os

        return (os.system, ("true",))


@pytest.fixture
def read(tmp_path):
    """Return what writes a pickle and describes it as a model."""

    def write(name, value=1, *, version="1", file="model.pkl"):
        path = tmp_path / f"{name}-{version}" / file
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(pickle.dumps(value))
        return Model.read(path, name=name, version=version)

    return write


@pytest.fixture
def bundle_of(tmp_path):
    """Return what makes a bundle of models and a script, with a lock at hand."""

    def make(*models, script=SCRIPT, **resources):
        (tmp_path / "score.py").write_text(script)
        parts = {"entry_script": tmp_path / "score.py", "environment": HERE, "sample_input": [1]}
        return ScoringBundle([*models], **parts, **resources).with_lock(LOCK)

    return make


def laid_out(folder):
    """Return the paths of all files below a folder."""
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )


def test_each_model_lies_in_a_folder_of_its_own(read, bundle_of, tmp_path):
    """Two versions of one model and another one lie as Azure lays them out."""
    bundle = bundle_of(read("b"), read("a", version="2"), read("a"))
    stage(bundle, tmp_path / "app")
    assert laid_out(tmp_path / "app") == [
        "azureml-models/a/1/model.pkl",
        "azureml-models/a/2/model.pkl",
        "azureml-models/b/1/model.pkl",
        "score.py",
    ]


@pytest.mark.parametrize("names", [("a", "b"), ()])
def test_a_saved_bundle_of_several_or_no_models_comes_back(read, bundle_of, tmp_path, names):
    """Names, files and the digest are the same, whatever the order that they were given in."""
    models = [read(name, name) for name in names]
    again = ScoringBundle.load(bundle_of(*models).save(tmp_path / "bundle"))
    assert again == bundle_of(*reversed(models))
    assert [(model.name, model.load()) for model in again.models] == [(n, n) for n in names]


def test_each_of_several_models_changes_the_digest(read, bundle_of):
    """A changed model, another version and one model less are other bundles."""
    one, two = read("a"), read("b")
    found = [bundle_of(*models).parts["model"] for models in ([one, two], [one], [two], [])]
    found += [bundle_of(one, read("b", version="2")).parts["model"]]
    found += [bundle_of(one, read("b", 2)).parts["model"]]
    assert len(set(found)) == 6


def test_a_list_of_one_model_is_that_model(read, bundle_of, tmp_path):
    """It has the same digest and folder as the model alone."""
    model = read("a")
    listed = bundle_of(model)
    alone = ScoringBundle(
        model, entry_script=tmp_path / "score.py", environment=HERE, sample_input=[1]
    )
    assert listed == alone.with_lock(LOCK)
    assert listed.model == model


def test_model_of_several_says_what_to_use(read, bundle_of):
    """The bundle has no single model, and the message names the tuple."""
    bundle = bundle_of(read("a"), read("b"))
    with pytest.raises(AttributeError, match=r"2 models \(a:1, b:1\); `models` is the tuple"):
        _ = bundle.model
    assert "models=a:1, b:1" in repr(bundle)


@pytest.mark.parametrize(("one", "other"), [("a", "a"), ("a", "A")])
def test_two_models_of_one_place_are_refused(read, bundle_of, one, other):
    """The same name and version twice would lie in one folder; capital letters make no other."""
    with pytest.raises(InvalidOptionError, match="differ in name or version"):
        bundle_of(read(one), read(other, 2))


@pytest.mark.parametrize("given", [7, "model.pkl", [7], None])
def test_what_is_no_model_is_refused(given):
    """A path or a number is none, alone or in a list."""
    with pytest.raises(InvalidOptionError, match=r"expected a Model, or a list of them"):
        ScoringBundle(given, environment=HERE)


def test_several_models_need_a_script_of_ones_own(read):
    """No script is written for them, and the message says where each model lies."""
    with pytest.raises(EntryScriptError, match="2 models") as caught:
        ScoringBundle([read("a"), read("b")], environment=HERE)
    assert "AZUREML_MODEL_DIR/<name>/<version>" in caught.value.hint


def test_the_environment_is_inferred_from_all_models(read, bundle_of, tmp_path):
    """What each model was written with is in it; two versions of a library are refused."""
    import numpy as np
    from sklearn.linear_model import LinearRegression

    fitted, array = LinearRegression().fit([[0.0]], [1.0]), np.zeros(1)
    both = [read("fitted", fitted), read("array", array)]
    names = {text.split("==")[0] for text in Environment.for_models(both).requirements}
    assert {"scikit-learn", "numpy"} <= names
    path = tmp_path / "old.pkl"
    version = fitted.__getstate__()["_sklearn_version"]
    path.write_bytes(pickle.dumps(fitted).replace(version.encode(), b"9" + version.encode()[1:]))
    with pytest.raises(EnvironmentSpecError, match=r"scikit-learn .* wrote .*, and 9"):
        Environment.for_models([both[0], Model.read(path, name="old")])


def test_no_environment_is_inferred_from_no_model():
    """It is asked for instead."""
    with pytest.raises(EnvironmentSpecError, match="there is none"):
        Environment.for_models([])


def test_one_hostile_model_among_several_is_refused(read, bundle_of):
    """The finding names the model, though both files have the same name."""
    from modelship.checks import require_loadable

    with pytest.raises(CheckFailedError) as caught:
        require_loadable(bundle_of(read("good"), read("bad", Evil())), trust_model=False)
    [finding] = caught.value.findings
    assert (finding.code, finding.path) == ("MS301", "bad:1/model.pkl")


FIND = "import os\ndef init(): open({})\ndef run(raw_data): return 1\n"


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("os.path.join(os.environ['AZUREML_MODEL_DIR'], 'a', '1', 'model.pkl')", []),
        ("os.path.join(os.environ['AZUREML_MODEL_DIR'], 'model.pkl')", ["MS106"]),
        ("os.path.join(os.environ['AZUREML_MODEL_DIR'], 'a', '2', 'model.pkl')", ["MS106"]),
        ("'azureml-models/b/1/model.pkl'", []),
        ("'azureml-models/b/2/model.pkl'", ["MS106"]),
    ],
)
def test_paths_to_several_models_are_checked(read, bundle_of, path, found):
    """What leads to a model's file is fine; what only one model alone would have is found."""
    bundle = bundle_of(read("a"), read("b"), script=FIND.format(path))
    assert [each.code for each in bundle.check(trial=False) if each.code == "MS106"] == found


def test_a_script_of_several_models_asks_for_the_one_that_is_missing(read, bundle_of):
    """With one model, the folder <name>/<version> is not there; the advice says what to give."""
    path = "os.path.join(os.environ['AZUREML_MODEL_DIR'], 'b', '1', 'model.pkl')"
    bundle = bundle_of(read("a"), script=FIND.format(path))
    [finding] = [each for each in bundle.check(trial=False) if each.code == "MS106"]
    assert "each model that the script loads, 'b' among them" in finding.advice


def test_a_model_that_is_gone_is_named(read, bundle_of, tmp_path):
    """A file that was deleted after it was described is no file with another content."""
    gone = read("b")
    bundle = bundle_of(read("a"), gone)
    gone.path.unlink()
    with pytest.raises(ModelNotFoundError, match="b-1/model.pkl"):
        bundle.save(tmp_path / "bundle")


ASK = """
from azureml.core import Model
def init(): Model.get_model_path({})
def run(raw_data): ...
"""


@pytest.mark.parametrize(
    ("asked", "found"),
    [("'a'", []), ("'b', version=1", []), ("'b', 2", ["MS106"]), ("model_name='c'", ["MS106"])],
)
def test_registered_models_are_those_of_the_bundle(read, bundle_of, asked, found):
    """Model.get_model_path() of another name or version than it has is found."""
    bundle = bundle_of(read("a"), read("b"), script=ASK.format(asked))
    assert [each.code for each in bundle.check(trial=False) if each.code == "MS106"] == found


def test_the_memory_of_all_models_counts(read, bundle_of):
    """Models that fit one by one, and not together, are found."""
    big = b"x" * (3 * 2**25)
    models = [read(name, big) for name in ("a", "b")]
    bundle = bundle_of(*models, memory_gb=0.3)
    [finding] = [each for each in bundle.check(trial=False) if each.code == "MS307"]
    assert finding.problem.startswith("Its models have 0.19 GiB")
    alone = bundle_of(models[0], memory_gb=0.3)
    assert [each for each in alone.check(trial=False) if each.code == "MS307"] == []


def test_a_bundle_of_format_2_is_still_read(read, bundle_of, tmp_path):
    """Its one model lies in the folder model, and its digest is the same."""
    bundle = bundle_of(read("a", "old"))
    folder = bundle.save(tmp_path / "bundle")
    manifest = json.loads((folder / "bundle.json").read_text())
    [manifest["model"]] = manifest.pop("models")
    (folder / "bundle.json").write_text(json.dumps({**manifest, "modelship_bundle": 2}))
    (folder / "models" / "a" / "1").rename(folder / "model")
    again = ScoringBundle.load(folder)
    assert (again.digest, again.model.load()) == (bundle.digest, "old")
    again.save(folder)
    assert ScoringBundle.load(folder) == bundle


def of_the_manifest(change):
    """Return a change of a saved bundle's manifest."""

    def apply(folder):
        manifest = json.loads((folder / "bundle.json").read_text())
        change(manifest)
        (folder / "bundle.json").write_text(json.dumps(manifest))

    return apply


CHANGED = {
    "a model twice": of_the_manifest(lambda it: it["models"].append(it["models"][0])),
    "a model less": of_the_manifest(lambda it: it["models"].pop()),
    "names exchanged": of_the_manifest(lambda it: it["models"][0].update(name="b")),
    "another order": of_the_manifest(lambda it: it["models"].reverse()),
    "a model of format 2 beside": of_the_manifest(lambda it: it.update(model=it["models"][0])),
    "format 2 with several": of_the_manifest(lambda it: it.update(modelship_bundle=2)),
    "a name that leads out": of_the_manifest(lambda it: it["models"][1].update(name="../a")),
    "models of a mapping": of_the_manifest(lambda it: it.update(models={})),
    "too many models": of_the_manifest(lambda it: it.update(models=it["models"] * 5000)),
    "a link": lambda folder: (
        (folder / "models" / "a").rename(folder / "elsewhere"),
        (folder / "models" / "a").symlink_to(folder / "elsewhere"),
    ),
}


@pytest.mark.parametrize("case", CHANGED)
def test_a_changed_bundle_of_several_models_is_refused(read, bundle_of, tmp_path, case):
    """Whatever was changed in it, load() raises BundleFormatError and nothing else."""
    folder = bundle_of(read("a"), read("b")).save(tmp_path / "bundle")
    CHANGED[case](folder)
    with pytest.raises(BundleFormatError):
        ScoringBundle.load(folder)
