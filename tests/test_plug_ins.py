"""What the authors of plug-ins import is one module, and the plug-ins in the documents work."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import pytest

from modelship import DeployTarget, ModelSource, plugin
from modelship.testing import SourceContract, TargetContract

PAGE = Path(__file__).parents[1] / "docs" / "how-to" / "plug-ins.md"
BLOCK = re.compile(r"^```python\n# (\w+\.py)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ENTRY_POINTS = re.compile(
    r'^\[project\.entry-points\."([\w.]+)"\]\n(\w+) = "([\w:]+)"$', re.MULTILINE
)
ALLOWED = {"modelship.plugin", "modelship.testing"}


def test_all_that_plugin_holds_is_promised():
    """modelship.plugin holds the names of its __all__ and no other, and each says what it is."""
    names = {name for name in vars(plugin) if name.isidentifier() and not name.startswith("_")}
    assert names == set(plugin.__all__)
    assert plugin.__all__ == sorted(plugin.__all__)
    assert [name for name in names if not getattr(plugin, name).__doc__] == []


def test_the_document_says_what_each_name_is_for():
    """The table in the document has the names of modelship.plugin and no other."""
    table = PAGE.read_text().partition("## Contents of `modelship.plugin`")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    assert sorted(re.findall(r"`(\w+)`", " ".join(rows))) == plugin.__all__


@pytest.mark.parametrize("name", [name for name, _ in BLOCK.findall(PAGE.read_text())])
def test_a_plug_in_imports_nothing_else(name):
    """The files in the document import from modelship what is promised, and are short."""
    text = dict(BLOCK.findall(PAGE.read_text()))[name]
    imported = set(re.findall(r"^\s*(?:from|import) (modelship[\w.]*)", text, re.MULTILINE))
    assert imported <= ALLOWED
    assert len(text.splitlines()) <= 75


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Install the files of the document as a distribution with its entry points."""
    folder = tmp_path_factory.mktemp("plug-ins")
    text = PAGE.read_text()
    for name, content in BLOCK.findall(text):
        (folder / name).write_text(content)
    described = folder / "plug_ins-1.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: plug-ins\nVersion: 1\n")
    lines = [f"[{group}]\n{name} = {value}\n" for group, name, value in ENTRY_POINTS.findall(text)]
    (described / "entry_points.txt").write_text("".join(lines))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        importlib.invalidate_caches()
        yield folder
    for name, _ in BLOCK.findall(text):
        sys.modules.pop(name.removesuffix(".py"), None)


class _Written:
    """Has what the class of this name in the document says."""

    module: str

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def written(cls, installed):
        found = getattr(importlib.import_module(cls.module), cls.__name__)
        for name, value in vars(found).items():
            if not name.startswith("__"):
                setattr(cls, name, value)


class TestSharedDrive(_Written, SourceContract):
    module = "test_shared_drive"


class TestPlain(_Written, TargetContract):
    module = "test_plain"
    serving = {"server": "modelship"}  # noqa: RUF012 - never changed
    slow_timeout_s = 2.5
    # The target process keeps these in the gate.
    long_clauses = ("t10", "t14", "t16", "t18", "t20", "t23", "t24", "t26", "t33", "t34", "t36")

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def home(cls, written, shared_home):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("MODELSHIP_HOME", str(shared_home))
            yield shared_home

    @pytest.fixture(scope="class")
    @classmethod
    def lock(cls, bare_lock):
        return bare_lock


def test_they_are_found_by_their_entry_points(installed):
    """A plug-in is named as it is registered."""
    assert "plain" in DeployTarget.available()
    assert repr(ModelSource.open("drive:none.pkl")) == "SharedDrive('drive:/none.pkl')"
