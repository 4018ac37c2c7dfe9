"""The rules about the model: each is met by a file that breaks it, and by none that does not."""

from __future__ import annotations

import pickle
import sys
import zlib

import joblib
import pytest
import sklearn
from sklearn.linear_model import LogisticRegression

from modelship.bundle.lock import Lock
from modelship.bundle.scoring_script import SourceFile
from modelship.checks.model_rules import model_findings, size_findings
from modelship.findings import Severity
from modelship.sources import Model

HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"
COMMON = f"scikit-learn=={sklearn.__version__}\njoblib==1.4.2\nnumpy==2.2.0\nscipy==1.15.0\n"
NO_LIMIT = 2**63


def _lock(text: str = COMMON, *, python: str = HERE) -> Lock:
    return Lock(python, text)


def _pickle(*names: str, version: str = "") -> bytes:
    """Return a pickle that names classes, as scikit-learn of a version would write it."""
    parted = (name.rpartition(".") for name in names)
    body = "".join(f"c{module}\n{qualname}\n0" for module, _, qualname in parted).encode()
    state = pickle.dumps({"_sklearn_version": version}, 2)[2:-1]
    return b"\x80\x03" + body + b"N" + (state + b"b" if version else b"") + b"."


def _found(folder, content: bytes, *, name="model.pkl", lock=None, source=(), memory=NO_LIMIT):
    (folder / name).write_bytes(content)
    model = Model.read(folder / name)
    found = model_findings(model, path=name, source=source, lock=lock)
    return [*found, *size_findings([model], memory_bytes=memory)]


def _codes(found) -> list[str]:
    return [each.code for each in found]


def test_an_honest_model_has_no_findings(tmp_path):
    """A model of the locked versions, with the memory that it needs, is left in peace."""
    joblib.dump(LogisticRegression().fit([[0.0], [1.0]], [0, 1]), tmp_path / "model.joblib")
    model = Model.read(tmp_path / "model.joblib")
    found = model_findings(model, path="model.joblib", source=(), lock=_lock())
    assert [*found, *size_findings([model], memory_bytes=2**30)] == []


def test_each_dangerous_name_is_an_error(tmp_path):
    """Every call that is not known to be safe has a finding of its own."""
    found = _found(tmp_path, _pickle("os.system", "builtins.eval"), lock=_lock())
    assert _codes(found) == ["MS301", "MS301"]
    assert "builtins.eval" in found[0].problem
    assert "os.system" in found[1].problem
    assert found[0].path == "model.pkl"


def test_thousands_of_dangers_are_summed_up(tmp_path):
    """A file that names very many dangerous things has a list that can be read."""
    found = _found(tmp_path, _pickle(*(f"os.x{number}" for number in range(500))))
    assert len(found) == 21
    assert "480 more" in found[-1].problem


def test_the_file_of_a_folder_is_named(tmp_path):
    """In a folder, a dangerous name is told with the file that has it."""
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "good.pkl").write_bytes(_pickle())
    (folder / "bad.pkl").write_bytes(_pickle("os.system"))
    found = list(model_findings(Model.read(folder), path="models", source=(), lock=None))
    assert [(each.code, each.path) for each in found] == [("MS301", "models/bad.pkl")]


def test_unknown_names_share_one_warning(tmp_path):
    """What is of no common library is named once, with the first few names."""
    names = [f"pkg_resources.X{number}" for number in range(9)]
    [found] = _found(tmp_path, _pickle(*names), lock=_lock(COMMON + "setuptools==75.0\n"))
    assert (found.code, found.severity) == ("MS302", Severity.WARNING)
    assert "pkg_resources.X0" in found.problem
    assert "and 4 more" in found.problem


def test_a_model_that_is_not_read_to_its_end_is_an_error(tmp_path):
    """Where more may be hidden, nobody knows what loading the model runs."""
    [found] = _found(tmp_path, _pickle() + b"more", lock=_lock())
    assert (found.code, found.severity) == ("MS308", Severity.ERROR)
    assert "fully inspected" in found.problem


def test_classes_of_main_are_told_where_to_go(tmp_path):
    """A class of the program that saved the model is to move to a module."""
    [found] = _found(tmp_path, _pickle("__main__.Line", "__main__.Point"), lock=_lock())
    assert (found.code, found.severity) == ("MS303", Severity.ERROR)
    assert "Line, Point" in found.problem
    assert "parts.py" in found.advice


@pytest.mark.parametrize(
    ("script", "severity"),
    [
        ("import __main__\n__main__.Line = 1\n", Severity.WARNING),
        ("sys.modules['__main__'].Line = 1\n", Severity.WARNING),
        ("if __name__ == '__main__':\n    run('')\n", Severity.ERROR),
    ],
)
def test_a_class_that_the_script_may_bring_to_main_is_left_to_the_trial(tmp_path, script, severity):
    """What a script does with ``__main__`` is not read, but its usual guard is known."""
    source = [SourceFile("score.py", script.encode())]
    [found] = _found(tmp_path, _pickle("__main__.Line"), lock=_lock(), source=source)
    assert (found.code, found.severity) == ("MS303", severity)


