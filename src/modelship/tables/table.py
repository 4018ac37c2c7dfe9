"""Define Table: how a scoring script reads requests and writes responses."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .arrow_bodies import arrow_table, records_of, values_of, values_of_any
from .blame import blamed
from .bodies import are_names, columns_of, dicts_of, is_split, require_names, rows_of, without_index
from .checking import Check
from .frames import FrameMaker, as_array, as_objects, as_values
from .numbers import as_numbers, rows_without_names, stacked_numbers
from .plain import to_answer
from .refused import Refused
from .schema import Schema
from .typed_columns import as_list, as_objects_of, is_no_array, typed_values

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["Table"]

_TOLD_EVERY_S = 60.0
_logger = logging.getLogger("modelship_tables")


class Table:
    """Converts requests to what a model was fitted on, and serializes its predictions.

    Parameters
    ----------
    schema : Schema
        The columns of the model's input.
    key : str
        The key under which a request holds its rows.
    validate : bool
        Whether a value that is not of its column's kind is rejected.

    Raises
    ------
    ImportError
        If the schema is that of a DataFrame, and pandas is not installed.
    """

    def __init__(self, schema: Schema, *, key: str = "data", validate: bool = True) -> None:
        self.schema = schema
        self.key = key
        self.validate = validate
        self._names = schema.names
        self._maker = FrameMaker(schema.columns) if schema.is_table else None
        self.checks = [Check(column, at) for at, column in enumerate(schema.columns)]
        self.counts = Counts(self.checks)

    @classmethod
    def beside(cls, script: str, **options: Any) -> Table:
        """Return a table of the ``schema.json`` next to the script ``__file__``."""
        return cls(Schema.read(Path(script).with_name("schema.json")), **options)

    def read(self, raw_data: str) -> Any:
        """Return the rows of a request in the form that the model was fitted on.

        Returns
        -------
        DataFrame, Series, or ndarray of shape (n, ...)
            As given by the schema's form.

        Raises
        ------
        Refused
            If the request does not fit the schema.
        """
        return self.of_rows(rows_of(raw_data, key=self.key, names=self._names))

    def of_rows(self, rows: Any) -> Any:
        """Convert rows, which are JSON values, to the model's input; see :meth:`read`."""
        if isinstance(rows, bytes):
            return self.of_arrow(rows)
        if self.schema.form == "records":
            return dicts_of(rows)
        if not self.schema.columns:
            return self._unnamed(rows)
        if self.schema.form == "array" and not any(self._names):
            rows = rows_without_names(rows)
        is_single = self.schema.form == "values"
        values = [_single(rows)] if is_single else columns_of(rows, self._names)
        for check, each in zip(self.checks, values):
            (check.require if self.validate else check.require_single)(each)
        return self._made(values)

    def of_arrow(self, body: bytes) -> Any:
        """Convert the rows of an Arrow IPC body, a stream or a file; see :meth:`read`."""
        table = arrow_table(body)
        if self.schema.form == "records":
            return records_of(table)
        if not self.schema.columns:
            columns = [
                values_of_any(each, where=f"column {name!r}")
                for name, each in zip(table.column_names, table.columns)
            ]
            stacked = stacked_numbers(columns)
            return self._unnamed([*map(list, zip(*columns))]) if stacked is None else stacked
        if are_names(self._names):
            found = without_index(table.column_names, self._names)
            require_names(found, self._names, where="The Arrow body")
            held = [table.column(name) for name in self._names]
        elif table.num_columns == len(self._names):
            held = table.columns
        else:
            told = f"{table.num_columns} columns; {len(self._names)} are expected"
            raise Refused(f"The Arrow body has {told}.")
        return self._made(
            [
                values_of(each, check, validate=self.validate)
                for each, check in zip(held, self.checks)
            ]
        )

    def of_columns(self, columns: Mapping[str, Any]) -> Any:
        """Convert columns of one length, by name, as :meth:`of_arrow` converts those of a body.

        Parameters
        ----------
        columns : Mapping[str, ndarray or list or object]
            The values of each column; see :mod:`~modelship.tables.typed_columns`.

        Returns
        -------
        DataFrame, Series, or ndarray of shape (n, ...)
            As given by the schema's form.

        Raises
        ------
        Refused
            If the columns do not fit the schema.
        """
        if self.schema.form == "records":
            listed = [as_objects_of(each) for each in columns.values()]
            return [dict(zip(columns, row)) for row in zip(*listed)]
        if not self.schema.columns:
            return self._of_any(list(columns.values()))
        if are_names(self._names):
            found = without_index(list(columns), self._names)
            require_names(found, self._names, where="The table of rows")
            held = [columns[name] for name in self._names]
        elif len(columns) == len(self._names):
            held = list(columns.values())
        else:
            raise Refused(f"The rows have {len(columns)} columns; {len(self._names)} are expected.")
        values = [
            typed_values(each, check, validate=self.validate)
            for each, check in zip(held, self.checks)
        ]
        if self._maker is None:
            values = [as_list(each) if is_no_array(each) else each for each in values]
        return self._made(values)

    def _of_any(self, held: list[Any]) -> Any:
        """Return columns of which no schema is known."""
        columns = [as_list(each) if is_no_array(each) or each.ndim > 1 else each for each in held]
        stacked = stacked_numbers(columns)
        return self._unnamed([*map(list, zip(*columns))]) if stacked is None else stacked

    def of_array(self, array: Any) -> Any:
        """Convert the rows of an array of numbers, of shape (n, columns); see :meth:`read`."""
        return self.of_rows(array.tolist()) if self.schema.columns else array

    def _unnamed(self, rows: Any) -> Any:
        """Return rows of which no columns are known."""
        if self.schema.form == "array" and self.validate:
            return as_numbers(rows, width=self.schema.width)
        return as_array(rows_without_names(rows) if self.schema.form == "array" else rows)

    def _made(self, values: list[Any]) -> Any:
        self.counts.note(values)
        if self._maker is not None:
            return self._maker.frame(values)
        if self.schema.form == "values":
            return as_values(self.schema.columns[0], values[0])
        if self.schema.form == "array":
            return as_array([list(row) for row in zip(*values)])
        return as_objects(self.schema.columns, values)

    def ask(self, predict: Callable[[Any], Any], data: Any) -> Any:
        """Return the result of ``predict(data)``.

        Raises
        ------
        Refused
            If it raises an error that the caller caused: for example, a row has a missing value,
            and the model accepts none.
        """
        try:
            return predict(data)
        except Exception as error:
            width = None if self.schema.columns else self.schema.width
            refusal = blamed(error, data, self.checks, width=width, predict=predict)
            if refusal is None:
                raise
            raise refusal from error

    def answer(self, predictions: Any) -> Any:
        """Return predictions as JSON values: labels, numbers, or lists; an infinity is null."""
        return to_answer(predictions)

    def answer_proba(
        self, predictions: Any, probabilities: Any, classes: Sequence[Any]
    ) -> dict[str, Any]:
        """Return predictions, with the probability of each class."""
        return {
            "predictions": to_answer(predictions),
            "probabilities": to_answer(probabilities),
            "classes": to_answer(classes),
        }


