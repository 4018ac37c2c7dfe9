"""The page about the architecture says what the code says."""

import ast
import importlib.util
import re
import statistics
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/explanation/architecture.md"
WAY = PAGE.read_text().partition("## Data flow\n")[2].partition("\n## ")[0]
ROWS = re.findall(r"^\| `([\w/]+\.py)` \| (.*?) \|", WAY, re.MULTILINE)


@pytest.fixture(scope="module")
def packages():
    """Return the module that draws the packages."""
    spec = importlib.util.spec_from_file_location("packages", ROOT / "docs/_site/packages.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def defined_in(file):
    """Return the names of the functions and classes of a file, methods with their class."""
    body = ast.parse(file.read_text(encoding="utf-8")).body
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    top = [each for each in body if isinstance(each, kinds)]
    methods = {
        f"{each.name}.{it.name}" for each in top for it in each.body if isinstance(it, kinds)
    }
    return {each.name for each in top} | methods


def test_the_packages_are_drawn_from_the_code(packages):
    """The picture and the table are those that docs/_site/packages.py makes of the imports."""
    picture, page = packages.drawn()
    run = "run: python docs/_site/packages.py"
    assert packages.PICTURE.read_text(encoding="utf-8") == picture, run
    assert PAGE.read_text(encoding="utf-8") == page, run


@pytest.mark.parametrize(("file", "names"), ROWS, ids=[file for file, _ in ROWS])
def test_what_is_on_the_way_of_the_data_is_there(file, names):
    """Each file exists, and defines each function, class and method that stands beside it."""
    place = ROOT / "src/modelship" / file
    assert place.is_file()
    assert set(re.findall(r"`([\w.]+)`", names)) <= defined_in(place)


BESIDE = ["Score files"]


def test_each_part_of_the_way_fits_on_a_screen():
    """There is one for each step, of at most 24 lines."""
    steps = re.split(r"^### ", WAY, flags=re.MULTILINE)[1:]
    titles = [each.partition("\n")[0] for each in steps]
    assert titles == [
        "Fetch",
        "Evaluate",
        "Bundle",
        "Release",
        "Deploy",
        "Request",
        "Answer",
        *BESIDE,
    ]
    assert all(len(each.splitlines()) <= 24 for each in steps)


# What plug-ins import, and what pytest does.
_PUBLIC_NAMES = {"plugin.py"}


def test_each_module_has_a_name_of_its_own():
    """A name in a traceback, an import or a tab of an editor means one file."""
    files = (ROOT / "src").rglob("*.py")
    counted = Counter(each.name for each in files if not each.name.startswith("__"))
    assert {name for name, count in counted.items() if count > 1} == _PUBLIC_NAMES


def functions_in(statements):
    """Yield the functions in a list of statements, those inside others too."""
    for each in statements:
        if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield each
        for part in ("body", "handlers", "orelse", "finalbody"):
            yield from functions_in(getattr(each, part, ()))


def body_lines(function):
    """Return how many lines the body of a function has, without its docstring."""
    said = ast.get_docstring(function, clean=False) is not None
    body = function.body[1:] if said else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def test_no_module_is_longer_than_300_lines():
    """A longer one holds two things; modules of data or generated ones would be named here."""
    files = (ROOT / "src").rglob("*.py")
    counted = {str(each.relative_to(ROOT)): len(each.read_bytes().splitlines()) for each in files}
    assert {name: count for name, count in counted.items() if count > 300} == {}


def test_functions_are_short():
    """Half of them have at most 7 lines, and nine of ten at most 17."""
    modules = (ast.parse(each.read_bytes()) for each in (ROOT / "src").rglob("*.py"))
    lines = [body_lines(each) for module in modules for each in functions_in(module.body)]
    assert statistics.median(lines) <= 7
    assert statistics.quantiles(lines, n=10)[-1] <= 17
