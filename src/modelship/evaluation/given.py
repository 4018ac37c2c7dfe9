"""Define the test set of an evaluator: values, or a file read according to the model."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

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

__all__ = ["Given", "InFile"]


class Given:
    """A test set: values of this process.

    Attributes
    ----------
    needs_types : bool
        Whether the types of its columns depend on the model.
    """

    needs_types = False

    def __init__(self, X: Any, y: Any) -> None:
        self._parts = X, y
        _ = self.examples  # which is valid

    @cached_property
    def examples(self) -> Examples:
        """The rows and their true values, as given."""
        return examples_of(*self._parts)

    def fitted_to(self, schema: Schema, *, wants_rows: bool) -> Examples:  # noqa: ARG002 - of a file
        """Return them converted for the evaluated subject.

        Parameters
        ----------
        schema : Schema
            What is known of the subject.
        wants_rows : bool
            Whether to convert a table of numbers to an array if the subject has no column names.

        Raises
        ------
        InvalidTestSetError
            If a column is missing or unknown.
        """
        return _matched(self.examples, schema)

    def with_dates(self, examples: Examples, schema: Schema) -> Examples | None:  # noqa: ARG002 - of a file
        """Return `examples` with texts that are dates converted; None if there are none.

        In a text file dates are texts, and a model that takes dates does not always declare it.
        """
        return None


class InFile(Given):
    """A file; read once to validate it, and again if a model determines its types.

    Raises
    ------
    InvalidTestSetError
        If it does not hold a test set.
    """

    needs_types = True

    def __init__(self, file: DataFile) -> None:
        self._file = file
        self._parts = file.read()
        if file.labels:  # else a model may determine which columns hold y
            super().__init__(*self._parts)

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
        """Name the column that was used as y, if that may be why a column is unknown."""
        unknown = any(each in error.problem for each in (NOT_FITTED, ONE_VALUE))
        if self._file.labels or not examples.column or not unknown:
            return error
        return InvalidTestSetError(
            f"{error.problem}; the column {examples.column!r} was taken as y",
            f"{error.advice} {self._file.flag('label')} COLUMN names the column with y.".strip(),
        )

    def _is_told(self, schema: Schema) -> bool:
        """Return whether knowledge of the model changes how the file is parsed."""
        shape = getattr(self._parts[0], "shape", ())
        other_width = schema.width is not None and shape[1:] != (schema.width,)
        texts = any(labels_are_texts(schema, at) for at in range(len(schema.outputs.labels)))
        return bool(schema.columns) or texts or other_width


def _matched(examples: Examples, schema: Schema) -> Examples:
    return replace(examples, X=matched(examples.X, schema))
