"""Whatever a model's file and a sample's key are called, a written script runs none of it."""

import ast
from dataclasses import replace

import joblib
import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from modelship.bundle.generated import generate_source, holds_no_more, is_generated
from modelship.sources import Model
from modelship.tables import Column, Outputs, Schema

HOSTILE = [
    'a""";print("PWNED");"""b',
    'a"""\nprint("PWNED")\n"""b',
    "a'b\\",
    '\\"""+x',
    "a{x}%s",
    "\u202egnp",
    "\udcff",
    "model",
]
TABLE = Schema("table", (Column("age", "number"),))
ROWS = Schema("array", width=1)


def _scripts(path, key, schema):
    name, files = generate_source([Model.read(path)], schema=schema, key=key)
    return next(file.content for file in files if file.path == name)


def _docstrings_and_calls(script):
    tree = ast.parse(script)
    calls = [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return ast.get_docstring(tree), calls


@pytest.mark.parametrize("schema", [ROWS, TABLE], ids=["rows", "table"])
@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_is_no_code(tmp_path, name, schema):
    """The model is loaded from the file of that name, and nothing else is called."""
    path = tmp_path / f"{name}.pkl"
    joblib.dump(LinearRegression().fit([[0.0], [1.0]], [0, 1]), path)
    script = _scripts(path, name, schema)
    docstring, calls = _docstrings_and_calls(script)
    assert "print" not in calls
    assert "PWNED" not in docstring
    assert is_generated(script)
    literals = [each.value for each in ast.walk(ast.parse(script)) if type(each) is ast.Constant]
    assert {f"{name}.pkl", name} <= set(literals)


@pytest.mark.parametrize("name", [name for name in HOSTILE if name.isprintable()])
def test_a_key_of_parts_and_a_label_are_literals(tmp_path, name):
    """What a file holds the model under, and its classes, are only looked up."""
    path = tmp_path / "m.pkl"
    fitted = LogisticRegression().fit([[0.0], [1.0]], [name, "z"])
    joblib.dump({name: fitted}, path)
    _, calls = _docstrings_and_calls(_scripts(path, "data", ROWS))
    assert "print" not in calls


@pytest.mark.parametrize("name", HOSTILE)
def test_a_native_file_and_its_labels_are_literals(tmp_path, name):
    """The names of a LightGBM file's classes go into the call that loads it."""
    lightgbm = pytest.importorskip("lightgbm")
    X = np.arange(100.0).reshape(-1, 1)
    fitted = lightgbm.LGBMClassifier(n_estimators=1, verbose=-1).fit(X, X[:, 0] > 50)
    fitted.booster_.save_model(tmp_path / "m.txt")
    path = (tmp_path / "m.txt").rename(tmp_path / f"{name}.txt")
    outputs = Outputs("classification", labels=((name, "z"),), probabilities=True)
    script = _scripts(path, name, replace(ROWS, outputs=outputs))
    _, calls = _docstrings_and_calls(script)
    assert "print" not in calls


@pytest.mark.parametrize(
    "text", ['"""a""";print();"""b"""', "print()", "x = 1", '"""a"""\nx = 1', "import", ""]
)
def test_a_script_with_more_in_it_is_none_of_ours(text):
    """A statement that no template has does not pass."""
    assert not holds_no_more(text)
