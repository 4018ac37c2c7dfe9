"""Choose how run() is called, as the online server would for the same rows."""

from __future__ import annotations

import json
import os
from abc import ABC, abstractmethod
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar

from ...server.inputs import SchemaInput, TextInput
from ...server.table_plan import TablePlan
from ..mini_batch.mini_batches import result_of
from .answer_columns import columns_of_answer
from .mini_batch_calls import mini_batch_call, mini_batch_function, rows_call

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...server.arrays import TypedPlan
    from ...server.entry_script import EntryScript
    from .block_rows import BlockRows

__all__ = ["ScriptCall", "call_for"]


class ScriptCall(ABC):
    """Calls a script with rows.

    Attributes
    ----------
    form : str
        The form of the rows that it takes: ``"matrix"`` or ``"columns"``.
    takes_mini_batches : bool
        Whether what it does may depend on which rows it gets at once.
    """

    form: ClassVar[str] = "columns"
    takes_mini_batches: ClassVar[bool] = False

    @abstractmethod
    def __call__(self, rows: BlockRows) -> Any:
        """Return the answer to some rows."""

    def message(self, rows: BlockRows) -> tuple[dict[str, Any], bytes]:
        """Return the message to the host with the answer to some rows."""
        header, content = columns_of_answer(self(rows), rows=len(rows))
        return {"columns": header}, content


class _ArrayCall(ScriptCall):
    """A script that takes one array of numbers."""

    form = "matrix"

    def __init__(self, plan: TypedPlan) -> None:
        self._plan = plan

    def __call__(self, rows: BlockRows) -> Any:
        return self._plan.call(**self._plan.arguments_of(rows.array()))


class _TableCall(ScriptCall):
    """A script whose table reads rows."""

    def __init__(self, table: Any, run_table: Callable[[Any], Any]) -> None:
        self._table = table
        self._run_table = run_table

    def __call__(self, rows: BlockRows) -> Any:
        return self._run_table(self._read(rows))

    def _read(self, rows: BlockRows) -> Any:
        read = getattr(self._table, "of_columns", None)
        if read is not None:
            return read(rows.columns())
        schema = self._table.schema  # of a bundle made before there was of_columns()
        is_named = schema.form == "records" or any(schema.names)
        return self._table.of_rows(rows.records() if is_named else rows.lists())


class _MiniBatchCall(ScriptCall):
    """A script that takes mini-batches: paths of files, or a DataFrame."""

    takes_mini_batches = True

    def __init__(self, call: Callable[[BlockRows], Any]) -> None:
        self._call = call

    def __call__(self, rows: BlockRows) -> Any:
        return self._call(rows)


class _ElementsCall(_MiniBatchCall):
    """A script whose elements are counted, and written as text, as by ParallelRunStep."""

    def message(self, rows: BlockRows) -> tuple[dict[str, Any], bytes]:
        found = result_of(self(rows), items=len(rows))
        return {"elements": found.rows}, found.text.encode(errors="backslashreplace")


class _BodyCall(ScriptCall):
    """A script that takes JSON: the rows go into a body as in the bundle's sample."""

    def __init__(self, run: Callable[..., Any], *, key: str, rows: str) -> None:
        self._run = run
        self._rows_key = key
        self._as = rows

    def __call__(self, rows: BlockRows) -> Any:
        found = rows.records() if self._as == "records" else rows.lists()
        return self._called({self._rows_key: found} if self._rows_key else found)

    @abstractmethod
    def _called(self, body: Any) -> Any: ...


class _TextCall(_BodyCall):
    """A script whose one argument is the body as text."""

    def _called(self, body: Any) -> Any:
        return self._run(json.dumps(body))


class _SchemaCall(_BodyCall):
    """A script whose arguments are the values of the body by key."""

    def _called(self, body: Any) -> Any:
        return self._run(**body)


def call_for(script: EntryScript) -> ScriptCall:
    """Return how rows go to a script, whose init() has run.

    Raises
    ------
    TypeError
        If it takes no rows; or, if files are scored, no files.
    """
    files = os.environ.get("MODELSHIP_BATCH_ITEMS") == "files"
    function = mini_batch_function(script.module)
    if function is not None and not files:
        _import_pandas()
    if function is not None and os.environ.get("MODELSHIP_BATCH_OUTPUT_ACTION"):
        return _ElementsCall(rows_call(function, files=files))
    if function is not None:
        return _MiniBatchCall(mini_batch_call(function, files=files))
    if files:
        raise TypeError(
            "the items are files, and the script has no run_batch(mini_batch): define it; it gets "
            "a list of paths, and returns one element for each"
        )
    plan = script.plan
    if plan is not None and plan.takes_one_array:
        return _ArrayCall(plan)
    if isinstance(plan, TablePlan):
        return _TableCall(script.module.table, script.module.run_table)
    shape = json.loads(os.environ["MODELSHIP_BATCH_BODY"])
    if isinstance(script.inputs, SchemaInput):
        return _SchemaCall(script.run, **shape)
    if isinstance(script.inputs, TextInput):
        return _TextCall(script.run, **shape)
    raise TypeError("run() takes the HTTP request itself, and batch scoring has none")


def _import_pandas() -> None:
    """Import what mini-batches of rows need, before calls are timed and processes forked."""
    if find_spec("pandas") is None:
        raise TypeError(
            "the script takes mini-batches of rows as a DataFrame, and its environment has no "
            "pandas: add pandas to the packages of the bundle, or define run(raw_data) alone"
        )
    import_module("pandas")
