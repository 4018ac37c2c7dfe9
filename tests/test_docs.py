"""The documents speak of the code that is there."""

import re
from pathlib import Path

import modelship

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_every_public_name_has_its_place_in_the_reference():
    """docs/reference/python.md has a heading for each public class."""
    headings = set(
        re.findall(r"^## (\w+)$", (ROOT / "docs/reference/python.md").read_text(), re.MULTILINE)
    )
    assert headings == set(modelship.__all__) - {"__version__", "ModelshipError"}


def test_no_link_between_documents_is_dead():
    """Each relative link leads to a file."""
    for document in DOCUMENTS:
        for link in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text()):
            if not link.startswith("http"):
                assert (document.parent / link).is_file(), (document, link)


def test_every_core_dependency_says_why_it_is_there():
    """docs/explanation/dependencies.md has a row for each dependency of the wheel."""
    from importlib.metadata import requires

    names = {re.match(r"[\w.-]+", text).group().lower() for text in requires("modelship-ml")}
    page = (ROOT / "docs/explanation/dependencies.md").read_text().lower()
    rows = {
        name
        for row in re.findall(r"^\| ([\w, .-]+) \|", page, re.MULTILINE)
        for name in row.split(", ")
    }
    assert names - {"modelship-ml"} <= rows
