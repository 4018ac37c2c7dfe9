"""Define TablePlan: the scoring path of scripts that read tables.

In addition to ``run(raw_data)`` such a script has a ``table`` that reads Arrow and arrays, and a
function ``run_table(data)`` that takes its result. So bodies other than JSON need no intermediate
list, and the server does not depend on a table type.
"""

from __future__ import annotations

import inspect
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from .arrays import TypedPlan, array_plan
from .binary import BadBody, npy_array
from .readers import FallBack

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

__all__ = ["TablePlan", "table_plan"]


class TablePlan(TypedPlan):
    """How the bodies for run_table() become its one argument.

    Parameters
    ----------
    name : str
        The name of its parameter.
    table : object
        An object with the methods ``of_arrow(bytes)`` and ``of_array(array)``. An exception of
        these or of run_table() that has ``response()`` is the client's fault.
    run_table : callable
        The function for the rows that `table` reads.
    numbers : TypedPlan, optional
        The reader for rows of numbers, if run() only converts them to an array.
    """

    def __init__(
        self,
        name: str,
        *,
        table: Any,
        run_table: Callable[[Any], Any],
        numbers: TypedPlan | None,
    ) -> None:
        super().__init__(_answering(run_table, name), {}, {})
        self._name = name
        self._table = table
        self._numbers = numbers

    def read_json(self, body: bytes) -> dict[str, Any]:
        if self._numbers is None:
            raise FallBack
        return self._numbers.read_json(body)

    def read_npy(self, body: bytes) -> dict[str, Any]:
        return self.arguments_of(npy_array(body))

    @property
    def takes_one_array(self) -> bool:
        return self._numbers is not None

    def arguments_of(self, array: Any) -> dict[str, Any]:
        if self._numbers is not None:
            return self._numbers.arguments_of(array)
        return self._read_table(self._table.of_array, array)

    def read_arrow(self, body: bytes) -> dict[str, Any]:
        if self._numbers is not None:
            with suppress(BadBody):  # the table has a better error message, or reads it
                return self._numbers.read_arrow(body)
        return self._read_table(self._table.of_arrow, body)

    def _read_table(self, read: Callable[[Any], Any], held: Any) -> dict[str, Any]:
        try:
            return {self._name: read(held)}
        except ValueError as refused:
            if not hasattr(refused, "response"):
                raise
            raise BadBody(getattr(refused, "status", 400), str(refused)) from refused


def table_plan(module: ModuleType) -> TablePlan | None:
    """Return how to serve a script with a `table` and a `run_table`; None if it has none."""
    call, table = getattr(module, "run_table", None), getattr(module, "table", None)
    if not inspect.isfunction(call) or not _reads(table):
        return None
    parameters = inspect.signature(call).parameters.values()
    if [each.kind for each in parameters] != [inspect.Parameter.POSITIONAL_OR_KEYWORD]:
        return None
    (name,) = (each.name for each in parameters)
    numbers = array_plan(module) if getattr(module, "run_array", None) is call else None
    return TablePlan(name, table=table, run_table=call, numbers=numbers)


def _reads(table: Any) -> bool:
    return all(callable(getattr(table, name, None)) for name in ("of_arrow", "of_array"))


def _answering(run_table: Callable[[Any], Any], name: str) -> Callable[..., Any]:
    """Return run_table() with responses for rejected input, as run() has."""

    def call(**arguments: Any) -> Any:
        try:
            return run_table(arguments[name])
        except ValueError as refused:
            if not hasattr(refused, "response"):
                raise
            return refused.response()

    return call
