"""What is advised of imports before anything runs: what lies where, and whose a module is."""

import pickle

import pytest

from modelship.bundle import Environment, Lock, ScoringBundle
from modelship.checks import provided
from modelship.sources import Model

LEFT_AT_HOME = (
    "Write the import without the dot (from tools import x), and pass the folder of both as "
    "source_directory."
)
FUNCTIONS = "def init(): ...\ndef run(raw_data): return 1\n"


@pytest.fixture
def advice(tmp_path):
    """Return what is advised of the imports of a script, with files beside it."""

    def check(script, *files, entry="score.py", whole=True, python="3.11"):
        source = tmp_path / "svc"
        for path, text in {**dict.fromkeys(files, "x = 1\n"), entry: script + FUNCTIONS}.items():
            (source / path).parent.mkdir(parents=True, exist_ok=True)
            (source / path).write_text(text)
        (tmp_path / "model.pkl").write_bytes(pickle.dumps(1))
        bundle = ScoringBundle(
            Model.read(tmp_path / "model.pkl"),
            entry_script=entry if whole else source / entry,
            source_directory=source if whole else None,
            environment=Environment(python, ()),
        )
        lock = Lock(python=python, text="azureml-inference-server-http==1.5.1\n")
        bundle = bundle.with_lock(lock)
        bundle.save(tmp_path / "saved")
        said = ScoringBundle.load(tmp_path / "saved").check(trial=False)
        return [each.advice for each in said if each.code == "MS104"]

    return check


@pytest.mark.parametrize(
    ("script", "begins"),
    [
        ("import yaml\n", "List pyyaml in the environment."),
        ("import src.features\n", "If src is your own file or folder, put it next to the script"),
        ("import our_features\n", "If our_features is your own file or folder"),
        ("from azure.storage.blob import X\n", "List azure-storage-blob in the environment."),
        ("import ConfigParser\n", "ConfigParser is a module of Python 2: in Python 3 it is config"),
    ],
)
def test_a_package_is_listed_only_if_it_is_known(advice, script, begins):
    """An index has packages of most names, by strangers."""
    [told] = advice(script)
    assert told.startswith(begins)


def test_what_python_has_no_more_is_of_an_older_python(advice):
    """No package of that name is meant."""
    [told] = advice("import imp\n", python="3.12")
    assert "request Python 3.11 in the environment" in told


@pytest.mark.parametrize(("script", "file"), [("import tools\n", "tools.py"),
                                              ("from prep.a import b\n", "prep/a.py")])  # fmt: skip
def test_a_module_beside_the_script_that_was_left_there_is_named(advice, script, file):
    """source_directory takes it along; the saved bundle still knows that it was there."""
    [told] = advice(script, file, whole=False)
    name = file.partition("/")[0].removesuffix(".py")
    assert told == f"{name} is next to the script: pass the folder of both as source_directory."


def test_what_the_script_does_not_import_is_not_left_behind(advice, tmp_path):
    """A folder may hold anything."""
    advice("import json\n", "tools.py", "json.py", whole=False)
    assert ScoringBundle.load(tmp_path / "saved").left_beside == ()


@pytest.mark.parametrize("files", [{"top_level.txt": "ourlib\n"}, {}], ids=["declared", "listed"])
def test_a_project_that_is_installed_here_is_in_no_index(advice, tmp_path, monkeypatch, files):
    """What pip installed from a folder or a repository is the user's own."""
    listed = "ourlib/__init__.py,sha256=a,1\nour_lib-1.dist-info/RECORD,,\n../../bin/our,,\n"
    about = tmp_path / "installed" / "our_lib-1.dist-info"
    about.mkdir(parents=True)
    found = {"METADATA": "Name: our-lib\nVersion: 1\n", "direct_url.json": "{}", "RECORD": listed}
    for name, text in {**found, **files}.items():
        (about / name).write_text(text)
    monkeypatch.syspath_prepend(about.parent)
    provided.projects_here.cache_clear()
    assert provided.projects_here() - {"modelship"} == {"ourlib"}
    [told] = advice("import ourlib\n")
    provided.projects_here.cache_clear()
    assert told.startswith("ourlib is your own project, which is not on a package index")


@pytest.mark.parametrize(
    ("entry", "script", "files", "told"),
    [
        ("score.py", "from .tools import x\n", ("tools.py",),
         "Write the import without the dot: from tools import x."),
        ("svc/score.py", "from .tools import x\n", ("svc/tools.py",),
         "Write the import without the dot: from svc.tools import x."),
        ("svc/score.py", "from ..tools import x\n", ("tools.py",),
         "Write the import without the dot: from tools import x."),
        ("code/score.py", "from .tools import x\n", ("code/tools.py",),
         "Write from tools import x, and pass the folder code itself as source_directory."),
        ("code/score.py", "from . import tools\n", ("code/tools.py",),
         "Write import tools, and pass the folder code itself as source_directory."),
        ("score.py", "from .tools import x\n", (),
         LEFT_AT_HOME),
    ],
)  # fmt: skip
def test_a_relative_import_is_written_from_the_root(advice, entry, script, files, told):
    """Not by the name of a folder that Python has a module of."""
    assert advice(script, *files, entry=entry) == [told]
