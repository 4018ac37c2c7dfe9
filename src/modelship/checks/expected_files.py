"""Find the calls that read and write files, and the files that a script handles as missing."""

from __future__ import annotations

import ast
import posixpath
import re
from typing import TYPE_CHECKING, Final

from modelship.checks.parsing import (
    argument,
    called,
    caught_by,
    dotted,
    last_name,
    suppresses,
    targets_of,
    text_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelship.checks.parsing import Script
    from modelship.checks.script_paths import Place, Places

__all__ = ["Expected", "may_be_a_name", "read_by", "reads_by_name", "writes_files"]

_NOT_THERE: Final = frozenset(
    {"OSError", "FileNotFoundError", "IOError", "Exception", "BaseException"}
)
_EXISTS: Final = frozenset({"exists", "isfile", "isdir", "is_file", "is_dir", "access", "stat"})
# Calls that write files which others read, or change what paths resolve to.
_WRITING: Final = re.compile(
    r"(.*\.)?(extract|extractall|unpack_archive|urlretrieve|\w*download\w*|copy2|copyfile|copytree"
    r"|symlink(_to)?|makedirs|mkdir|write_text|write_bytes|to_(csv|parquet|pickle|json|feather)"
    r"|savez?(_\w+)?|chdir|Popen|check_call|check_output|_?dump)"
    r"|(shutil|os)\.\w*(copy|move|rename|replace|link|system)\w*|subprocess\.\w+"
)
_WRITING_MODE: Final = re.compile(r"[rbtU]*[wax+][rbt+]*")
_NOT_WRITING: Final = frozenset({"json.dump"})
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


class Expected:
    """The files that a script expects may be missing.

    Parameters
    ----------
    script : Script
        The script.
    places : Places
        The paths that its expressions resolve to.
    """

    def __init__(self, script: Script, places: Places) -> None:
        guarded = [node for each in script.nodes for node in _guarded(each)]
        asked = [node for each in script.nodes for node in _asked(each)]
        self.nodes = frozenset(id(node) for node in (*guarded, *asked))
        """The nodes that run only if a file exists, or that a script expects to fail."""
        found = (places.of(node) for node in (*guarded, *asked) if isinstance(node, ast.expr))
        self.places: frozenset[Place] = frozenset(
            place for place in found if place is not None and place.path != "."
        )
        """The paths that these expressions resolve to."""


def _guarded(node: ast.AST) -> Iterator[ast.AST]:
    """Yield nodes that run only if a file exists, or that a script expects to fail."""
    if isinstance(node, ast.Try):
        if caught_by(node) & _NOT_THERE and not any(_raises(each) for each in node.handlers):
            for statement in node.body:
                yield from ast.walk(statement)
    elif isinstance(node, ast.With) and suppresses(node):
        for statement in node.body:
            yield from ast.walk(statement)
    elif isinstance(node, (ast.If, ast.IfExp)) and any(
        _asked(each) for each in ast.walk(node.test)
    ):
        yield from ast.walk(node)


def _raises(handler: ast.ExceptHandler) -> bool:
    return any(isinstance(node, ast.Raise) for node in ast.walk(handler))


def _asked(node: ast.AST) -> list[ast.AST]:
    """Return the path argument of a call that checks whether a file exists."""
    if not isinstance(node, ast.Call) or last_name(node.func) not in _EXISTS:
        return []
    within = node.func.value if isinstance(node.func, ast.Attribute) else None
    asked = [*node.args[:1], *([within] if within is not None else [])]
    return [each for one in asked if dotted(one) != "os.path" for each in ast.walk(one)]


def writes_files(script: Script) -> bool:
    """Return whether a script may write a file that it reads, or change what its paths mean."""
    return any(_writes(node) for node in script.nodes)


def _writes(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return any(
            isinstance(each, ast.Subscript) and dotted(each.value) == "os.environ"
            for each in targets_of(node)
        )
    name = called(node) or getattr(node.func, "attr", "")
    modes = (*node.args[:1], argument(node, 1, "mode"))
    if name.endswith("open") and any(_WRITING_MODE.fullmatch(text_of(each)) for each in modes):
        return True
    return name not in _NOT_WRITING and _WRITING.fullmatch(name) is not None


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
