"""Join columns of answers in one type each."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["are_joined", "as_texts", "joined_types"]


def joined_types(tables: Sequence[pa.Table]) -> pa.Table:
    """Return the rows of several tables, one after the other.

    A column that is missing in some is null there. Integers and floats are floats together; other
    types that differ are texts.
    """
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        odd = _unlike(tables)
        parts = [_with_floats(_with_texts(each, odd), tables) for each in tables]
        return pa.concat_tables(parts, promote_options="permissive")


def as_texts(values: Iterable[Any]) -> list[str | None]:
    """Return texts as they are, and other values as JSON.

    A whole number has no point: whether it was a float depends on which rows were called together.
    """
    return [
        each if each is None or isinstance(each, str) else json.dumps(_whole(each))
        for each in values
    ]


def _whole(value: Any) -> Any:
    """Return a JSON value whose floats are integers where they are whole."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_whole(each) for each in value]
    if isinstance(value, dict):
        return {key: _whole(each) for key, each in value.items()}
    return value


def _unlike(tables: Sequence[pa.Table]) -> set[str]:
    """Return the names of the columns whose types cannot be joined."""
    kinds: dict[str, set[pa.DataType]] = {}
    for table in tables:
        for field in table.schema:
            kinds.setdefault(field.name, set()).add(field.type)
    return {name for name, each in kinds.items() if not are_joined(each)}


def are_joined(kinds: Iterable[pa.DataType]) -> bool:
    """Return whether values of some types have one that is not text only for that."""
    try:
        pa.unify_schemas([pa.schema([("", each)]) for each in kinds], promote_options="permissive")
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        return False
    return True


def _with_texts(table: pa.Table, names: set[str]) -> pa.Table:
    for at, name in enumerate(table.column_names):
        if name in names:
            texts = pa.array(as_texts(table.column(at).to_pylist()), pa.string())
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