def test_of_several_files_the_script_may_load_one_alone(tmp_path):
    """What one of two pickles needs is left to the trial; of a single one it is an error."""
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "MLmodel").write_text("flavors: {}")
    (folder / "state.pkl").write_bytes(_pickle("__main__.Trainer"))
    [found] = model_findings(Model.read(folder), path="models", source=(), lock=None)
    assert found.blocks
    (folder / "model.pkl").write_bytes(_pickle())
    [found] = model_findings(Model.read(folder), path="models", source=(), lock=None)
    assert not found.blocks


def test_a_module_that_nobody_provides(tmp_path, monkeypatch):
    """A custom module is an error, since no package can provide it."""
    (tmp_path / "churn_parts.py").write_text("class Scaler: pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    [found] = _found(tmp_path, _pickle("churn_parts.Scaler"), lock=_lock())
    assert (found.code, found.severity) == ("MS304", Severity.ERROR)
    assert "churn_parts" in found.problem


def test_a_module_of_any_package_is_a_warning(tmp_path):
    """A module that is not known may come with a package of another name."""
    [found] = _found(tmp_path, _pickle("strange_parts.Scaler"), lock=_lock())
    assert (found.code, found.severity) == ("MS304", Severity.WARNING)


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        ({"churn.py": "class Scaler: pass"}, ""),
        ({"churn.py": "from deep import *"}, ""),
        ({"churn.py": "import pandas"}, "churn.py does not define Scaler"),
        ({"churn/__init__.py": "Scaler = 1"}, ""),
        ({"churn/__init__.py": ""}, "churn/__init__.py does not define Scaler"),
        ({"lib/churn.py": "class Scaler: pass"}, "the module churn"),
        ({"lib/churn/__init__.py": "class Scaler: pass"}, "the module churn"),
    ],
)
def test_modules_beside_the_script(tmp_path, paths, said):
    """What the bundle brings is found where the server looks, and nowhere else."""
    source = [SourceFile(path, content.encode()) for path, content in paths.items()]
    found = _found(tmp_path, _pickle("churn.Scaler"), lock=_lock(), source=source)
    assert _codes(found) == (["MS304"] if said else [])
    if said:
        assert said in found[0].problem
        assert found[0].severity is Severity.ERROR
    if "lib" in "".join(paths):
        assert "the folder lib itself" in found[0].advice


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("churn.parts.deep.Scaler", "there is no churn/parts/deep.py"),
        ("churn.parts.lines.Line", ""),
        ("churn.parts.lines.Line.Inner", ""),
        ("churn.parts.lines.Circle", "churn/parts/lines.py does not define Circle"),
    ],
)
def test_modules_within_a_package(tmp_path, name, said):
    """Each part of a dotted name is looked for, a package without __init__.py included."""
    source = [SourceFile("churn/parts/lines.py", b"class Line: pass")]
    content = b"\x80\x04" + b"".join(
        b"\x8c" + bytes([len(part)]) + part.encode()
        for part in (name.partition(".Line")[0], "Line" + name.partition(".Line")[2])
    ) + b"\x93."  # fmt: skip
    content = content if ".Line" in name else _pickle(name)
    found = _found(tmp_path, content, lock=_lock(), source=source)
    assert [said in each.problem for each in found] == ([True] if said else [])


def test_a_library_that_the_lock_lacks(tmp_path):
    """A library that is known by name is to be listed in the environment."""
    [found] = _found(tmp_path, _pickle("lightgbm.basic.Booster"), lock=_lock())
    assert found.code == "MS208"
    assert found.advice == "List lightgbm in the environment."
    name = "_loss.CyHalfBinomialLoss"  # which is scikit-learn's, of 1.5 to 1.8
    assert _found(tmp_path, _pickle(name), lock=_lock()) == []


@pytest.mark.parametrize(
    ("wrote", "loads", "name", "severity"),
    [
        ("1.5.2", "1.5.0", "tree._tree.Tree", None),
        ("1.5.2", "1.6.0", "tree._tree.Tree", "warning"),
        ("1.2.2", "1.3.0", "tree._tree.Tree", "error"),
        ("1.3.0", "1.2.2", "tree._tree.Tree", "error"),
        ("1.2.2", "1.3.0", "linear_model._base.LinearRegression", "warning"),
        ("1.7.2", "1.8.0", "impute._base.SimpleImputer", "error"),
        ("1.8.0", "1.7.2", "impute._base.SimpleImputer", "warning"),
        ("1.6.1", "1.7.2", "compose._column_transformer._RemainderColsList", "error"),
        ("1.8.0", "1.7.2", "linear_model._logistic.LogisticRegression", "warning"),
        ("1.3.2", "1.4.2", "ensemble._gb.GradientBoostingClassifier", "error"),
    ],
)
def test_releases_of_scikit_learn(tmp_path, wrote, loads, name, severity):
    """Another minor release is a warning, and a break that is known an error."""
    lock = _lock(f"scikit-learn=={loads}\nnumpy==1.26.4\n")
    found = _found(tmp_path, _pickle(f"sklearn.{name}", version=wrote), lock=lock)
    assert [(each.code, str(each.severity)) for each in found] == (
        [("MS201", severity)] if severity else []
    )
    if severity:
        assert f"scikit-learn=={wrote}" in found[0].advice


