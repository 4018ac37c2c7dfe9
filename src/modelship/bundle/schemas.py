"""Determine the schema of a bundle from an explicit one, the model and the sample request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modelship.errors import InvalidOptionError, SampleInputError
from modelship.tables import NoPlainForm, Schema, SchemaError, schema_of_data
from modelship.tables.plain import is_frame
from modelship.tables.schema import OtherColumnsError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from modelship.sources import Model

__all__ = ["key_of", "sample_rows", "schema_of"]

_OTHER_COLUMNS: Final = (
    "Give rows with the columns that the model was fitted on; if a script of yours makes them of "
    "others, pass it as entry_script."
)


def schema_of(
    models: Sequence[Model], *, given: Schema | str | Path | None, sample: object, strict: bool
) -> Schema:
    """Return the schema of a bundle.

    Parameters
    ----------
    models : Sequence[Model]
        The models of the bundle; several models have no common schema.
    given : Schema, str or Path, optional
        A schema, or the path of a schema file; it takes precedence over the model and the sample.
    sample : object
        The sample request, or its rows, as given by the user.
    strict : bool
        Whether the sample must have the columns of the model: a custom script may take other
        columns, and compute those of the model from them.

    Raises
    ------
    InvalidOptionError
        If `given` is not a schema, or has other columns than the model.
    SampleInputError
        If the sample has other columns than the model, has no rows, or is not JSON serializable.
    """
    schema = _given(given)
    if len(models) == 1:
        schema = _completed(schema, model=models[0], given=given)
    if strict or is_frame(sample):
        _require_rows(sample)
    try:
        completed = schema.completed_by(schema_of_data(_rows(sample)))
    except NoPlainForm as error:
        raise SampleInputError(problem=str(error)) from error
    except SchemaError as error:
        if not strict:
            return schema
        raise SampleInputError(problem=str(error), advice=_OTHER_COLUMNS) from error
    if given is not None:
        _require_categories(completed, given=given, known=[each.schema for each in models])
    return completed


def key_of(sample: object) -> str:
    """Return the key of the rows in a sample request; ``""`` if the request itself is the rows."""
    if sample is None or is_frame(sample):
        return "data"
    if not isinstance(sample, dict):
        return ""
    return str(next(iter(sample))) if len(sample) == 1 else "data"


def sample_rows(sample: object) -> tuple[str, Any]:
    """Return the key of the rows in a parsed sample request, as :func:`key_of`, and the rows."""
    key = key_of(sample)
    return key, sample.get(key) if isinstance(sample, dict) else sample


def _given(given: Schema | str | Path | None) -> Schema:
    if given is None or isinstance(given, Schema):
        return given or Schema()
    try:
        return Schema.read(given)
    except (OSError, SchemaError) as error:
        found, expected = f"{given}: {error}", "a Schema, or a file that Schema.to_json() wrote"
        raise InvalidOptionError("schema", found, expected) from error


def _completed(schema: Schema, *, model: Model, given: Schema | str | Path | None) -> Schema:
    try:
        return schema.completed_by(model.schema)
    except SchemaError as error:
        expected = (
            f"a schema of the model {model.name!r}: {_difference(error, schema, model.schema)}"
        )
        raise InvalidOptionError("schema", _named(given), expected) from error


def _named(given: object) -> str:
    return "a Schema" if isinstance(given, Schema) else str(given)


def _require_categories(schema: Schema, *, given: object, known: Sequence[Schema]) -> None:
    """Raise InvalidOptionError if a category column without categories is new to the models."""
    told = {column.name for each in known for column in each.columns if column.kind == "category"}
    for column in schema.columns:
        if column.kind == "category" and not column.dtype and column.name not in told:
            expected = (
                f"one with categories for the column {column.name!r}, whose kind is 'category'"
            )
            raise InvalidOptionError("schema", _named(given), expected)


def _difference(error: SchemaError, schema: Schema, of_model: Schema) -> str:
    """Return the difference between a schema and that of the model file."""
    if not isinstance(error, OtherColumnsError):
        return f"the model takes {of_model.width} columns, and the schema has {schema.width}"
    clauses = (
        (error.unknown, "the model takes {}, which the schema lacks"),
        (error.lacking, "the schema has {}, which the model does not take"),
    )
    return "; ".join(told.format(", ".join(map(repr, names))) for names, told in clauses if names)


def _require_rows(sample: object) -> None:
    if isinstance(sample, str):
        problem = f"it is the text {sample[:80]!r}, and not rows"
        advice = "Give the rows themselves: a DataFrame, such as pandas.read_csv(path).head()."
        raise SampleInputError(problem=problem, advice=advice)
    rows = _rows(sample)
    if (is_frame(rows) or isinstance(rows, (list, tuple))) and len(rows) == 0:
        advice = "Give one row or more, such as X.head()."
        raise SampleInputError(problem="it has no rows", advice=advice)


def _rows(sample: object) -> Any:
    if isinstance(sample, dict) and not is_frame(sample):
        return next(iter(sample.values())) if len(sample) == 1 else None
    return sample
