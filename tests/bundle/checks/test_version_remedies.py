"""What is advised on versions can be installed, and two rules do not advise opposite things."""

from __future__ import annotations

import pickle
from dataclasses import replace

import pytest

from modelship import Environment
from modelship.bundle.environment import SERVER
from modelship.bundle.lock import Lock
from modelship.bundle.scoring_script import SourceFile
from modelship.checks.environment_rules import environment_findings
from modelship.checks.model_rules import model_findings
from modelship.checks.parsing import parse
from modelship.checks.subject import Subject
from modelship.known_wheels import has_wheel, nearest_python
from modelship.sources import Model

LINEAR = "sklearn.linear_model._logistic.LogisticRegression"


def write(folder, *names, version=""):
    """Write a pickle that names classes, as scikit-learn of a version would."""
    parted = (name.rpartition(".") for name in names or (LINEAR,))
    body = "".join(f"c{module}\n{name}\n0" for module, _, name in parted).encode()
    state = pickle.dumps({"_sklearn_version": version}, 2)[2:-1]
    content = b"\x80\x03" + body + b"N" + (state + b"b" if version else b"") + b"."
    (folder / "model.pkl").write_bytes(content)
    return Model.read(folder / "model.pkl")


def advice(model, locked, *, python="3.11"):
    found = model_findings(model, path="model.pkl", source=(), lock=Lock(python, f"{locked}\n"))
    return [each.advice for each in found if each.code == "MS201"]


def subject(model, *requirements, locked, inferred=False):
    environment = Environment("3.11", requirements)
    return Subject(
        models=(model,),
        environment=replace(environment, inferred=inferred),
        lock=Lock("3.11", f"{locked}\n{SERVER}==1.5.1\n"),
    )


@pytest.mark.parametrize(
    ("wrote", "python", "begins"),
    [
        ("1.5.2", "3.11", "Pin scikit-learn==1.5.2, which wrote the model, or train the model"),
        ("0.22.1", "3.11", "Require Python 3.8 and scikit-learn==0.22.1 in the environment ("),
        ("0.22.1", "3.8", "Pin scikit-learn==0.22.1, which wrote"),
        ("0.21.3", "3.11", "Train the model again with scikit-learn 1.6.1: scikit-learn 0.21.3"),
        ("1.8.0", "3.9", "Require Python 3.11 and scikit-learn==1.8.0"),
        (
            "1.7.dev0",
            "3.11",
            "Train the model again with scikit-learn 1.6.1: scikit-learn 1.7.dev0 is not on",
        ),
    ],
)
def test_the_version_that_wrote_a_model_is_pinned_if_it_can_be(tmp_path, wrote, python, begins):
    """Else a Python is named that has a wheel of it, or another training."""
    [told] = advice(write(tmp_path, version=wrote), "scikit-learn==1.6.1", python=python)
    assert told.startswith(begins)


@pytest.mark.parametrize(
    ("python", "told"),
    [
        ("3.11", "Require numpy>=2.0 in the environment."),
        ("3.8", "Require Python 3.9 and numpy>=2.0 in the environment: there is no wheel"),
    ],
)  # fmt: skip
def test_a_newer_numpy_is_asked_for_where_there_is_one(tmp_path, python, told):
    """NumPy 2 has no wheel for Python 3.8."""
    model = write(tmp_path, "numpy._core.multiarray._reconstruct")
    [found] = advice(model, "numpy==1.24.4", python=python)
    assert found.startswith(told)


@pytest.mark.parametrize(
    ("version", "python", "there", "nearest"),
    [
        ("0.22.1", (3, 8), True, "3.8"),
        ("0.22.1", (3, 9), False, "3.8"),
        ("1.1.2", (3, 11), False, "3.10"),
        ("1.1.3", (3, 11), True, "3.11"),
        ("0.21.3", (3, 8), False, ""),
        ("1.9.1", (3, 10), False, "3.11"),
        ("2.0", (3, 16), True, "3.16"),
        ("no version", (3, 8), True, "3.8"),
    ],
)
def test_which_wheels_there_are(version, python, there, nearest):
    """What is not known counts as there: the resolver then says what it finds."""
    assert has_wheel("scikit-learn", version, python=python) is there
    assert nearest_python("scikit-learn", version, python=python) == nearest


@pytest.mark.parametrize(
    ("wrote", "locked", "told"),
    [
        ("1.9.1", "1.9.1", None),
        ("1.9.0", "1.9.1", "Pin it in the environment: scikit-learn==1.9.0."),
        ("1.6.1", "1.9.1", None),
    ],
)
def test_a_pin_is_advised_where_another_version_may_come(tmp_path, wrote, locked, told):
    """Not where the lock has the version that wrote the model, nor where MS201 says another."""
    bundle = subject(
        write(tmp_path, version=wrote), "scikit-learn", locked=f"scikit-learn=={locked}"
    )
    found = [each.advice for each in environment_findings(bundle)]
    assert found == ([told] if told else [])


@pytest.mark.parametrize("inferred", [True, False])
def test_an_environment_that_was_inferred_is_not_warned_of(tmp_path, inferred):
    """Nobody wrote a requirement that could be pinned."""
    model = write(tmp_path, "lightgbm.sklearn.LGBMClassifier")
    bundle = subject(model, "lightgbm", locked="lightgbm==4.6.0", inferred=inferred)
    found = [each.advice for each in environment_findings(bundle)]
    assert found == ([] if inferred else ["Pin it in the environment: lightgbm==4.6.0."])


@pytest.mark.parametrize(
    ("name", "python", "told"),
    [
        ("distutils.version.LooseVersion", "3.12", "Require Python 3.11 in the environment."),
        ("pathlib._local.PosixPath", "3.11", "Require Python 3.13 in the environment."),
        ("tomllib.load", "3.10", "Require Python 3.11 in the environment."),
    ],
)
def test_the_python_that_has_a_module_is_named(tmp_path, name, python, told):
    """One that lost it, and one that did not have it yet."""
    lock = Lock(python, "scikit-learn==1.6.1\n")
    found = model_findings(write(tmp_path, name), path="model.pkl", source=(), lock=lock)
    assert [each.advice for each in found if each.code == "MS206"] == [told]


@pytest.mark.parametrize(
    ("text", "advice"),
    [("match x:\n    case 1: pass\n", "Require a newer Python"), ("def (:\n", "Correct the line.")],
)
def test_a_newer_python_is_asked_for_where_it_reads_the_script(text, advice):
    """A line that no Python reads is to be corrected."""
    found = parse(SourceFile("score.py", text.encode()), python=(3, 8))
    assert (found.code, found.advice[: len(advice)]) == ("MS101", advice)


def test_a_script_that_is_too_large_to_read_is_left_to_the_trial():
    """It may hold data, and Python reads it all the same."""
    found = parse(SourceFile("data.py", b"x = 1\n" * 400_000), python=(3, 11))
    assert (found.code, found.blocks) == ("MS112", False)
