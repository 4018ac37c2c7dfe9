"""A remedy is given where it can be true, and another one where it cannot."""

from __future__ import annotations

import pytest

from modelship.diagnosis import Surroundings, explain_exception

CHANGED = "numpy.dtype size changed, may indicate binary incompatibility."
LOADING = "  model = joblib.load(path)"
FOR_3_11 = Surroundings(python=(3, 11), wrote={"scikit-learn": "0.22.1"})
FOR_3_8 = Surroundings(python=(3, 8), wrote={"scikit-learn": "0.22.1"})


def around(*files, **known):
    """Return what is known of a bundle with these files, the first of which is the script."""
    source = dict.fromkeys(files or ("score.py",), b"")
    return Surroundings(
        entry_script=next(iter(source)), source=source, **{"python": (3, 11), **known}
    )


def remedy_for(module, bundle, line=""):
    message = f"No module named '{module}'"
    return explain_exception(
        "ModuleNotFoundError",
        message,
        phase="import",
        evidence=(line or f"  import {module}",),
        around=bundle,
    ).remedy


@pytest.mark.parametrize(
    ("module", "bundle", "begins"),
    [
        ("yaml", around(), "List pyyaml in the environment."),
        ("pkg_resources", around(), "List setuptools<81 in the environment"),
        ("src", around(), "If src is your own file or folder, put it next to the script"),
        ("src.tools", around("score.py", "tools.py"), "Write import tools (it is tools.py), or"),
        ("src.code", around("score.py", "code.py"), "Pass the parent folder, which contains src,"),
        ("tools", around("a/score.py", "lib/tools.py"), "Only the root of the source folder is"),
        ("helper", around("code/score.py", "code/helper.py"), "Only the root"),
        ("tools", around(beside={"tools"}), "tools is next to the script: pass the folder"),
        (
            "ourlib",
            around(projects={"ourlib"}),
            "ourlib is your own project, which is not on a package index",
        ),
        ("tools.x", around("score.py", "tools/y.py"), "Add tools/x.py to the source directory"),
        ("distutils", around(python=(3, 12)), "Python 3.12 and newer have no distutils: list"),
        ("imp", around(python=(3, 12)), "Python 3.12 and newer have no imp: remove the import"),
        ("ConfigParser", around(), "ConfigParser is a module of Python 2: in Python 3"),
        ("winreg", around(), "Remove the import: Python has winreg only on Windows."),
        ("_lzma", around(), "_lzma is a module of the standard library, but Python 3.11 lacks it"),
        ("sentry_sdk", around(), "If sentry_sdk is your own file or folder"),
    ],
)
def test_a_missing_module_is_looked_for_where_it_can_be(module, bundle, begins):
    """In the bundle, next to the script, in Python itself; a package is named only if known."""
    assert remedy_for(module, bundle).startswith(begins)


@pytest.mark.parametrize("module", ["src", "utils", "winreg", "__builtin__", "sentry_sdk"])
def test_no_package_is_named_that_nobody_knows(module):
    """An index has packages of most names, by strangers."""
    remedy = remedy_for(module, around())
    assert f"List {module}" not in remedy
    assert "-main-" not in remedy


def test_a_folder_named_like_a_module_of_python_is_not_to_be_imported_from():
    """Python's own module would be found instead."""
    bundle = around("code/score.py", "code/helper.py")
    assert remedy_for("helper", bundle) == (
        "Only the root of the source folder is searched: pass the folder code itself as "
        "source_directory."
    )


@pytest.mark.parametrize(
    ("bundle", "remedy"),
    [
        (FOR_3_8, "Pin scikit-learn==0.22.1, which wrote the model, or train the model again"),
        (FOR_3_11, "Require Python 3.8 and scikit-learn==0.22.1 in the environment"),
        (
            Surroundings(python=(3, 11), wrote={"scikit-learn": "0.21.3"}),
            "Train the model again with scikit-learn as it is installed: scikit-learn 0.21.3 has",
        ),
        (
            Surroundings(python=(3, 9), wrote={"scikit-learn": "1.9.1"}),
            "Require Python 3.11 and scikit-learn==1.9.1",
        ),
        (
            Surroundings(python=(3, 11), wrote={"scikit-learn": "1.4.dev0"}),
            (
                "Train the model again with scikit-learn as it is installed: scikit-learn 1.4.dev0 "
                "is not on a package index"
            ),
        ),
        (Surroundings(), "Pin in the environment the version of scikit-learn that wrote the model"),
    ],
)
def test_a_version_is_pinned_where_it_has_a_wheel(bundle, remedy):
    """Else a Python that has one is advised, or another training."""
    found = explain_exception(
        "ModuleNotFoundError",
        "No module named 'sklearn.linear_model.logistic'",
        phase="init",
        evidence=(LOADING,),
        around=bundle,
    )
    assert (found.code, found.remedy[: len(remedy)]) == ("MS201", remedy)


