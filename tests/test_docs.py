"""The documents speak of the code that is there."""

import re
from pathlib import Path

import modelship

ROOT = Path(__file__).parents[1]
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


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


def test_every_change_has_a_kind_that_the_changelog_shows():
    """Each fragment is of a type in pyproject.toml: towncrier skips any other."""
    text = (ROOT / "pyproject.toml").read_text().partition("[tool.towncrier]")[2]
    kinds = set(re.findall(r'directory = "(\w+)", name', text))
    fragments = {each.name for each in (ROOT / "changelog.d").glob("*.md")}
    named = re.compile(rf"(\d+|\+[\w-]+)\.({'|'.join(kinds)})\.md")
    assert [name for name in fragments if not named.fullmatch(name)] == []


def test_a_decision_fits_on_a_page():
    """Each page of docs/decisions is on the list, has the three parts, and at most 40 lines."""
    folder = ROOT / "docs/decisions"
    listed = set(re.findall(r"\]\(([\w-]+\.md)\)", (folder / "index.md").read_text()))
    for page in set(folder.glob("*.md")) - {folder / "index.md"}:
        parts = re.findall(r"^## (\w+)$", page.read_text(), re.MULTILINE)
        assert parts == ["Context", "Decision", "Consequences"], page
        assert page.name in listed
        assert len(page.read_text().splitlines()) <= 40, page


def test_every_file_that_contributors_are_shown_exists():
    """CONTRIBUTING.md and the decisions name files of this repository."""
    for page in (ROOT / "CONTRIBUTING.md", *(ROOT / "docs/decisions").glob("*.md")):
        for name in re.findall(r"`((?:src|tests|docs)/[\w./-]+)`", page.read_text()):
            assert (ROOT / name).exists(), (page.name, name)


def test_the_figures_of_the_readme_are_those_of_the_benchmark():
    """The CPU per request that it compares stands in the page about the server's speed."""
    row = re.search(r"^\| CPU per request.*$", (ROOT / "README.md").read_text(), re.MULTILINE)[0]
    page = (ROOT / "docs/explanation/serving-speed.md").read_text()
    found = re.findall(r" ([\d.]+) ms \|", row)
    assert len(found) == 4
    assert all(re.search(rf"\| {re.escape(each)}[ (|]", page) for each in found)
