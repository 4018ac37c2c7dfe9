"""Submodules that Azure ML's server has loaded are there for a script, and imported when asked."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from modelship.server import offered_submodules

CODE = Path(offered_submodules.__file__)
ASK = """
import json, runpy, sys
sys.prefix, code, before, asked = sys.argv[1:]
sys.path.insert(0, sys.prefix)
runpy.run_path(code)["offer_submodules"]()
exec(before)
import lazy, plain
def failed(package):
    try:
        package.other
    except AttributeError as error:
        return error
at_start = [each for each in sys.modules if each.startswith(("lazy.", "plain."))]
print(json.dumps([at_start, eval(asked)]))
"""
LAZY = """
def __getattr__(name):
    if name == "own":
        return "its own"
    raise AttributeError(name)
"""


@pytest.fixture
def ask(tmp_path):
    """Return a function that evaluates an expression where some submodules are offered."""
    for package, text in {"plain": "", "lazy": LAZY}.items():
        for path in (f"{package}/__init__.py", f"{package}/loaded.py", f"{package}/other.py"):
            (tmp_path / path).parent.mkdir(exist_ok=True)
            (tmp_path / path).write_text(text if "__init__" in path else "")
    record = "plain\nplain.loaded\nplain.gone\nlazy\nlazy.loaded\nxml.etree\nabsent.loaded"
    (tmp_path / offered_submodules.RECORD).write_text(record)

    def asked(expression, before=""):
        command = [sys.executable, "-S", "-c", ASK, tmp_path, CODE, before, expression]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        at_start, found = json.loads(done.stdout)
        assert at_start == []
        return found

    return asked


@pytest.mark.parametrize("package", ["plain", "lazy"])
def test_only_what_the_server_has_loaded_is_there(ask, package):
    """A package that finds attributes by itself still does."""
    names = ["loaded", "other", "gone", "own"]
    found = ask(f"[hasattr({package}, each) for each in {names}]")
    assert found == [True, False, False, package == "lazy"]


def test_the_error_of_a_missing_one_is_that_of_python(ask):
    """A script, and a diagnosis of its failure, see no difference."""
    told = ask("str(failed(plain))")
    assert told == "module 'plain' has no attribute 'other'"


def test_a_package_has_its_own_loader(ask):
    """What reads the source or the files of a package works as without."""
    asked = "[type(plain.__loader__).__name__, plain.__spec__.loader is plain.__loader__]"
    assert ask(asked) == ["SourceFileLoader", True]


@pytest.mark.parametrize("package", ["plain", "lazy"])
@pytest.mark.parametrize(
    "before", ["importlib.util.find_spec('{0}')", "import {0}; importlib.reload({0})"]
)
def test_what_is_looked_for_or_reloaded_is_still_extended(ask, package, before):
    """Many scripts ask whether a package is installed before they import it."""
    look = f"import importlib.util; {before.format(package)}"
    assert ask(f"hasattr({package}, 'loaded')", look)


def test_other_finders_are_asked_as_without(ask):
    """Those that a script has put before, once, and those of an old kind."""
    look = """
seen = []
class First:
    def find_spec(self, name, *_):
        seen.append(name)
class Old:
    def find_module(self, name, path=None):
        return None
sys.meta_path.insert(0, First())
"""
    assert ask("[seen.count('plain'), hasattr(plain, 'loaded')]", look) == [1, True]
    look += "sys.meta_path.insert(2, Old())"
    assert ask("[seen.count('plain'), plain.__name__]", look) == [1, "plain"]


def test_a_package_of_the_bundle_is_its_own(ask, tmp_path_factory):
    """Nothing of a bundle runs because an installed package has its name."""
    (folder := tmp_path_factory.mktemp("bundle") / "plain").mkdir()
    for name in ("__init__", "loaded"):
        (folder / f"{name}.py").touch()
    look = f"sys.path.insert(0, {str(folder.parent)!r})"
    assert not ask("hasattr(plain, 'loaded')", look)


def test_without_a_record_nothing_is_offered(ask, tmp_path):
    """An environment that could not be written has none."""
    (tmp_path / offered_submodules.RECORD).unlink()
    assert not ask("hasattr(plain, 'loaded')")
