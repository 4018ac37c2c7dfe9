"""Find calls that read a file, and the argument that names it."""

from __future__ import annotations

import ast
import posixpath
import re
from typing import Final

from modelship.checks.parsing import called, last_name, text_of

__all__ = ["may_be_a_name", "read_by", "reads_by_name"]

# Calls that read the file named by their first argument.
_READERS: Final = frozenset(
    (
        *("open", "io.open", "joblib.load", "load", "load_model", "InferenceSession", "Booster"),
        *("loadtxt", "genfromtxt", "fromfile", "read_csv", "read_json", "read_parquet"),
        *("read_excel", "read_pickle", "read_table", "read_feather", "load_dataset"),
    )
)
_READING_METHODS: Final = frozenset({"read_text", "read_bytes", "open"})
_SCHEME: Final = re.compile(r"[A-Za-z][\w+.-]+:/")
# Calls that read the path passed to them, judging by their name.
_READING: Final = re.compile(r"load|open|read|from_|session|booster", re.IGNORECASE)
# Calls that may take a name instead of a path, except those of these modules.
_LOADING_NAMES: Final = frozenset({"load", "load_model", "load_dataset"})
_LOADING_PATHS: Final = frozenset({"joblib", "np", "numpy", "torch", "pickle"})


def read_by(node: ast.Call) -> ast.expr | None:
    """Return the path of the file that a call reads, or None if it reads none."""
    name = called(node)
    if (
        isinstance(node.func, ast.Attribute)
        and node.func.attr in _READING_METHODS
        and (name.rpartition(".")[0] not in {"io", "os", "gzip", "bz2", "lzma", "zipfile"})
    ):
        return node.func.value if _reads(node.args[:1]) else None
    if name.rpartition(".")[2] not in {each.rpartition(".")[2] for each in _READERS}:
        return None
    if not node.args or not _reads(node.args[1:2]):
        return None
    return None if _SCHEME.match(text_of(node.args[0])) else node.args[0]


def _reads(mode: list[ast.expr]) -> bool:
    return not any(letter in text_of(each) for each in mode for letter in "wax+")


def may_be_a_name(node: ast.AST) -> bool:
    """Return whether a call may load by a name that is not a path, such as a package's."""
    read = read_by(node) if isinstance(node, ast.Call) else None
    text = text_of(read)
    if not text or posixpath.splitext(text)[1] or "/" in text.partition(":")[0]:
        return False
    by, _, name = called(node).rpartition(".")
    return name in _LOADING_NAMES and by not in _LOADING_PATHS


def reads_by_name(node: ast.Call) -> bool:
    """Return whether the name of a call implies that it reads the path passed to it."""
    return _READING.search(last_name(node.func)) is not None
