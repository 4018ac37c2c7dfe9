"""The schema of a bundle: what is given, or what the model and the sample request tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modelship.bundle.payload import is_frame
from modelship.errors import InvalidOptionError, SampleInputError
from modelship.tables import Schema, SchemaError, schema_of_data

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from modelship.sources import Model

__all__ = ["key_of", "schema_of"]

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
        Its models; several have no schema in common.
    given : Schema, str or Path, optional
        A schema, or the file of one; it has the say, before the model and the sample.
    sample : object
        The sample request, or the rows of one, as it was given.
    strict : bool
        Whether the sample has to have the model's columns: a script of the user's own may take
        others, and make the model's of them.

    Raises
    ------
    InvalidOptionError
        If `given` is no schema.
    SampleInputError
        If the sample has other columns than the model.
    """
    schema = _given(given)
    if len(models) == 1:
        schema = schema.completed_by(models[0].schema)
    try:
        return schema.completed_by(schema_of_data(_rows(sample)))
    except SchemaError as error:
        if not strict:
            return schema
        raise SampleInputError(problem=str(error), advice=_OTHER_COLUMNS) from error


def key_of(sample: object) -> str:
    """Return the key under which a sample request holds its rows; ``""`` if it is the rows."""
    if sample is None or is_frame(sample):
        return "data"
    if not isinstance(sample, dict):
        return ""
    return str(next(iter(sample))) if len(sample) == 1 else "data"


def _given(given: Schema | str | Path | None) -> Schema:
    if given is None or isinstance(given, Schema):
        return given or Schema()
    try:
        return Schema.read(given)
    except (OSError, SchemaError) as error:
        found, expected = f"{given}: {error}", "a Schema, or a file that Schema.to_json() wrote"
        raise InvalidOptionError("schema", found, expected) from error


def _rows(sample: object) -> Any:
    if isinstance(sample, dict) and not is_frame(sample):
        return next(iter(sample.values())) if len(sample) == 1 else None
    return sample
