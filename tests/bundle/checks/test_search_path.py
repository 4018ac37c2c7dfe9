"""What a script imports from folders that it puts on the path, or takes for packages."""

import pickle

import pytest

from modelship.bundle import Environment, Lock, ScoringBundle
from modelship.sources import Model

LOCK = Lock(python="3.11", text="azureml-inference-server-http==1.5.1\n")
HERE = Environment("3.11", ())
FUNCTIONS = "def init(): ...\ndef run(raw_data): return 1\n"


@pytest.fixture
def found(tmp_path):
    """Return what checks a script with files beside it: the code and advice of each finding."""

    def check(script, *files, model=None):
        source = tmp_path / "svc"
        for path, text in {
            **dict.fromkeys(files, "class Prep: ...\n"),
            "score.py": script + FUNCTIONS,
        }.items():
            (source / path).parent.mkdir(parents=True, exist_ok=True)
            (source / path).write_text(text)
        (tmp_path / "model.pkl").write_bytes(model or pickle.dumps(1))
        parts = {"entry_script": "score.py", "source_directory": source, "environment": HERE}
        bundle = ScoringBundle(Model.read(tmp_path / "model.pkl"), **parts).with_lock(LOCK)
        said = bundle.check(trial=False)
        return [(each.code, each.advice) for each in said if each.code in {"MS104", "MS304"}]

    return check


ADDED = {
    "by __file__": "sys.path.append(os.path.join(os.path.dirname(__file__), 'lib'))",
    "at the front": "sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)) + '/lib')",
    "by the current folder": "sys.path.append(os.path.join(os.getcwd(), 'lib'))",
    "by pathlib": "sys.path.append(str(pathlib.Path(__file__).parent / 'lib'))",
    "by a name": "here = os.path.dirname(__file__)\nsys.path.append(os.path.join(here, 'lib'))",
    "in a way that only running tells": "for each in glob.glob('*'): sys.path.append(each)",
}


@pytest.mark.parametrize("way", ADDED)
def test_a_folder_on_the_path_is_searched(found, way):
    """The script's imports, and the modules that the model needs, may lie there."""
    script = f"import glob, os, pathlib, sys\n{ADDED[way]}\nimport helper\n"
    of_the_model = b"\x80\x02cprep_lib\nPrep\nq\x00."
    files = ("lib/helper.py", "lib/prep_lib.py")
    assert found(script, *files, model=of_the_model) == []


def test_a_folder_that_is_not_on_the_path_is_not(found):
    """Another one is added, so what is imported is not found."""
    script = "import sys\nsys.path.append('other')\nimport helper\n"
    [(code, advice)] = found(script, "lib/helper.py", "other/x.py")
    assert (code, "write from lib import helper" in advice) == ("MS104", True)


def test_no_import_is_advised_that_finds_a_module_of_python(found):
    """A folder named like one of Python's own is never found first."""
    [(_, advice)] = found("import helper\n", "code/helper.py")
    assert "from code" not in advice
    assert "pass the folder code itself as source_directory" in advice


@pytest.mark.parametrize(
    ("line", "better"),
    [
        ("from src.tools import up", "Write from tools import up,"),
        ("from src import tools", "Write import tools,"),
        ("import src.tools", "Write import tools,"),
    ],
)
def test_the_folder_that_was_given_is_no_package(found, line, better):
    """What lies in its root is imported without its name, and no package is to be listed."""
    [(code, advice)] = found(f"{line}\n", "tools.py")
    assert (code, advice) == (
        "MS104",
        f"{better} or pass the parent folder, which contains src, as source_directory.",
    )


def test_a_known_package_with_a_part_of_that_name_is_listed(found):
    """Of torch.utils, it is torch that is missing, whatever files are next to the script."""
    [(_, advice)] = found("from torch.utils import data\n", "utils.py")
    assert advice == "List torch in the environment."
