"""Instrument exception handlers to record what they catch. Runs in the bundle's environment.

Each ``except`` in a file of the bundle first records the exception that it caught, and each
``return`` within one records its value. There is no tracing, so a script runs as fast as in a
service.

It imports only the standard library, and nothing of modelship. It also runs on Python 3.8.
"""

from __future__ import annotations

import ast
from typing import Any

_CAUGHT, _RETURNED = "__modelship_caught__", "__modelship_returned__"
_NOTING = "getattr(__import__('builtins'), '{name}', lambda *noted: noted[-1])({number})"
_BROAD = {"Exception", "BaseException"}


def with_notes(source: bytes, path: str, handlers: list[dict[str, Any]]) -> Any:
    """Return a file's tree with recording calls; its plain contents if it cannot be parsed.

    Parameters
    ----------
    source : bytes
        The file.
    path : str
        The file's path.
    handlers : list
        Receives a description of each handler; a recording call passes its index.
    """
    known = len(handlers)
    try:
        return ast.fix_missing_locations(_Noting(path, handlers).visit(ast.parse(source)))
    except Exception:  # noqa: BLE001 - the compiler says what is wrong with it
        del handlers[known:]
        return source


class _Noting(ast.NodeTransformer):
    """Inserts recording calls into the handlers of a file."""

    def __init__(self, path: str, handlers: list[dict[str, Any]]) -> None:
        self._path = path
        self._handlers = handlers

    def visit_Try(self, node: Any) -> Any:
        self.generic_visit(node)
        binds = sorted(set(_bound(node.body)))
        for handler in node.handlers:
            number = len(self._handlers)
            place = {"file": self._path, "line": handler.lineno}
            kinds = {"broad": _is_broad(handler), "fixed": _is_fixed(handler)}
            self._handlers.append({**place, "binds": binds, **kinds})
            body = [_Returning(number).visit(each) for each in handler.body]
            note = ast.copy_location(ast.Expr(_call(_CAUGHT, number, at=handler)), handler)
            handler.body = [note, *body]
        return node

    visit_TryStar = visit_Try  # noqa: N815 - as ast.NodeVisitor looks for it


class _Returning(ast.NodeTransformer):
    """Inserts recording calls into the returns of a handler."""

    def __init__(self, handler: int) -> None:
        self._handler = handler

    def visit_Return(self, node: ast.Return) -> Any:
        value = node.value or ast.copy_location(ast.Constant(None), node)
        return ast.copy_location(ast.Return(_call(_RETURNED, self._handler, value, at=node)), node)

    def visit_FunctionDef(self, node: Any) -> Any:
        return node

    # Their returns are their own.
    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815 - as ast.NodeVisitor looks for it
    visit_ClassDef = visit_FunctionDef  # noqa: N815 - as above


def _call(name: str, number: int, *more: Any, at: Any) -> Any:
    """Return a recording call, which does nothing in a subprocess."""
    noting = ast.parse(_NOTING.format(name=name, number=number), mode="eval").body
    for each in ast.walk(noting):
        ast.copy_location(each, at)
    noting.args += more  # type: ignore[attr-defined] # it is a call
    return noting


def _bound(body: list[Any]) -> list[str]:
    """Return the names, attributes and keys that statements assign, and the names they import."""
    names: list[str] = []
    for node in [node for each in body for node in ast.walk(each)]:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names += [(each.asname or each.name).partition(".")[0] for each in node.names]
        elif isinstance(getattr(node, "ctx", None), ast.Store):
            key = getattr(getattr(node, "slice", None), "value", None)  # Python 3.8: of an Index
            key = getattr(key, "value", key)
            names.append(getattr(node, "id", "") or getattr(node, "attr", "") or str(key))
    return names


def _is_broad(handler: Any) -> bool:
    kinds = ast.walk(handler.type) if handler.type else [ast.Name("Exception", ast.Load())]
    return any(isinstance(each, ast.Name) and each.id in _BROAD for each in kinds)


def _is_fixed(handler: Any) -> bool:
    """Return whether a handler returns only constants, so that no request changes them."""
    returns = [node for each in handler.body for node in ast.walk(each)]
    values = [node.value for node in returns if isinstance(node, ast.Return) and node.value]
    return bool(values) and all(map(_is_literal, values))


def _is_literal(value: Any) -> bool:
    if isinstance(value, ast.Call) and getattr(value.func, "attr", "") == "dumps" and value.args:
        return _is_literal(value.args[0])
    try:
        ast.literal_eval(value)
    except ValueError:
        return False
    return True