@pytest.mark.parametrize(
    ("name", "locked", "bad"),
    [
        ("sklearn.linear_model.logistic.LogisticRegression", "scikit-learn==0.24.0", True),
        ("sklearn.linear_model.logistic.LogisticRegression", "scikit-learn==0.23.2", False),
        ("sklearn.feature_extraction.text.TfidfVectorizer", "scikit-learn==1.5.0", False),
        ("sklearn.gaussian_process.kernels.RBF", "scikit-learn==1.5.0", False),
        ("sklearn.externals.joblib.numpy_pickle.NumpyArrayWrapper", "scikit-learn==0.23.0", True),
        ("numpy._core.multiarray.scalar", "numpy==1.25.2", True),
        ("numpy._core.multiarray.scalar", "numpy==1.26.4", False),
        ("numpy._core.numeric._frombuffer", "numpy==1.26.4", True),
        ("numpy.random._mt19937.MT19937", "numpy==1.26.4", True),
        ("numpy.random._mt19937.MT19937", "numpy==2.0.0", False),
        ("scipy.sparse._csr.csr_matrix", "scipy==1.7.3", True),
    ],
)
def test_names_that_a_release_does_not_have(tmp_path, name, locked, bad):
    """Modules that moved tell which release wrote the file, though it says no version."""
    found = _found(tmp_path, _pickle(name), lock=_lock(locked))
    assert [(each.code, each.blocks) for each in found] == ([("MS201", True)] if bad else [])


@pytest.mark.parametrize(
    ("locked", "codes"),
    [("1.17.0", ["MS201", "MS201"]), ("1.18.0", []), ("not a version", [])],
)
def test_onnx_operators_and_the_runtime(tmp_path, locked, codes):
    """A network that is newer than the runtime is an error, of its operators or its format."""
    content = b"\x08\x0a\x3a\x00\x42\x02\x10\x15"  # IR version 10, operators 21
    lock = _lock(f"onnxruntime=={locked}\n")
    found = _found(tmp_path, content, name="net.onnx", lock=lock)
    assert _codes(found) == codes
    assert all("onnxruntime>=1.18" in each.advice for each in found)


@pytest.mark.parametrize(
    ("name", "python", "bad"),
    [
        ("pathlib._local.PosixPath", "3.12", True),
        ("pathlib._local.PosixPath", "3.13", False),
        ("imp.X", "3.12", True),
        ("xdrlib.Packer", "3.13", True),
        ("xdrlib.Packer", "3.11", False),
        ("datetime.date", "3.10", False),
    ],
)
def test_what_python_itself_does_not_have(tmp_path, name, python, bad):
    """Modules that came or went with a Python are looked for in the one that is locked."""
    found = _found(tmp_path, _pickle(name), lock=_lock(python=python))
    assert [each.code for each in found if each.code == "MS206"] == (["MS206"] if bad else [])
    assert all(python in each.problem for each in found if each.code == "MS206")


def test_compiled_functions_are_a_warning(tmp_path):
    """Bytecode loads on the Python that compiled it, which the file does not tell."""
    content = _pickle("cloudpickle.cloudpickle._make_function")
    found = _found(tmp_path, content, lock=_lock(COMMON + "cloudpickle==3.0\n"))
    assert [(each.code, each.blocks) for each in found] == [("MS206", False)]


@pytest.mark.parametrize(("memory", "severity"), [(2000, None), (1500, "warning"), (900, "error")])
@pytest.mark.parametrize("packed", [False, True])
def test_memory_that_the_model_needs(tmp_path, memory, severity, packed):
    """A model that fills half the memory is a warning, one that exceeds it an error."""
    content = b"\x80\x04B" + (980).to_bytes(4, "little") + bytes(980) + b"."
    content = zlib.compress(content) if packed else content
    found = _found(tmp_path, content, lock=_lock(), memory=memory)
    assert [(each.code, str(each.severity)) for each in found] == (
        [("MS307", severity)] if severity else []
    )
    assert all("memory_gb=0.1" in each.advice for each in found)


def test_without_a_lock_the_environment_is_not_judged(tmp_path):
    """What the target's own environment has is not known, so nothing is said of it."""
    names = ["lightgbm.basic.Booster", "numpy._core.multiarray.scalar", "imp.X"]
    assert _codes(_found(tmp_path, _pickle(*names))) == ["MS301"]  # imp imports what it is told to
