"""The benchmarks, which only the long run starts, keep up with the code."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"
FILES = sorted(FOLDER.rglob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda each: str(each.relative_to(FOLDER)))
def test_imports_what_is_there(file):
    """Each name that a benchmark imports from modelship exists."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            for each in node.names:
                if each.name.partition(".")[0] == "modelship":
                    importlib.import_module(each.name)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("modelship"):
            module = importlib.import_module(node.module)
            for each in node.names:
                if not hasattr(module, each.name):
                    importlib.import_module(f"{node.module}.{each.name}")
