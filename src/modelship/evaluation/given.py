"""Define the test set of an evaluator: values, or a file read according to the model."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from modelship.errors import InvalidTestSetError
from modelship.evaluation.examples import Examples, examples_of
from modelship.evaluation.files.splitting import labels_are_texts, with_dates
from modelship.evaluation.matching import (
    NOT_FITTED,
    ONE_VALUE,
    is_numeric,
    matched,
    schema_with_groups,
)
from modelship.tables.plain import is_frame

if TYPE_CHECKING:
    from modelship.evaluation.files import DataFile
    from modelship.tables.schema import Schema

__all__ = ["Given", "InFile", "InMemory"]


class Given(Protocol):
    """A test set.

    Attributes
    ----------
    needs_types : bool
        Whether the types of its columns are open.
    """

    needs_types: bool

    @property
    def examples(self) -> Examples:
        """The rows, and what is true of each, as they stand there."""

    def fitted_to(self, schema: Schema, *, wants_rows: bool) -> Examples:
        """Return them as what is evaluated takes them.

        Parameters
        ----------
        schema : Schema
            What is known of it.
        wants_rows : bool
            Whether it takes a table of numbers, whose columns it does not name, as an array.

        Raises
        ------
        InvalidTestSetError
            If a column is missing or unknown.
        """

    def with_dates(self, examples: Examples, schema: Schema) -> Examples | None:
        """Return `examples` with dates in the place of texts that are some; None if none are.

        In a text file dates are texts, and a model that takes dates does not always say so.
        """


class InMemory:
    """Values of this process."""

    needs_types = False

    def __init__(self, examples: Examples) -> None:
        self.examples = examples

    def fitted_to(self, schema: Schema, *, wants_rows: bool) -> Examples:  # noqa: ARG002 - as declared
        return _matched(self.examples, schema)

    def with_dates(self, examples: Examples, schema: Schema) -> Examples | None:  # noqa: ARG002 - as declared
        return None


class InFile:
    """A file; read once to see that it can be, and again where a model says how.

    Raises
    ------
    InvalidTestSetError
        If it does not hold a test set.
    """

    needs_types = True

    def __init__(self, file: DataFile) -> None:
        self._file = file
        self._parts = file.read()
        if file.labels:  # else a model may say which columns hold y
            self._examples: Examples | None = examples_of(*self._parts)
        else:
            self._examples = None

    @property
    def examples(self) -> Examples:
        if self._examples is None:
            self._examples = examples_of(*self._parts)
        return self._examples

    def fitted_to(self, schema: Schema, *, wants_rows: bool) -> Examples:
        if schema.groups:
            schema = schema_with_groups(schema, self._file.read(schema)[0])
        is_told = self._is_told(schema)
        examples = examples_of(*self._file.read(schema)) if is_told else self.examples
        try:
            found = _matched(examples, schema)
        except InvalidTestSetError as error:
            raise self._with_label(error, examples) from error
        if wants_rows and not schema.columns and is_frame(found.X) and is_numeric(found.X):
            return replace(found, X=found.X.to_numpy())  # as rows of numbers
        return found

    def with_dates(self, examples: Examples, schema: Schema) -> Examples | None:
        X = with_dates(examples.X, schema) if is_frame(examples.X) else None
        return None if X is None else replace(examples, X=X)

    def _with_label(self, error: InvalidTestSetError, examples: Examples) -> InvalidTestSetError:
        """Say which column was taken as y, if that may be why a column is unknown."""
        unknown = any(each in error.problem for each in (NOT_FITTED, ONE_VALUE))
        if self._file.labels or not examples.column or not unknown:
            return error
        return InvalidTestSetError(
            f"{error.problem}; the column {examples.column!r} was taken as y",
            f"{error.advice} {self._file.flag('label')} COLUMN names the column with y.".strip(),
        )

    def _is_told(self, schema: Schema) -> bool:
        """Return whether the file reads otherwise with what is known of a model."""
        shape = getattr(self._parts[0], "shape", ())
        other_width = schema.width is not None and shape[1:] != (schema.width,)
        texts = any(labels_are_texts(schema, at) for at in range(len(schema.outputs.labels)))
        return bool(schema.columns) or texts or other_width


def _matched(examples: Examples, schema: Schema) -> Examples:
    return replace(examples, X=matched(examples.X, schema))
