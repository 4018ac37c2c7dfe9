"""Give the answers of a piece the types and the names that they are written with."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from modelship.batch.answer_lists import items_in
from modelship.batch.answer_types import JSON
from modelship.batch.answer_values import settled

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["answers_to_write", "typed_answers"]

_MARK: Final = "_scored"


def typed_answers(answers: pa.Table, prediction: str) -> pa.Table:
    """Return answers with the types that they have in all pieces, where these are known.

    The values alone do not say: those of a piece may all be whole, or missing.
    """
    items = items_in(answers.schema)
    for at, name in enumerate(answers.column_names):
        kind = "float64" if name.startswith("probability_") else prediction
        if not kind or not name.startswith(("probability_", "prediction")):
            continue
        column = _cast(answers.column(at), pa.type_for_alias(kind), is_item=name in items)
        answers = answers.set_column(at, name, column)
    return answers


def _cast(column: Any, kind: pa.DataType, *, is_item: bool) -> Any:
    """Return values as those of a type, if they can be; whole numbers in lists stay these."""
    if column.type == JSON or (is_item and not pa.types.is_null(column.type)):
        return column
    if pa.types.is_string(kind) and not pa.types.is_nested(column.type):
        return settled(column, kind)
    with suppress(pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return column.cast(kind, safe=not pa.types.is_floating(kind))
    return column


def _with_json_texts(answers: pa.Table) -> pa.Table:
    """Return answers whose JSON is text, as each format has it."""
    for at, field in enumerate(answers.schema):
        if field.type == JSON:
            answers = answers.set_column(at, field.name, answers.column(at).cast(pa.string()))
    return answers


def answers_to_write(answers: pa.Table, taken: Sequence[str]) -> pa.Table:
    """Return the columns of answers under names that the rows do not have, and JSON as texts."""
    answers = _with_json_texts(answers)
    held = {*taken, *answers.column_names}
    names = []
    for name in answers.column_names:
        found = name
        while found in taken or (found != name and found in held):
            found += _MARK
        held.add(found)
        names.append(found)
    return answers.rename_columns(names)
