"""Read the columns of answers as an Arrow table, of equal types over several calls."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["answer_table", "joined_answers"]


def answer_table(header: Sequence[dict[str, Any]], content: bytes | bytearray) -> pa.Table:
    """Return the columns of one answer.

    A number that is not finite is null, as in the JSON of an online answer. A column of values of
    different types holds texts.

    Parameters
    ----------
    header : sequence of dict
        The name, the dtype and the place of each column.
    content : bytes
        The values.
    """
    view = memoryview(content)
    parts = [view[each["at"] : each["at"] + each["bytes"]] for each in header]
    arrays = [_array(each["dtype"], part) for each, part in zip(header, parts, strict=True)]
    return pa.table(arrays, names=[each["name"] for each in header])


def joined_answers(answers: Iterable[pa.Table]) -> pa.Table:
    """Return the rows of several answers, one after the other.

    A column that is missing in some is null there. Integers and floats are floats together; other
    types that differ are texts.
    """
    tables = [*answers]
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        odd = _unlike(tables)
        parts = [_with_floats(_with_texts(each, odd), tables) for each in tables]
        return pa.concat_tables(parts, promote_options="permissive")


def _array(dtype: str, part: memoryview) -> pa.Array:
    if dtype == "json":
        return _of_json(json.loads(bytes(part)))
    values = np.frombuffer(part, dtype)
    if values.dtype.kind == "f" and not (is_finite := np.isfinite(values)).all():
        return pa.array(values, mask=~is_finite)
    return pa.array(values)


def _of_json(values: list[Any]) -> pa.Array:
    kinds = {type(each) for each in values} - {type(None)}
    if len(kinds) > 1 and kinds != {int, float}:  # pyarrow would convert true to 1
        return pa.array(_texts(values), pa.string())
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        if kinds <= {int, float}:  # integers beyond 64 bits
            return pa.array([None if each is None else float(each) for each in values])
        return pa.array(_texts(values), pa.string())


def _texts(values: Iterable[Any]) -> list[str | None]:
    """Return texts as they are, and other values as JSON."""
    return [each if each is None or isinstance(each, str) else json.dumps(each) for each in values]


def _unlike(tables: Sequence[pa.Table]) -> set[str]:
    """Return the names of the columns whose types cannot be joined."""
    kinds: dict[str, set[pa.DataType]] = {}
    for table in tables:
        for field in table.schema:
            kinds.setdefault(field.name, set()).add(field.type)
    return {name for name, each in kinds.items() if not _are_joined(name, each)}


def _are_joined(name: str, kinds: Iterable[pa.DataType]) -> bool:
    try:
        pa.unify_schemas(
            [pa.schema([pa.field(name, each)]) for each in kinds], promote_options="permissive"
        )
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        return False
    return True


def _with_texts(table: pa.Table, names: set[str]) -> pa.Table:
    for at, name in enumerate(table.column_names):
        if name in names:
            texts = pa.array(_texts(table.column(at).to_pylist()), pa.string())
            table = table.set_column(at, name, texts)
    return table


def _with_floats(table: pa.Table, others: Sequence[pa.Table]) -> pa.Table:
    """Return a table whose integers are floats, rounded, where other tables have floats."""
    for at, field in enumerate(table.schema):
        if pa.types.is_integer(field.type) and any(
            _has_floats(each, field.name) for each in others
        ):
            floats = table.column(at).cast(pa.float64(), safe=False)
            table = table.set_column(at, field.name, floats)
    return table


def _has_floats(table: pa.Table, name: str) -> bool:
    return name in table.column_names and pa.types.is_floating(table.schema.field(name).type)