@pytest.mark.parametrize(
    ("path", "line", "bundle", "begins"),
    [
        ("labels.txt", "open('labels.txt')", around(), "Put labels.txt next to the script"),
        ("labels.txt", "open('labels.txt')", around("score.py", "data/labels.txt"),
         "Write os.path.join(os.path.dirname(__file__), 'data/labels.txt')."),
        ("/logs/a.txt", "open('/logs/a.txt', 'w')", around(), "Write below tempfile"),
        ("java", "subprocess.run(['java'])", around(), "Use a base image that has java"),
        ("modell.pkl", LOADING, around(model_files=("model.pkl",)),
         "Write os.path.join(os.environ['AZUREML_MODEL_DIR'], 'model.pkl')."),
        ("scaler.pkl", LOADING, around(model_files=("weights.pkl",)),
         ("Write os.path.join(os.environ['AZUREML_MODEL_DIR'], 'weights.pkl'), or create the "
         "bundle")),
        ("labels.json", "json.load(open('labels.json'))", around(), "Put labels.json next to"),
        ("/app/azureml-models/m/1/model.pkl", LOADING, Surroundings(), "Give the name of a file"),
    ],
)  # fmt: skip
def test_a_missing_file_is_one_of_several_kinds(path, line, bundle, begins):
    """To write, of the bundle, a program, a slip of the pen, or left at home."""
    message = f"[Errno 2] No such file or directory: '{path}'"
    found = explain_exception(
        "FileNotFoundError", message, phase="init", evidence=(line,), around=bundle
    )
    assert found.remedy.startswith(begins)


@pytest.mark.parametrize(
    ("key", "bundle", "code", "remedy"),
    [
        (r"\x0c", around(is_whole=True, model_format="joblib", packages_of_model={"joblib"}),
         "MS502", "Write joblib.load(path)"),
        (r"\x0c", around(), "MS305", "If joblib.dump wrote it, write joblib.load(path); else"),
        ("x", around(), "MS502", "Write joblib.load(path), which unpacks it."),
        (r"\x08", around(), "MS502", "Load it with onnxruntime.InferenceSession."),
        ("v", around(), "MS305", "Get the file itself (git lfs pull)"),
        ("Q", around(), "MS305", "If joblib.dump wrote it"),
    ],
)  # fmt: skip
def test_a_file_that_is_read_in_the_wrong_way_is_not_damaged(key, bundle, code, remedy):
    """Another copy would be the same file."""
    found = explain_exception(
        "UnpicklingError",
        f"invalid load key, '{key}'.",
        phase="init",
        evidence=("  model = pickle.load(file)",),
        around=bundle,
    )
    assert (found.code, found.remedy[: len(remedy)]) == (code, remedy)


@pytest.mark.parametrize(
    ("message", "begins"),
    [
        (f"{CHANGED} Expected 96 from C header, got 88 from PyObject", "Request a newer numpy"),
        (f"{CHANGED} Expected 88 from C header, got 96 from PyObject", "Pin numpy<2"),
        ("module compiled against ABI version 0x10 but this version of numpy is 0xf",
         "Request a newer numpy"),
        ("A module that was compiled using NumPy 1.x cannot be run in NumPy 2.1", "Pin numpy<2"),
    ],
)  # fmt: skip
def test_the_older_of_two_packages_is_replaced(message, begins):
    """The message tells which numpy the package was built for."""
    found = explain_exception("ValueError", message, phase="import")
    assert (found.code, found.remedy[: len(begins)]) == ("MS201", begins)


