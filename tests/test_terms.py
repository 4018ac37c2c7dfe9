"""The words and names that docs/contributing/terms.md replaces do not come back."""

import functools
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/contributing/terms.md"
ROW = re.compile(r"^\| [^|]+ \| `?([^|`]+)`? \| (\d+) \|$", re.MULTILINE)
DATA = ("tests/corpus/", "tests/cases/")


def limits(section):
    """Return how often each entry of a table of the page may still occur."""
    table = PAGE.read_text().partition(f"## {section}\n")[2].partition("\n## ")[0]
    return {entry: int(left) for entry, left in ROW.findall(table)}


@functools.cache
def written():
    """Return everything that is written here, in one string, with each run of spaces as one."""
    files = [
        *(
            file
            for folder in ("src", "tests", "benchmarks")
            for file in (ROOT / folder).rglob("*.py")
        ),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "benchmarks").glob("*.md"),
        *(ROOT / "examples").rglob("*.md"),
        *ROOT.glob("*.md"),
    ]
    kept = (each for each in files if each not in {PAGE, Path(__file__)})
    texts = (
        each.read_text(encoding="utf-8")
        for each in kept
        if not str(each.relative_to(ROOT)).startswith((*DATA, "CHANGELOG"))
    )
    return " ".join("\n".join(texts).replace("# ", "").split())  # also what a line break parts


@functools.cache
def defined():
    """Return the names of all modules, classes and functions of the package."""
    modules = sorted((ROOT / "src").rglob("*.py"))
    names = [each.stem for each in modules]
    for each in modules:
        names += re.findall(r"^\s*(?:async )?(?:def|class) (\w+)", each.read_text(), re.MULTILINE)
    return names


@pytest.mark.parametrize(("words", "left"), limits("Words").items())
def test_a_replaced_word_is_written_no_more_often(words, left):
    """It occurs at most as often as the page says."""
    if (found := written().count(words)) > left:  # perhaps as a part of longer words
        found = len(re.findall(rf"\b{re.escape(words)}\b", written()))
    assert found <= left, f"write what {PAGE.name} has in place of it"


@pytest.mark.parametrize(("name", "left"), limits("Names").items())
def test_a_replaced_name_is_given_no_more_often(name, left):
    """At most as many modules, classes and functions have it as the page says."""
    assert defined().count(name) <= left, f"give it the name that {PAGE.name} has in place of it"
