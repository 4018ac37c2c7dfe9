"""Resolve paths in a script as far as possible without running it."""

from __future__ import annotations

import ast
import posixpath
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from modelship.checks.parsing import assigned_once, called, dotted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelship.checks.parsing import Script

__all__ = ["Place", "Places"]

_ROOTS: Final[Mapping[object, str]] = MappingProxyType(
    {"AZUREML_MODEL_DIR": "model", "AML_APP_ROOT": "here"}
)
_SAME: Final = frozenset(
    ("str", "os.fspath", "os.path.abspath", "os.path.realpath", "os.path.normpath")
)
_PATH: Final = frozenset({"Path", "PurePath", "pathlib.Path", "pathlib.PurePath"})
_PATH_METHODS: Final = frozenset({"resolve", "absolute", "expanduser", "as_posix"})
_DEEPEST: Final = 50


@dataclass(frozen=True)
class Place:
    """A path whose root is known.

    Parameters
    ----------
    root : {"model", "source", "here", "absolute"}
        The root: ``AZUREML_MODEL_DIR``, the root of the source, the service's current folder
        ``AML_APP_ROOT`` (in most places also the root of the source), or ``/``.
    path : str
        The rest, normalized; ``"."`` for the root itself.
    """

    root: str
    path: str

    def join(self, part: str) -> Place:
        """Return the place at `part` relative to this one."""
        if part.startswith("/"):
            return Place("absolute", posixpath.normpath(part))
        return replace(self, path=posixpath.normpath(posixpath.join(self.path, part)))

    @property
    def parent(self) -> Place:
        """The folder that contains it."""
        return self.join("..")


class Places:
    """The places that the expressions of one script refer to.

    Parameters
    ----------
    script : Script
        The script.
    """

    def __init__(self, script: Script) -> None:
        self._script = script
        self._names = assigned_once(script.nodes)

    def of(self, node: ast.AST, depth: int = 0) -> Place | None:  # noqa: PLR0911 - one for each kind
        """Return the place that the value of `node` refers to, or None if it is not known."""
        if depth > _DEEPEST:
            return None
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return Place("here", ".").join(node.value)
        if isinstance(node, ast.Name):
            return self._of_name(node, depth)
        if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Div, ast.Add)):
            return self._of_sum(node, depth)
        if isinstance(node, ast.JoinedStr):
            return self._of_parts(node.values, depth)
        if isinstance(node, ast.Attribute) and node.attr == "parent":
            inside = self.of(node.value, depth + 1)
            return inside.parent if inside else None
        if isinstance(node, ast.Subscript):
            named = node.slice if dotted(node.value) == "os.environ" else None
            return _folder_in(named)
        return self._of_call(node, depth) if isinstance(node, ast.Call) else None

    def _of_name(self, node: ast.Name, depth: int) -> Place | None:
        if node.id == "__file__":
            return Place("source", self._script.path)
        value = self._names.get(node.id)
        return self.of(value, depth + 1) if value is not None else None

    def _of_call(self, node: ast.Call, depth: int) -> Place | None:  # noqa: PLR0911 - one for each kind
        name = called(node)
        if name in {"os.getcwd", "Path.cwd", "pathlib.Path.cwd"}:
            return Place("here", ".")
        if name in {"os.getenv", "os.environ.get"}:
            return _folder_in(node.args[0] if node.args else None)
        if name in _SAME and node.args:
            return self.of(node.args[0], depth + 1)
        if name == "os.path.dirname" and node.args:
            inside = self.of(node.args[0], depth + 1)
            return inside.parent if inside else None
        if name == "os.path.join" or name in _PATH:
            return self._joined(node.args, depth)
        if isinstance(node.func, ast.Attribute):
            if node.func.attr == "joinpath":
                return self._joined([node.func.value, *node.args], depth)
            if node.func.attr in _PATH_METHODS:
                return self.of(node.func.value, depth + 1)
        return None

    def _joined(self, parts: list[ast.expr], depth: int) -> Place | None:
        place = self.of(parts[0], depth + 1) if parts else None
        for part in parts[1:]:
            text = self._text(part)
            if place is None or text is None:
                return None
            place = place.join(text)
        return place

    def _of_sum(self, node: ast.BinOp, depth: int) -> Place | None:
        left, text = self.of(node.left, depth + 1), self._text(node.right)
        if left is None or text is None:
            return None
        if isinstance(node.op, ast.Div):
            return left.join(text)
        return left.join(text.lstrip("/")) if text.startswith("/") else None

    def _of_parts(self, parts: list[ast.expr], depth: int) -> Place | None:
        """Return the place of an f-string such as ``f"{folder}/model.pkl"``."""
        first, *rest = parts or [ast.Constant(0)]
        place = self.of(first.value, depth + 1) if isinstance(first, ast.FormattedValue) else None
        texts = [self._text(part) for part in rest]
        if place is None or None in texts:
            return None
        return place.join("".join(text or "" for text in texts).lstrip("/"))

    def _text(self, node: ast.AST) -> str | None:
        if isinstance(node, ast.Name):
            node = self._names.get(node.id, node)
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return node.value
        return None


def _folder_in(variable: ast.AST | None) -> Place | None:
    """Return the folder that an environment variable names, if it is a known one."""
    root = _ROOTS.get(variable.value) if isinstance(variable, ast.Constant) else None
    return Place(root, ".") if root else None