def _single(rows: Any) -> list[Any]:
    """Return the values of rows that hold one value each, in any form.

    Raises
    ------
    Refused
        If they hold something else.
    """
    if isinstance(rows, dict) and is_split(rows):
        rows = rows["data"]
    if isinstance(rows, dict) and len(rows) == 1:
        [rows] = rows.values()
    if not isinstance(rows, list):
        raise Refused('A list with one value for each row is expected, such as ["a text"].')
    return [_value(row, at=at) for at, row in enumerate(rows)]


def _value(row: Any, *, at: int) -> Any:
    if isinstance(row, (list, dict)):
        if len(row) != 1:
            raise Refused(f"Row {at} has {len(row)} values; one is expected.")
        [row] = row.values() if isinstance(row, dict) else row
    return row


class Counts:
    """Counts values outside a column's categories, and numbers outside its range.

    The counts are logged in one line, at most once a minute.

    Parameters
    ----------
    checks : sequence of Check
        The check of each column.
    """

    def __init__(self, checks: Sequence[Check]) -> None:
        self._checks = checks
        self._rows = 0
        self._next_s = 0.0
        self._taken = (0, 0)
        self.has_new = False

    def note(self, values: Sequence[Any]) -> None:
        """Count the values of each column, for one request."""
        found = [check for check, each in zip(self._checks, values) if check.count(each)]
        self._rows += len(values[0]) if values else 0
        if found:
            self.has_new = True
            self._tell()

    def take(self) -> tuple[int, int]:
        """Return the counts since the last call: values, and numbers."""
        self.has_new = False
        before, self._taken = self._taken, self.totals
        return self._taken[0] - before[0], self._taken[1] - before[1]

    @property
    def totals(self) -> tuple[int, int]:
        """The number of values outside the categories, and of numbers outside the range."""
        return sum(each.unseen for each in self._checks), sum(each.outside for each in self._checks)

    def _tell(self) -> None:
        now_s = time.monotonic()
        if now_s < self._next_s:
            return
        self._next_s = now_s + _TOLD_EVERY_S
        told = "; ".join(text for check in self._checks if (text := check.counted()))
        _logger.warning("Counted in %d rows, and not refused: %s.", self._rows, told)
