"""Reading, judging and writing scoring scripts."""

import ast
import pickle
import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from modelship.bundle.generated import generate_source
from modelship.bundle.scoring_script import check_script, read_source
from modelship.errors import EntryScriptError
from modelship.sources import Model
from modelship.tables import Schema

GOOD = "def init(): ...\ndef run(raw_data): return raw_data\n"


def write(folder, text, name="score.py"):
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("def run(raw_data): ...", "does not define init()"),
        ("def init(): ...", "does not define run()"),
        ("def init():\n    return (\n\ndef run(x): ...", "syntax error"),
        ("def init(): ...\nclass run_: ...", "does not define run()"),
        ("x = " + "-" * 100_000 + "1", "nested too deeply"),
    ],
)
def test_a_script_that_breaks_the_contract_is_refused(tmp_path, text, problem):
    """What the server would refuse minutes later is refused when the bundle is made."""
    with pytest.raises(EntryScriptError, match="score.py") as caught:
        read_source(write(tmp_path, text))
    assert problem in str(caught.value)


def test_a_syntax_error_names_its_line(tmp_path):
    """The error points at the line, as the compiler does."""
    with pytest.raises(EntryScriptError) as caught:
        read_source(write(tmp_path, "def init(): ...\ndef run(x):\n    return x +\n"))
    assert caught.value.line == 3
    assert "score.py:3" in str(caught.value)


@pytest.mark.parametrize("name", ["score.txt", "-score.py", "my score.py", ".score.py", "a'b.py"])
def test_a_script_that_no_server_loads_by_its_name_is_refused(tmp_path, name):
    """It ends in .py, begins with no dash, and has nothing in it that a shell takes apart."""
    with pytest.raises(EntryScriptError, match="dash|letters, digits"):
        read_source(write(tmp_path, GOOD, name))


@pytest.mark.parametrize("name", ["my-score.py", "1score.py", "score.v2.py", "class.py"])
def test_a_script_need_not_be_named_as_a_module(tmp_path, name):
    """Servers load it by its path, with any name that ends in .py."""
    assert read_source(write(tmp_path, GOOD, name))[0] == name


def test_a_missing_script_is_named(tmp_path):
    """The path that was given stands in the error."""
    with pytest.raises(EntryScriptError, match="no such file"):
        read_source(tmp_path / "absent.py")


@pytest.mark.parametrize(
    "text",
    [
        "from other import init, run",
        "from other import *",
        "import other\ninit = other.start\nrun: object = other.run",
        "try:\n    from a import init, run\nexcept ImportError:\n    from b import init, run",
        "if True:\n    def init(): ...\n    async def run(x): ...",
        "with open('x'):\n    def init(): ...\ndef run(x): ...",
        "def init(): ...\ndef make():\n    global run\n    def run(x): ...\nmake()",
        "def init(): ...\nglobals()['run'] = print",
    ],
)
def test_every_way_to_bind_the_two_names_counts(text):
    """Init and run may be imported, assigned or defined in a branch."""
    check_script(text.encode(), shown="score.py")


def test_a_source_folder_goes_along_without_its_litter(tmp_path):
    """Modules next to the script belong to it, caches do not."""
    write(tmp_path, GOOD)
    (tmp_path / "lib").mkdir()
    write(tmp_path / "lib", "x = 1", "part.py")
    (tmp_path / "__pycache__").mkdir()
    write(tmp_path / "__pycache__", "", "score.cpython-311.pyc")
    script, files = read_source("score.py", source_directory=tmp_path)
    assert script == "score.py"
    assert [file.path for file in files] == ["lib/part.py", "score.py"]


def test_the_written_script_is_plain_python_that_names_the_model(tmp_path):
    """The generated script parses, keeps the contract, and loads the model's own file."""
    path = tmp_path / "we'ird.pkl"
    path.write_bytes(pickle.dumps(LogisticRegression()))
    script, files = generate_source([Model.read(path, name="weird")], schema=Schema("array"))
    [file] = [each for each in files if each.path == script]
    check_script(file.content, shown=script)
    strings = {
        node.value for node in ast.walk(ast.parse(file.content)) if isinstance(node, ast.Constant)
    }
    assert "we'ird.pkl" in strings


def test_no_script_is_written_for_a_folder_of_files(tmp_path):
    """A model that joblib cannot load needs a script of its user's."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights.bin").write_bytes(b"1")
    with pytest.raises(EntryScriptError, match="folder"):
        generate_source([Model.read(tmp_path / "model")], schema=Schema("array"))


@pytest.mark.parametrize(
    "path",
    [
        "azureml-models/small/1/model.pkl",
        "azureml-models",
        "azureml_inference_server_http/__main__.py",
        "modelship_server.py",
    ],
)
def test_a_source_that_hides_what_targets_lay_out_is_refused(tmp_path, path):
    """The model and the server are those of the bundle, on every target."""
    (tmp_path / "score.py").write_text(GOOD)
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text("")
    with pytest.raises(EntryScriptError, match=re.escape(path)):
        read_source("score.py", source_directory=tmp_path)


@pytest.mark.parametrize(
    "path",
    ["swagger.json", "sitecustomize.py", "score/__init__.py", "numpy.py", "gunicorn.conf.py"],
)
def test_what_harms_only_its_author_is_taken(tmp_path, path):
    """A module that hides another one runs with the rights of the script, which has them all."""
    (tmp_path / "score.py").write_text(GOOD)
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text("")
    _, files = read_source("score.py", source_directory=tmp_path)
    assert path in [file.path for file in files]


@pytest.mark.parametrize("script", ["../score.py", "/score.py", "--config=x.py"])
def test_a_script_outside_of_its_folder_is_refused(tmp_path, script):
    """The script that runs is one of the files that go along."""
    folder = tmp_path / "source"
    folder.mkdir()
    for path in (tmp_path / "score.py", folder / "score.py", folder / "--config=x.py"):
        path.write_text(GOOD)
    with pytest.raises(EntryScriptError):
        read_source(script, source_directory=folder)


def test_a_very_deep_source_folder_is_refused(tmp_path):
    """However deep its folders go, it is an error of ours, and no RecursionError."""
    (tmp_path / "score.py").write_text(GOOD)
    (tmp_path / "/".join("d" * 200)).mkdir(parents=True)
    with pytest.raises(EntryScriptError, match="deep"):
        read_source("score.py", source_directory=tmp_path)


@pytest.mark.parametrize("target", ["loop", "../source", "gone"])
def test_a_link_to_itself_or_nowhere_is_refused(tmp_path, target):
    """A looping link is told like one that leads nowhere."""
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "score.py").write_text(GOOD)
    (folder / "loop").symlink_to(target)
    with pytest.raises(EntryScriptError, match="link leads to a folder or nowhere"):
        read_source("score.py", source_directory=folder)


@given(source=st.binary() | st.text().map(str.encode), marked=st.booleans())
def test_any_bytes_are_a_script_or_an_error_of_ours(source, marked):
    """Whatever a script holds, judging it raises EntryScriptError or nothing."""
    with suppress(EntryScriptError):
        check_script(b"# coding: rot13\n" * marked + source, shown="score.py")