@pytest.mark.parametrize(
    ("message", "library", "code", "remedy"),
    [
        ("module 'numpy' has no attribute 'float'", "", "MS201", "pin numpy<1.24"),
        ("module 'numpy' has no attribute 'float'", "shap", "MS201", "a newer version of shap"),
        ("partially initialized module 'numpy' has no attribute 'array'", "", "MS116",
         "Rename numpy.py."),
        ("'DataFrame' object has no attribute 'append'", "pandas", "MS201", "pandas.concat"),
        ("'list' object has no attribute 'shape'", "sklearn", "MS503",
         "the content of the request"),
        ("'LogisticRegression' object has no attribute 'multi_class'", "sklearn", "MS201",
         "the version of scikit-learn"),
    ],
)  # fmt: skip
def test_an_attribute_is_missing_for_a_reason(message, library, code, remedy):
    """Of a library, of a file that hides one, of a table, or of a model of another version."""
    found = explain_exception(
        "AttributeError", message, phase="run", where="score.py:4", library=library
    )
    assert found.code == code
    assert remedy in found.remedy


def test_a_numpy_without_a_wheel_is_not_pinned():
    """Python 3.12 has no numpy that has np.float."""
    message = "module 'numpy' has no attribute 'float'"
    found = explain_exception(
        "AttributeError", message, phase="run", around=Surroundings(python=(3, 12))
    )
    assert "pin" not in found.remedy


def test_a_library_that_python_cannot_read_is_not_to_be_corrected():
    """Its line is none of the script."""
    found = explain_exception(
        "SyntaxError", "invalid syntax", phase="import", library="pandas", around=around()
    )
    assert (found.code, "Pin another version of pandas" in found.remedy) == ("MS201", True)


@pytest.mark.parametrize(
    ("packages", "remedy"),
    [
        ({"dill", "sklearn"}, "Write dill.load(file) in init()"),
        ({"sklearn"}, "Train and save the model again in Python 3."),
        (set(), "If dill saved it, load it with dill.load(file); else"),
    ],
)
def test_a_name_of_python_2_in_a_model_is_of_dill_or_of_python_2(packages, remedy):
    """What the model file names tells which."""
    found = explain_exception(
        "ModuleNotFoundError",
        "No module named '__builtin__'",
        phase="init",
        evidence=(LOADING,),
        around=around(packages_of_model=packages),
    )
    assert found.remedy.startswith(remedy)


@pytest.mark.parametrize(
    ("message", "bundle", "line", "code"),
    [
        ("No module named 'pathlib._local'; 'pathlib' is not a package", around(), LOADING,
         "MS206"),
        ("No module named 'os.foo'; 'os' is not a package", around(), "  import os.foo", "MS104"),
        ("No module named 'yaml.x'; 'yaml' is not a package", around("score.py", "yaml.py"),
         "  import yaml.x", "MS116"),
        ("No module named 'tools.x'; 'tools' is not a package", around("score.py", "tools.py"),
         "  import tools.x", "MS104"),
    ],
)  # fmt: skip
def test_a_file_hides_a_package_only_if_it_is_there(message, bundle, line, code):
    """What Python, a library or the bundle has as one file is no package in each of them."""
    found = explain_exception(
        "ModuleNotFoundError", message, phase="init", evidence=(line,), around=bundle
    )
    assert found.code == code


def test_nothing_is_pinned_for_a_folder_of_ones_own():
    """Python calls the place of a folder without __init__.py an unknown location."""
    message = "cannot import name 'x' from 'tools' (unknown location)"
    found = explain_exception("ImportError", message, phase="import", around=around())
    assert found.remedy == "Add tools/x.py to the source directory, or correct the name."


def test_a_relative_import_is_written_without_its_dot():
    """The server loads the script as a module of its own."""
    message = "attempted relative import with no known parent package"
    line = "  from .tools import up"
    found = explain_exception("ImportError", message, phase="import", evidence=(line,))
    assert (found.code, found.remedy) == (
        "MS104",
        "Write the import without the dot: from tools import up.",
    )


@pytest.mark.parametrize(
    ("bundle", "code", "remedy"),
    [
        (
            around("code/score.py", "code/helper.py"),
            "MS116",
            "Write import helper, and pass the folder code itself as source_directory.",
        ),
        (around("score.py", "code.py"), "MS116", "Rename code.py."),
        (around("score.py"), "MS104", "Correct the line."),
    ],
)
def test_a_module_of_python_is_never_pinned(bundle, code, remedy):
    """What the bundle has of that name tells what was meant."""
    message = "cannot import name 'helper' from 'code' (/usr/lib/python3.11/code.py)"
    found = explain_exception("ImportError", message, phase="import", around=bundle)
    assert (found.code, found.remedy) == (code, remedy)
