"""Environments that are inferred from a model."""

import pickle
import sys

import pytest

from modelship.bundle.environment import Environment
from modelship.bundle.lock import lock
from modelship.errors import EnvironmentSpecError, ResolutionError
from modelship.sources import Model

sklearn = pytest.importorskip("sklearn")


def dump(path, model):
    """Write `model` with joblib and read it as a Model."""
    import joblib

    joblib.dump(model, path)
    return Model.read(path)


@pytest.fixture
def classifier():
    """A fitted classifier."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression().fit([[0.0], [1.0]], [0, 1])


def test_the_library_that_wrote_a_model_is_pinned(tmp_path, classifier):
    """What wrote the model is a fact, and the rest is left open."""
    environment = Environment.for_model(dump(tmp_path / "m.joblib", classifier))
    assert environment.python == f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert f"scikit-learn=={sklearn.__version__}" in environment.requirements
    assert {"joblib", "numpy"} < {*environment.requirements}


def test_a_model_of_an_old_library_says_who_wrote_it(tmp_path, classifier, monkeypatch):
    """The release that wrote the tutorial's model has no wheel for any Python of today."""
    monkeypatch.setattr("sklearn.base.__version__", "0.22.1")
    environment = Environment.for_model(dump(tmp_path / "m.pkl", classifier))
    assert "numpy<2" in environment.requirements
    with pytest.raises(ResolutionError) as caught:
        lock(environment)
    assert "(written by scikit-learn 0.22.1): scikit-learn 0.22.1 has no" in caught.value.message
    assert "newer release of scikit-learn" in caught.value.hint


def test_a_package_of_unknown_name_is_not_guessed(tmp_path):
    """Nobody vouches that the package of that name on PyPI is the one that was meant."""
    path = tmp_path / "m.pkl"
    path.write_bytes(pickle.dumps(Shell()).replace(b"builtins", b"myown_pk"))
    with pytest.raises(EnvironmentSpecError, match="'myown_pk'") as caught:
        Environment.for_model(Model.read(path))
    assert "environment=" in caught.value.hint


class Shell:
    """Pickled as a call of ``builtins.list``."""

    def __reduce__(self):
        return list, ()


def test_a_model_of_files_needs_nothing_but_the_server(tmp_path):
    """A folder tells nothing of what reads it."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "weights.bin").write_bytes(b"1")
    environment = Environment.for_model(Model.read(folder))
    assert environment.requirements == ("azureml-inference-server-http>=1.5",)
